"""A foreign server as it is spoken to: how it is reached, the SUBSCRIBE, and whose NOTIFY it is (D-31, R-BCK-12)."""

import contextlib
import secrets
from typing import TYPE_CHECKING, Final

from presence.backend import LONGEST_MINIMUM
from presence.engine.errors import NotAuthorised
from provisioning.policy import plain_address
from sipedge.dialogs import LiveBackend, tag_of
from sipedge.sip.dialog import Dialog
from sipedge.sip.errors import SipError
from sipedge.sip.flow import Flow
from sipedge.sip.headers import seconds_of
from sipedge.sip.message import Request, Response
from sipedge.sip.stack import ClientTransaction
from sipedge.sip.transaction import TransactionUser

if TYPE_CHECKING:
    from sipedge.worker import Edge

USUAL_ACCEPT: Final = "application/pidf+xml, application/cpim-pidf+xml"
"Where the watcher named no type, or the subscription is shared (R-BCK-12)."


async def reach(edge: "Edge", found: LiveBackend) -> Flow | None:
    """How the server is reached now: its route or contact within a dialog, else its provisioned address."""
    hops = await edge.locator.of_server(found.server.address, found.server.transport)
    if hops:
        found.addresses = frozenset(hop.address[0] for hop in hops)
    if found.dialog is not None and found.dialog.remote_tag:
        with contextlib.suppress(SipError):
            nearer = await edge.locator.of_uri(found.dialog.next_hop)
            # Over the transport that it is provisioned with, whatever its Contact says about that.
            hops = [hop._replace(transport=found.server.transport) for hop in nearer] + hops
    for hop in hops:
        flow = await edge.network.flow_to(hop)
        if flow is not None:
            return flow
        edge.locator.failed(hop)
    return None


def subscribe(
    edge: "Edge", found: LiveBackend, flow: Flow, expires: int, *, user: TransactionUser
) -> ClientTransaction:
    """Send a SUBSCRIBE, in the dialog if there is one; `user` hears how it ends."""
    row, listener = found.row, edge.network.listener_of(flow)
    if found.dialog is None:
        found.dialog = Dialog.to_peer(
            call_id=f"{secrets.token_hex(12)}@{listener.sent_by.rpartition(':')[0]}",
            local=row.watcher,
            local_tag=tag_of(row.id),
            remote=row.foreign,
            flow=flow,
        )
    dialog = found.dialog
    dialog.flow = flow
    dialog.local_cseq += 1
    target, routes = dialog.target_and_routes()
    request = Request.build(
        "SUBSCRIBE",
        target,
        [
            *(("Route", route) for route in routes),
            ("Max-Forwards", "70"),
            ("From", f"{dialog.local};tag={dialog.local_tag}"),
            ("To", dialog.remote),
            ("Call-ID", dialog.call_id),
            ("CSeq", f"{dialog.local_cseq} SUBSCRIBE"),
            ("Contact", listener.contact),
            ("Event", "presence"),
            ("Accept", row.accept or USUAL_ACCEPT),
            ("Expires", str(expires)),
            ("P-Asserted-Identity", f"<{row.watcher}>"),
        ],
    )
    sent = edge.stack.request(request, flow, edge.loop.time(), sent_by=listener.sent_by, user=user, context=found)
    edge.flush()
    return sent


def may_mend(found: LiveBackend, response: Response) -> bool:
    """A refusal that another SUBSCRIBE may mend at once: a longer interval, or a new dialog; prepares that one."""
    if found.row.failures:
        return False
    if response.status == 423:
        minimum = seconds_of(response.get("Min-Expires")) or 0
        if not found.min_expires < minimum <= LONGEST_MINIMUM:
            return False
        found.min_expires = minimum
        return True
    if response.status == 481 and found.dialog is not None and found.dialog.remote_tag:
        found.dialog = None  # the server has forgotten it
        return True
    return False


async def check_sender(edge: "Edge", found: LiveBackend, flow: Flow) -> None:
    """A NOTIFY comes from the server of its subscription, or from a trusted peer (D-31); raises NotAuthorised."""
    source = plain_address(flow.remote[0])
    if source not in found.addresses:  # after a restart they are not known yet
        hops = await edge.locator.of_server(found.server.address, found.server.transport)
        found.addresses |= {hop.address[0] for hop in hops}
    if source not in found.addresses and not edge.policy.trusts(source, edge.network.names_of(flow)):
        raise NotAuthorised("not the server of this subscription")

"""All dialogs with phones, by our tag."""

import contextlib
import secrets
from typing import TYPE_CHECKING

from provisioning.uri import BadUri, SipUri
from sipedge.b2bua.leg import Leg
from sipedge.b2bua.leg_user import LegUser
from sipedge.b2bua.watch import LOOK_INTERVAL
from sipedge.sip.dialog import Dialog
from sipedge.sip.errors import SipError
from sipedge.sip.flow import Flow
from sipedge.sip.message import Request
from sipedge.sip.stack import AckReceived
from sipedge.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from sipedge.worker import Edge

MAX_LEGS = 10_000
"Dialogs with phones at once, some 10 kB each."


class Legs:
    """Makes dialogs, and finds the one that a message belongs to."""

    def __init__(self, edge: "Edge") -> None:
        self.edge = edge
        self.look_interval = LOOK_INTERVAL
        self.by_tag: dict[str, Leg] = {}
        self.asked: dict[tuple[str, ...], Leg] = {}
        "Legs whose phone waits for the answer to an INVITE, by server transaction."

    def __len__(self) -> int:
        return len(self.by_tag)

    def take(self, user: LegUser, device: str, request: Request, flow: Flow, transaction: ServerTransaction) -> Leg:
        """A leg of a phone that calls; raises SipError."""
        self._check_room()
        tag = secrets.token_hex(10)
        leg = Leg(self, user, device, Dialog.from_request(request, tag, flow), tag)
        leg.take(request, transaction)
        self.by_tag[tag] = leg
        return leg

    def make(self, user: LegUser, device: str, *, local: str, remote: str, flow: Flow) -> Leg:
        """A leg to a phone that will be called; `local` and `remote` are the addresses for From and To."""
        self._check_room()
        tag = secrets.token_hex(10)
        dialog = Dialog.to_peer(
            call_id=f"{tag}-{secrets.token_hex(6)}", local="", local_tag=tag, remote=remote, flow=flow
        )
        dialog.local = local
        leg = self.by_tag[tag] = Leg(self, user, device, dialog, tag)
        return leg

    def _check_room(self) -> None:
        if len(self.by_tag) >= MAX_LEGS:
            raise SipError(503)

    def of(self, request: Request) -> Leg | None:
        """The leg that a request belongs to; raises SipError(481) for one that is over, or was before a restart."""
        tag = request.to.tag
        if tag is None:
            return None
        leg = self.by_tag.get(tag)
        if leg is not None and request.call_id == leg.dialog.call_id:
            known = leg.dialog.remote_tag
            if (not known or known == request.from_.tag) and not (leg.ended and request.method != "BYE"):
                return leg
            raise SipError(481)
        with contextlib.suppress(BadUri):
            uri = request.uri
            if isinstance(uri, SipUri) and uri.user == tag and self.edge.here(uri):  # the form of our Contact
                raise SipError(481)
        return None

    def acknowledged(self, event: AckReceived) -> bool:
        """An ACK; whether it is one of ours."""
        leg = self.by_tag.get(event.request.to.tag or "")
        if leg is None or leg.dialog.call_id != event.request.call_id:
            return False
        leg.acknowledge(event.request)
        return True

    def cancelled(self, server: ServerTransaction) -> bool:
        """A CANCEL for this INVITE; whether it is one of ours."""
        leg = self.asked.get(server.key)
        if leg is not None:
            leg.cancel()
        return leg is not None

"""A dialog with a phone, as requests go out in it: who we are, where the phone is, and the numbers in between."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from provisioning.uri import SipUri
from sipedge.sip.dialog import Dialog
from sipedge.sip.flow import Flow
from sipedge.sip.message import Request
from sipedge.sip.stack import ClientTransaction
from sipedge.ways import to_peer

if TYPE_CHECKING:
    from sipedge.worker import Edge


class PhoneDialog:
    """Builds and sends our requests."""

    def __init__(self, edge: "Edge", dialog: Dialog, tag: str) -> None:
        self._edge = edge
        self.dialog = dialog
        self.tag = tag
        "Ours."

    @property
    def sent_by(self) -> str:
        """What the phone is told that we are."""
        return self._edge.network.listener_of(self.dialog.flow).sent_by

    @property
    def host(self) -> str:
        """The address of ours that the phone knows, an IPv6 one without brackets."""
        return SipUri.parse(f"sip:{self.sent_by}").host.strip("[]")

    @property
    def contact(self) -> str:
        """Where the phone sends requests of the dialog: the user part is our tag."""
        transport = self.dialog.flow.transport.lower()
        return f"<sip:{self.tag}@{self.sent_by};transport={transport}>"

    def build(
        self, method: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"", number: int = 0
    ) -> Request:
        """A request in the dialog; a `number` is that of the INVITE that it belongs to."""
        dialog = self.dialog
        target, routes = dialog.target_and_routes()
        if not number:
            dialog.local_cseq += 1
            number = dialog.local_cseq
        lines = [("Route", route) for route in routes]
        lines += [
            ("Max-Forwards", "70"),
            ("From", f"{dialog.local};tag={dialog.local_tag}"),
            ("To", dialog.remote),
            ("Call-ID", dialog.call_id),
            ("CSeq", f"{number} {method}"),
            ("Contact", self.contact),
            *headers,
        ]
        return Request.build(method, target, lines, body)

    async def reach(self) -> Flow | None:
        """The way to the phone, which may have connected again."""
        flow, network = self.dialog.flow, self._edge.network
        if network.alive(flow):
            return flow
        again = network.connections.find(flow) or await to_peer(network, self._edge.locator, self.dialog)
        if again is not None:
            self.dialog.flow = again
        return again

    def send(self, request: Request, user: Any, context: Any) -> ClientTransaction:
        """Send a request in a transaction; `user` hears of its answers, with the `context`."""
        edge = self._edge
        transaction = edge.stack.request(
            request, self.dialog.flow, edge.loop.time(), sent_by=self.sent_by, user=user, context=context
        )
        edge.flush()
        return transaction

    def acknowledge(self, number: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Send the ACK of a 2xx to the INVITE with this number."""
        request = self.build("ACK", headers, body, number=number)
        self._edge.stack.pass_on(request, self.dialog.flow, sent_by=self.sent_by)
        self._edge.flush()

"""Messages of programs: a client within the edge sends them, and they are SIP like anybody's (DESIGN section 15)."""

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

from provisioning.uri import Aor
from sipedge.messenger.connection import Inside, Unanswered
from sipedge.sip.message import Request
from sipedge.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from sipedge.worker import Edge

PRODUCT = "Integrator/1.0"
"What it calls itself in User-Agent."

PATIENCE = 36.0
"Seconds for an answer: a contact that is silent counts as such after 32."


class Courier(Inside):
    """The client in whose name nothing is registered: it sends, and is sent nothing."""

    def __init__(self, edge: "Edge") -> None:
        super().__init__(edge, f"integrators-{secrets.token_hex(4)}")
        self._cseq = 0
        self._connected = False

    def requested(self, request: Request, transaction: ServerTransaction) -> None:
        """Nobody is here."""
        self.respond(transaction, request.respond(480))

    async def message(self, sender: str, to: str, text: str) -> dict[str, Any]:
        """Send a message in somebody's name; status and reason of its answer. Raises Unanswered."""
        target, identity = Aor.parse(to), Aor.parse(sender)
        if not self._connected:
            self._connected = True
            self._edge.network.connections.add(self)
        self.timeout()
        self._cseq += 1
        headers = [
            ("Max-Forwards", "70"),
            ("From", f"<{identity}>;tag={secrets.token_hex(4)}"),
            ("To", f"<{target}>"),
            ("Call-ID", secrets.token_hex(12)),
            ("CSeq", f"{self._cseq} MESSAGE"),
            ("User-Agent", PRODUCT),
            ("Content-Type", "text/plain;charset=UTF-8"),
        ]
        try:
            async with asyncio.timeout(PATIENCE):
                response = await self.ask("MESSAGE", target, headers, text.encode("utf-8", "replace"))
        except TimeoutError:
            raise Unanswered(408) from None
        return {"status": response.status, "reason": response.reason}

"""A 2xx of ours to an INVITE, which is repeated until its ACK comes (RFC 3261 13.3.1.4)."""

import asyncio
from typing import TYPE_CHECKING

from sipedge.b2bua.answers import Gone
from sipedge.sip.message import Response
from sipedge.sip.stack import GIVE_UP
from sipedge.sip.timers import T1, T2
from sipedge.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from sipedge.worker import Edge


class Accepted:
    """One such answer."""

    def __init__(self, edge: "Edge", transaction: ServerTransaction, response: Response) -> None:
        self._edge = edge
        self._transaction = transaction
        self._response = response
        self._acknowledged: asyncio.Future[bytes] = edge.loop.create_future()
        "Comes true with the description in the ACK."

    @property
    def settled(self) -> bool:
        """The ACK is there, or is not waited for any more."""
        return self._acknowledged.done()

    def acknowledge(self, body: bytes) -> None:
        """The ACK is there."""
        if not self._acknowledged.done():
            self._acknowledged.set_result(body)

    async def repeat(self) -> bool:
        """Send the answer again and again; whether the ACK has come."""
        pause, ends = T1, self._edge.loop.time() + GIVE_UP
        while self._edge.loop.time() < ends:
            done, _ = await asyncio.wait({self._acknowledged}, timeout=pause)
            if done:
                return True
            self._edge.respond(self._transaction, self._response)
            pause = min(2 * pause, T2)
        self._acknowledged.cancel()
        return False

    async def body(self) -> bytes:
        """The description in the ACK; raises Gone when there is none."""
        try:
            return await asyncio.shield(self._acknowledged)
        except asyncio.CancelledError:
            if self._acknowledged.cancelled():
                raise Gone from None
            raise

    async def wait(self) -> None:
        """Until it is settled."""
        await asyncio.wait({self._acknowledged}, timeout=GIVE_UP)

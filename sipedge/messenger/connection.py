"""A client that lives in the edge's own process: its messages go by memory, and are SIP like anybody's."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sipedge.listeners import MESSENGER, Listener
from sipedge.sip.flow import Flow
from sipedge.sip.message import Request, Response
from sipedge.sip.stack import ClientTransaction, RequestReceived, ResponseReceived, Stack, TransactionFailed
from sipedge.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from sipedge.worker import Edge

HOME = Listener("web", "messenger.invalid", 5060, MESSENGER)
"Where such clients are connected; nobody else can name it."


PRODUCT = "IPPM/1.0"
"What it calls itself in User-Agent."


class Unanswered(Exception):
    """A request has got no answer; `status` is 408 or 503."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Inside:
    """One connection within the process, and the user agent's own transactions over it (RFC 3261 17)."""

    names: frozenset[str] = frozenset()
    "No certificate speaks for it."
    outbound = False
    "It has come to us."

    def __init__(self, edge: "Edge", name: str) -> None:
        self._edge = edge
        self._stack = Stack(secrets.token_hex(4))
        home = (HOME.host, HOME.port)
        self.flow = Flow("WEB", home, (name, 1), edge.network.connections.next_serial())
        "As the edge sees it."
        self._ours = Flow("WEB", (name, 1), home)
        self.open = True
        self.sent_by = f"{name}.invalid"

    def requested(self, request: Request, transaction: ServerTransaction) -> None:
        """A request has come; answer it by `respond`."""
        raise NotImplementedError

    async def ask(self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes = b"") -> Response:
        """Send a request; its final answer. Raises Unanswered."""
        waiting: asyncio.Future[Response] = self._edge.loop.create_future()
        request = Request.build(method, target, headers, body)
        self._stack.request(
            request, self._ours, self._edge.loop.time(), sent_by=self.sent_by, user=self, context=waiting
        )
        self._flush()
        return await waiting

    def respond(self, transaction: ServerTransaction, response: Response) -> None:
        """Answer a request."""
        self._stack.respond(transaction, response, self._edge.loop.time())
        self._flush()

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        """The edge has answered."""
        waiting: asyncio.Future[Response] = transaction.context
        if response.status >= 200 and not waiting.done():
            waiting.set_result(response)

    def failed(self, transaction: ClientTransaction, status: int) -> None:
        """It will not."""
        waiting: asyncio.Future[Response] = transaction.context
        if not waiting.done():
            waiting.set_exception(Unanswered(status))

    def timeout(self) -> None:
        """Transactions whose time is over."""
        self._stack.timeout(self._edge.loop.time())
        self._events()

    # As the table of connections sees it

    def send(self, data: bytes) -> None:
        """The edge has something to say; not within its own turn."""
        self._edge.loop.call_soon(self._take, data)

    def space(self) -> None:
        """Messages are apart by their nature."""

    def slow(self, now: float) -> bool:
        """Nothing is sent in pieces."""
        return False

    def idle(self, now: float) -> bool:
        """Whoever holds it says when it ends."""
        return False

    def close(self) -> None:
        """The edge stops, or the session ends."""
        self.abort()

    def abort(self) -> None:
        """Gone."""
        if self.open:
            self.open = False
            self._edge.network.connections.remove(self)
            self._stack.flow_failed(self._ours)
            self._events()

    def _take(self, data: bytes) -> None:
        if self.open:
            self._stack.receive(data, self._ours, self._edge.loop.time())
            self._events()

    def _events(self) -> None:
        events = self._stack.events
        while events:
            event = events.popleft()
            if isinstance(event, RequestReceived):
                self.requested(event.request, event.transaction)
            elif isinstance(event, ResponseReceived):
                event.transaction.user.answered(event.transaction, event.response)
            elif isinstance(event, TransactionFailed) and isinstance(event.transaction, ClientTransaction):
                event.transaction.user.failed(event.transaction, event.status)
        self._flush()

    def _flush(self) -> None:
        transmissions = self._stack.transmissions
        connections = self._edge.network.connections
        while transmissions:
            data, _ = transmissions.popleft()
            if self.open:
                connections.received(data, self.flow)
        if self.open:
            connections.drained()

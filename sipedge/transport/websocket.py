"""SIP over WebSocket, so that browsers can be SIP clients (RFC 7118): ws and wss.

One WebSocket message is one SIP message. The handshake and the frames are the library's business; what is here makes a
WebSocket look like any other connection to the table.
"""

import asyncio
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, NegotiationError
from websockets.http11 import Request as Handshake
from websockets.http11 import Response as Refusal
from websockets.typing import Subprotocol

from sipedge.sip.flow import Address, Flow
from sipedge.sip.message import MAX_MESSAGE
from sipedge.transport.tls import names_of

if TYPE_CHECKING:
    from sipedge.transport.tcp import ConnectionTable

SUBPROTOCOL = Subprotocol("sip")
"What a client has to ask for (RFC 7118 section 4)."

MAX_UNSENT = 1000
"Messages that wait for a client that does not read; then it counts as dead."

PING = 25.0
"Seconds between two pings: proxies and mobile networks drop what is silent for longer."


class WebSocketConnection:
    """One client; its flow names it."""

    def __init__(self, table: "ConnectionTable", websocket: ServerConnection, local: Address) -> None:
        self._table = table
        self._websocket = websocket
        self._unsent: asyncio.Queue[bytes] = asyncio.Queue(MAX_UNSENT)
        secure = websocket.transport.get_extra_info("ssl_object") is not None
        certificate = websocket.transport.get_extra_info("peercert")
        self.names = names_of(certificate) if certificate else frozenset()
        "Domains that the peer's certificate speaks for."
        self.outbound = False
        peer = websocket.remote_address[:2]
        self.flow = Flow("WSS" if secure else "WS", local, (peer[0], peer[1]), table.next_serial())
        self._writer = table.loop.create_task(self._write())

    async def read(self) -> None:
        """Pass on what comes, until the client is gone."""
        try:
            async for message in self._websocket:
                data = message.encode("utf-8", "surrogateescape") if isinstance(message, str) else message
                self._table.received(data, self.flow)
                self._table.drained()
        except ConnectionClosed:
            pass
        finally:
            self._writer.cancel()

    async def _write(self) -> None:
        while True:
            data = await self._unsent.get()
            try:
                # Text as browsers like it; what is not UTF-8 goes as bytes (RFC 7118 section 5.2).
                await self._websocket.send(data.decode())
            except UnicodeDecodeError:
                await self._websocket.send(data)
            except ConnectionClosed:
                return

    def send(self, data: bytes) -> None:
        """Send one message, in turn."""
        try:
            self._unsent.put_nowait(data)
        except asyncio.QueueFull:
            self.abort()

    def space(self) -> None:
        """Messages are apart by their nature."""

    def stalled(self, now: float) -> bool:
        """Pings find out who is gone."""
        return False

    def close(self) -> None:
        """Close in order."""
        self._table.loop.create_task(self._websocket.close())

    def abort(self) -> None:
        """Close at once."""
        self._websocket.transport.abort()


async def listen(
    table: "ConnectionTable", host: str, port: int, tls: ssl.SSLContext | None, serving: Callable[[], bool]
) -> Server:
    """Accept WebSocket clients; while not `serving` they are told to come back. Raises OSError."""
    local: list[Address] = []

    async def handle(websocket: ServerConnection) -> None:
        connection = WebSocketConnection(table, websocket, local[0])
        if not table.add(connection):
            await websocket.close(1013)
            return
        try:
            await connection.read()
        finally:
            table.remove(connection)

    def refuse(websocket: ServerConnection, handshake: Handshake) -> Refusal | None:
        if not serving():
            return websocket.respond(HTTPStatus.SERVICE_UNAVAILABLE, "not ready yet\n")
        return None

    def choose(websocket: ServerConnection, offered: object) -> Subprotocol:
        if not isinstance(offered, list | tuple) or SUBPROTOCOL not in offered:
            raise NegotiationError("the subprotocol sip has to be offered")
        return SUBPROTOCOL

    server = await serve(
        handle, host, port, ssl=tls, select_subprotocol=choose, process_request=refuse, max_size=MAX_MESSAGE,
        ping_interval=PING, compression=None, server_header=None, open_timeout=5,
    )  # fmt: skip
    local.append(next(iter(server.sockets)).getsockname()[:2])
    return server

"""SIP over WebSocket, so that browsers can be SIP clients (RFC 7118): ws and wss.

One WebSocket message is one SIP message. The handshake and the frames are the library's business; what is here makes a
WebSocket look like any other connection to the table.
"""

import asyncio
import ssl
from typing import TYPE_CHECKING, cast

from websockets.asyncio.server import Server, ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from sipedge import refusals
from sipedge.sip.flow import Address, Flow
from sipedge.sip.message import MAX_MESSAGE
from sipedge.transport.door import Arrival, Door
from sipedge.transport.tcp import MAX_UNREAD
from sipedge.transport.tls import names_of

if TYPE_CHECKING:
    from sipedge.transport.tcp import ConnectionTable

SUBPROTOCOL = Subprotocol("sip")
"What a client has to ask for (RFC 7118 section 4)."

MAX_UNSENT = 1000
"Messages that wait for a client that does not read; then it counts as dead. Their octets are bounded as on a stream."

OPEN_LIMIT = 5.0
"Seconds that the handshake of HTTP may take."

PING = 25.0
"Seconds between two pings: proxies and mobile networks drop what is silent for longer."


class Clients:
    """What the library asks of the server that a connection belongs to; `serve` would accept by itself."""

    def __init__(self, table: "ConnectionTable") -> None:
        self._table = table
        self.door: Door
        self.handler_tasks: set[asyncio.Task[None]] = set()

    def is_serving(self) -> bool:
        """While it does not, clients are told to come back."""
        return self.door.open

    async def handler(self, websocket: "Client") -> None:
        """One client, from the handshake of HTTP until it is gone."""
        try:
            if not websocket.arrival.begin():
                return
            async with asyncio.timeout(OPEN_LIMIT):
                await websocket.handshake(server_header=None)
            websocket.arrival.end()
            if websocket.protocol.state is State.OPEN:
                websocket.start_keepalive()
                async with websocket:
                    await self._serve(websocket)
        except TimeoutError:
            pass
        finally:
            websocket.transport.abort()
            self.handler_tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _serve(self, websocket: "Client") -> None:
        connection = WebSocketConnection(self._table, websocket, self.door.local)
        self._table.add(connection)
        try:
            await connection.read()
        finally:
            self._table.remove(connection)


class Client(ServerConnection):
    """The library's side of one client."""

    def __init__(self, clients: Clients, arrival: Arrival) -> None:
        protocol = ServerProtocol(subprotocols=[SUBPROTOCOL], max_size=MAX_MESSAGE)
        super().__init__(protocol, cast(Server, clients), ping_interval=PING)
        self.arrival = arrival

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone."""
        super().connection_lost(exc)
        self.arrival.gone(exc)


class WebSocketConnection:
    """One client; its flow names it."""

    def __init__(self, table: "ConnectionTable", websocket: ServerConnection, local: Address) -> None:
        self._table = table
        self._websocket = websocket
        self._unsent: asyncio.Queue[bytes] = asyncio.Queue(MAX_UNSENT)
        self._unsent_octets = 0
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
                await self._websocket.send(_payload(data))
            except ConnectionClosed:
                return
            self._unsent_octets -= len(data)

    def send(self, data: bytes) -> None:
        """Send one message, in turn."""
        self._unsent_octets += len(data)
        if self._unsent.full() or self._unsent_octets > MAX_UNREAD:
            self._table.peers.refused(refusals.UNREAD, self.flow.remote[0])
            self.abort()
        else:
            self._unsent.put_nowait(data)

    def space(self) -> None:
        """Messages are apart by their nature."""

    def slow(self, now: float) -> bool:
        """Messages come in one piece."""
        return False

    def idle(self, now: float) -> bool:
        """Pings find out who is gone."""
        return False

    def close(self) -> None:
        """Close in order."""
        self._table.loop.create_task(self._websocket.close(CloseCode.GOING_AWAY))

    def abort(self) -> None:
        """Close at once."""
        self._websocket.transport.abort()


def listen(table: "ConnectionTable", host: str, port: int, tls: ssl.SSLContext | None) -> Door:
    """An address at which WebSocket clients will be accepted; raises OSError."""
    clients = Clients(table)
    clients.door = Door(
        table.loop, table.peers, host, port, tls, lambda arrival, local: Client(clients, arrival), table.shared
    )
    return clients.door


def _payload(data: bytes) -> str | bytes:
    """Text as browsers like it; what is not UTF-8 goes as bytes (RFC 7118 section 5.2)."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data

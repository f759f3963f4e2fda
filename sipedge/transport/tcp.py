"""TCP and TLS: connections that clients open and connections of our own (RFC 3261 18, RFC 5626, D-46, D-47).

A connection cuts its stream into messages and writes each message by itself. Limits keep a peer from holding
memory: connections in all and for each address, octets of a message that does not end, octets that are not read.
"""

import asyncio
import ssl
from collections import Counter, deque
from collections.abc import Callable, Set
from typing import Protocol, cast

import structlog

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.flow import Address, Flow
from sipedge.sip.framing import KeepAlive, StreamFramer
from sipedge.transport.tls import names_of

log = structlog.get_logger(__name__)

MAX_CONNECTIONS = 20_000
"Connections held at once, some 20 kB each."

MAX_PER_PEER = 2_000
"Connections of one address: a proxy or a NAT in front of many users stays below, a flood does not."

IDLE_LIMIT = 3_900.0
"Seconds without a byte after which a connection is closed: longer than the refresh of the longest default expiry."

MESSAGE_LIMIT = 20.0
"Seconds that one message may take to arrive."

MAX_UNREAD = 1_048_576
"Octets that a peer may leave unread before it counts as dead."

SPACING = 0.05
"Seconds between two messages for clients that read one message at a time (D-47)."

LINGER = 1.0
"Seconds that a connection whose bytes cannot be followed stays open, so that earlier requests get their answers."

CONNECT_LIMIT = 4.0
"Seconds that a connection of our own may take to open."


class Connection(asyncio.Protocol):
    """One stream; its flow names it."""

    def __init__(self, table: "ConnectionTable", listening: Address | None) -> None:
        self._table = table
        self._listening = listening
        self._framer = StreamFramer()
        self._transport: asyncio.Transport
        self._started: float | None = None
        self._spaced: deque[bytes] | None = None
        self._writing = False
        self.heard = 0.0
        "Loop time of the last byte."
        self.flow: Flow
        self.opened = False
        self.outbound = listening is None
        self.names: frozenset[str] = frozenset()
        "Domains that the peer's certificate speaks for."

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the table, or leave at once when there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        if not peer:
            self._transport.abort()
            return
        local = self._listening or transport.get_extra_info("sockname")[:2]
        certificate = transport.get_extra_info("peercert")
        self.names = names_of(certificate) if certificate else frozenset()
        kind = "TLS" if transport.get_extra_info("ssl_object") is not None else "TCP"
        self.flow = Flow(kind, local, tuple(peer[:2]), self._table.next_serial())
        self.heard = self._table.loop.time()
        self._transport.set_write_buffer_limits(high=MAX_UNREAD)
        self.opened = self._table.add(self)
        if not self.opened:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Cut into messages and pass them on."""
        self.heard = now = self._table.loop.time()
        complete = self._framer.feed(data)
        for item in complete:
            if isinstance(item, bytes):
                self._table.received(item, self.flow)
            elif item is KeepAlive.PING:
                self._transport.write(b"\r\n")
            elif isinstance(item, MalformedMessage):
                self._table.broken(item, self.flow)
                self._transport.pause_reading()
                self._table.loop.call_later(LINGER, self._transport.close)
                break
        if not self._framer.pending:
            self._started = None
        elif self._started is None or complete:
            self._started = now
        self._table.drained()

    def eof_received(self) -> bool:
        """The peer has finished: close."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who used the flow."""
        if self.opened:
            self._table.remove(self)

    def pause_writing(self) -> None:
        """The peer does not read: it counts as dead."""
        self._transport.abort()

    def space(self) -> None:
        """From now on write one message at a time, with pauses (D-47)."""
        if self._spaced is None:
            self._spaced = deque()

    def send(self, data: bytes) -> None:
        """Write one message; what comes too late for a connection that is closing is dropped."""
        if self._transport.is_closing():
            return
        if self._spaced is None:
            self._transport.write(data)
        elif self._writing:
            self._spaced.append(data)
        else:
            self._writing = True
            self._transport.write(data)
            self._table.loop.call_later(SPACING, self._next)

    def _next(self) -> None:
        if self._spaced and not self._transport.is_closing():
            self._transport.write(self._spaced.popleft())
            self._table.loop.call_later(SPACING, self._next)
        else:
            self._writing = False

    def stalled(self, now: float) -> bool:
        """A message that does not end, or a peer that was not heard for too long."""
        return now - self.heard > IDLE_LIMIT or (self._started is not None and now - self._started > MESSAGE_LIMIT)

    def close(self) -> None:
        """Close when everything is written."""
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()


class AnyConnection(Protocol):
    """What the table asks of a connection, whatever it is made of."""

    flow: Flow
    names: frozenset[str]
    outbound: bool
    "We have opened it: who is there was chosen by us, and cannot be somebody who got an address that was free again."

    def send(self, data: bytes) -> None: ...
    def space(self) -> None: ...
    def stalled(self, now: float) -> bool: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


class ConnectionTable:
    """All streams of the edge, by flow and by the peer's address."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        received: Callable[[bytes, Flow], None],
        drained: Callable[[], None],
        broken: Callable[[MalformedMessage, Flow], None],
        lost: Callable[[Flow], None],
    ) -> None:
        self.loop = loop
        self.received = received
        self.drained = drained
        self.broken = broken
        self._lost = lost
        self._connections: dict[Flow, AnyConnection] = {}
        self._by_remote: dict[Address, AnyConnection] = {}
        self._by_serial: dict[int, AnyConnection] = {}
        self._per_peer: Counter[str] = Counter()
        self._serial = 0
        self.refused = 0
        "Connections beyond a limit."

    def next_serial(self) -> int:
        """A number that no other connection of this process has."""
        self._serial += 1
        return self._serial

    def add(self, connection: AnyConnection) -> bool:
        """Take in a connection; False when there are too many."""
        host = connection.flow.remote[0]
        if len(self._connections) >= MAX_CONNECTIONS or self._per_peer[host] >= MAX_PER_PEER:
            self.refused += 1
            return False
        self._connections[connection.flow] = connection
        self._by_remote[connection.flow.remote] = connection
        self._by_serial[connection.flow.serial] = connection
        self._per_peer[host] += 1
        return True

    def remove(self, connection: AnyConnection) -> None:
        """A connection is gone: whoever used its flow is told."""
        flow = connection.flow
        if self._connections.pop(flow, None) is None:
            return
        del self._by_serial[flow.serial]
        if self._by_remote.get(flow.remote) is connection:
            del self._by_remote[flow.remote]
        self._per_peer[flow.remote[0]] -= 1
        if not self._per_peer[flow.remote[0]]:
            del self._per_peer[flow.remote[0]]
        self._lost(flow)

    def send(self, data: bytes, flow: Flow) -> bool:
        """Write a message to a flow; False when it is gone."""
        connection = self._connections.get(flow)
        if connection is None:
            return False
        connection.send(data)
        return True

    def get(self, flow: Flow) -> AnyConnection | None:
        """The connection of a flow."""
        return self._connections.get(flow)

    def find(self, flow: Flow) -> Flow | None:
        """This flow, or that of a connection which we have opened to its peer; whatever its local address."""
        same = self._by_serial.get(flow.serial)
        if same is not None and same.flow.remote == flow.remote:
            return same.flow
        other = self._by_remote.get(flow.remote)
        return other.flow if other is not None and other.outbound else None

    async def connect(
        self,
        remote: Address,
        *,
        limit: float = CONNECT_LIMIT,
        tls: ssl.SSLContext | None = None,
        name: str = "",
        also: Set[str] = frozenset(),
    ) -> Flow | None:
        """The flow of an open or a new connection to this address; None when it cannot be reached.

        Over TLS the peer has to prove by its certificate that it speaks for `name`, or one of `also` (RFC 5922 7.3).
        """
        names = also | {name}
        found = self._by_remote.get(remote)
        if found is not None and (found.flow.transport == "TLS") == (tls is not None):
            if found.outbound if tls is None else not found.names.isdisjoint(names):
                return found.flow
        try:
            async with asyncio.timeout(limit):
                _, connection = await self.loop.create_connection(
                    lambda: Connection(self, None), *remote, ssl=tls, server_hostname=name if tls else None
                )
        except (OSError, TimeoutError) as error:
            if tls is not None:
                log.warning("no connection over TLS", peer=f"{remote[0]}:{remote[1]}", name=name, error=str(error))
            return None
        if tls is not None and connection.names.isdisjoint(names):
            log.warning("a certificate speaks for somebody else", name=name, said=sorted(connection.names))
            connection.abort()
            return None
        return connection.flow if connection.opened else None

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> asyncio.Server:
        """Accept connections at an address, not started yet; raises OSError."""
        bound: list[Address] = []
        server = await self.loop.create_server(
            lambda: Connection(self, bound[0]),
            host,
            port,
            start_serving=False,
            backlog=1024,
            ssl=tls,
            ssl_handshake_timeout=CONNECT_LIMIT if tls is not None else None,
        )
        bound.append(server.sockets[0].getsockname()[:2])
        return server

    def close_stalled(self) -> None:
        """End connections that only hold memory."""
        now = self.loop.time()
        for connection in [one for one in self._connections.values() if one.stalled(now)]:
            connection.abort()

    def close(self) -> None:
        """Close all."""
        for connection in list(self._connections.values()):
            connection.close()

    def __len__(self) -> int:
        return len(self._connections)

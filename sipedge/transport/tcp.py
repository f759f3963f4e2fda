"""TCP and TLS: connections that clients open and connections of our own (RFC 3261 18, RFC 5626, D-46, D-47).

A connection cuts its stream into messages and writes each message by itself. Limits keep a peer from holding
memory: connections in all and for each address (see `door`), octets of a message that does not end, octets that are
not read.
"""

import asyncio
import ipaddress
import ssl
from collections import Counter, deque
from collections.abc import Callable, Set
from typing import Protocol, cast

import structlog

from sipedge import refusals
from sipedge.peers import Peers
from sipedge.sharing.home import ALONE, MOST, Share
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.flow import Address, Flow
from sipedge.sip.framing import KeepAlive, StreamFramer
from sipedge.transport.door import MAX_CONNECTIONS, Arrival, Door
from sipedge.transport.tls import names_of

log = structlog.get_logger(__name__)

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

MAX_PROVEN = 10_000
"Servers whose domains are remembered beyond their connections."


class Connection(asyncio.Protocol):
    """One stream; its flow names it."""

    def __init__(self, table: "ConnectionTable", listening: Address | None, arrival: Arrival | None = None) -> None:
        """`listening` and `arrival`: of a connection that the peer has opened."""
        self._table = table
        self._listening = listening
        self._arrival = arrival
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
        """Join the table."""
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
        self.opened = True
        self._table.add(self)

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
            if self._started is not None:
                self._started = None
                if self._arrival is not None:
                    self._arrival.end()
        elif self._started is None or complete:
            if self._arrival is not None and not self._arrival.begin():
                self._transport.abort()
            self._started = now
        self._table.drained()

    def eof_received(self) -> bool:
        """The peer has finished: close."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who used the flow."""
        if self._arrival is not None:
            self._arrival.gone(exc)
        if self.opened:
            self._table.remove(self)

    def pause_writing(self) -> None:
        """The peer does not read: it counts as dead."""
        self._table.peers.refused(refusals.UNREAD, self.flow.remote[0])
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

    def slow(self, now: float) -> bool:
        """A message does not end."""
        return self._started is not None and now - self._started > MESSAGE_LIMIT

    def idle(self, now: float) -> bool:
        """The peer was not heard for too long."""
        return now - self.heard > IDLE_LIMIT

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
    def slow(self, now: float) -> bool: ...
    def idle(self, now: float) -> bool: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


class Audience(Protocol):
    """Hears of connections that this process holds: others may use them."""

    @property
    def share(self) -> Share: ...
    def opened(self, connection: AnyConnection) -> None: ...
    def lost(self, flow: Flow) -> None: ...


class ConnectionTable:
    """All streams of the edge, by flow and by the peer's address."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        peers: Peers,
        received: Callable[[bytes, Flow], None],
        drained: Callable[[], None],
        broken: Callable[[MalformedMessage, Flow], None],
        lost: Callable[[Flow], None],
        audience: "Audience | None" = None,
    ) -> None:
        """`audience`: who hears of our own connections, where other processes have our addresses, too."""
        self.loop = loop
        self.peers = peers
        self.received = received
        self.drained = drained
        self.broken = broken
        self._audience = audience
        self._lost = lost
        self._connections: dict[Flow, AnyConnection] = {}
        self._by_remote: dict[Address, AnyConnection] = {}
        self._proven: dict[Address, Set[str]] = {}
        "The domains that servers have proven to speak for, the last one last."
        self._by_serial: dict[int, AnyConnection] = {}
        self._borrowed: dict[Flow, object] = {}
        "Connections of other processes, and through whom they are reached."
        self._serial = (audience.share if audience is not None else ALONE).index

    def next_serial(self) -> int:
        """A number that no other connection has, of this process or of those beside it."""
        self._serial += MOST
        return self._serial

    def add(self, connection: AnyConnection) -> None:
        """Take in a connection of ours."""
        self._take(connection)
        if self._audience is not None:
            self._audience.opened(connection)

    def borrow(self, connection: AnyConnection, holder: object) -> None:
        """Take in a connection of another process, which is reached through `holder`."""
        self._take(connection)
        self._borrowed[connection.flow] = holder

    def give_back(self, flow: Flow) -> None:
        """A connection of another process is gone."""
        if self._borrowed.pop(flow, None) is not None:
            self._forget(self._connections[flow])

    def give_back_all(self, holder: object) -> None:
        """Another process is gone with all its connections."""
        for flow in [flow for flow, its in self._borrowed.items() if its is holder]:
            self.give_back(flow)

    @property
    def shared(self) -> bool:
        """Other processes listen at the same addresses."""
        return self._audience is not None

    def ours(self) -> list[AnyConnection]:
        """Those that this process holds."""
        return [one for flow, one in self._connections.items() if flow not in self._borrowed]

    def remove(self, connection: AnyConnection) -> None:
        """A connection of ours is gone."""
        if connection.flow in self._connections:
            if self._audience is not None:
                self._audience.lost(connection.flow)
            self._forget(connection)

    def _take(self, connection: AnyConnection) -> None:
        self._connections[connection.flow] = connection
        self._by_remote[connection.flow.remote] = connection
        self._by_serial[connection.flow.serial] = connection

    def _forget(self, connection: AnyConnection) -> None:
        """Whoever used its flow is told."""
        flow = connection.flow
        del self._connections[flow]
        del self._by_serial[flow.serial]
        if self._by_remote.get(flow.remote) is connection:
            del self._by_remote[flow.remote]
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
        A `name` that is an IP address, as proxies record it in routes, stands for what was proven there before.
        """
        names = also | {name}
        if tls is not None and _is_address(name):
            names |= self._proven.get(remote, frozenset())
        found = self._by_remote.get(remote)
        if found is not None and (found.flow.transport == "TLS") == (tls is not None):
            if found.outbound if tls is None else not found.names.isdisjoint(names):
                return found.flow
        if len(self) >= MAX_CONNECTIONS:
            return None
        try:
            async with asyncio.timeout(limit):
                _, connection = await self.loop.create_connection(
                    lambda: Connection(self, None), *remote, ssl=tls, server_hostname=name if tls else None
                )
        except (OSError, TimeoutError) as error:
            if tls is not None:
                log.warning("no connection over TLS", peer=f"{remote[0]}:{remote[1]}", name=name, error=str(error))
            return None
        if connection.opened and connection.flow.local == connection.flow.remote:
            connection.abort()  # nobody listens there: the kernel took that very port to speak from
            return None
        if tls is not None and connection.names.isdisjoint(names):
            log.warning("a certificate speaks for somebody else", name=name, said=sorted(connection.names))
            connection.abort()
            return None
        if tls is not None:
            self._proven.pop(remote, None)
            self._proven[remote] = connection.names & names
            if len(self._proven) > MAX_PROVEN:
                del self._proven[next(iter(self._proven))]
        return connection.flow if connection.opened else None

    def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> Door:
        """An address at which connections will be accepted; raises OSError."""

        def speaker(arrival: Arrival, local: Address) -> Connection:
            return Connection(self, local, arrival)

        return Door(self.loop, self.peers, host, port, tls, speaker, self.shared)

    def close_stalled(self) -> None:
        """End connections that only hold memory."""
        now = self.loop.time()
        for connection in self.ours():
            if connection.slow(now):
                self.peers.refused(refusals.SLOW, connection.flow.remote[0])
                connection.abort()
            elif connection.idle(now):
                connection.abort()

    def close(self) -> None:
        """Close all of ours."""
        for connection in self.ours():
            connection.close()

    def by_transport(self) -> dict[str, int]:
        """How many there are over each transport."""
        return dict(Counter(connection.flow.transport for connection in self.ours()))

    def __len__(self) -> int:
        return len(self._connections) - len(self._borrowed)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

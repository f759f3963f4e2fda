"""The edge's sockets: listeners by role, and how a message of ours reaches its peer.

Bytes only: what they mean is the stack's business. Listener options (authentication, advertised address) follow
the policy while the addresses stay open.
"""

import asyncio
import contextlib
import ipaddress
import socket
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import structlog

from provisioning.policy import Policy
from provisioning.uri import BadUri, SipUri
from sipedge.listeners import ENGINE, PROXY, Listener, with_options
from sipedge.locate import PORTS, TLS, UDP, Hop
from sipedge.messenger.connection import HOME
from sipedge.peers import Peers
from sipedge.resolve import address_of
from sipedge.sharing.siblings import BadFolder, Siblings
from sipedge.sip.dialog import Dialog
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.flow import Address, Flow
from sipedge.transport import websocket
from sipedge.transport.door import Door
from sipedge.transport.tcp import ConnectionTable
from sipedge.transport.tls import Certificates, NoCertificate
from sipedge.transport.udp import UdpEndpoint

log = structlog.get_logger(__name__)

PROBE_LIMIT = 1.0
"Seconds to find out whether a UDP peer takes TCP as well; its NOTIFY waits for so long."

PROBE_MEMORY = 300.0
"Seconds for which a peer that takes no TCP is not asked again."

MAX_PROBED = 10_000
"Peers remembered to take no TCP; the oldest goes first."

STALL_CHECK = 10.0
"Seconds between two looks for connections that only hold memory, and for new certificates."


ANYWHERE = frozenset({"0.0.0.0", "::"})
"Hosts of listeners on all addresses of the machine."


class CannotListen(Exception):
    """An address cannot be opened; the message is for the operator."""


class Network:
    """Everything the edge sends and receives goes through here."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        certificates: Path,
        peers: Peers,
        received: Callable[[bytes, Flow], None],
        drained: Callable[[], None],
        broken: Callable[[MalformedMessage, Flow], None],
        lost: Callable[[Flow], None],
        siblings: Siblings | None = None,
    ) -> None:
        """`siblings`: the processes beside us that have the same addresses."""
        self._loop = loop
        self._peers = peers
        self._siblings = siblings
        self._received = received if siblings is None else siblings.receive
        self._drained = drained
        self.connections = ConnectionTable(
            loop,
            peers=peers,
            received=self._received,
            drained=drained,
            broken=broken,
            lost=lost,
            audience=siblings,
        )
        self.certificates = Certificates(certificates)
        self.listeners: list[Listener] = []
        self._provisioned: list[Listener] = []
        self._by_local: dict[tuple[str, Address], Listener] = {}
        self.let_in: Set[str] = frozenset()
        "Names that policy lets in."
        "Trusted peers and guests, by name."
        self._names: set[tuple[str, int]] = set()
        "Host and port by which peers may mean us."
        self._udp: dict[Address, UdpEndpoint] = {}
        self._doors: list[Door] = []
        self._no_tcp: OrderedDict[Address, float] = OrderedDict()
        self._stalls: asyncio.TimerHandle | None = None
        self.accepting = False
        "The listeners are open, and what comes there is taken."

    async def open(self, wanted: Sequence[Listener] | None, policy: Policy) -> None:
        """Bind the addresses (None: those of the policy); raises CannotListen."""
        shared = await self._meet()
        chosen = wanted if wanted is not None else provisioned(policy)
        for listener in with_options(chosen, provisioned(policy)):
            try:
                if self._siblings is not None and not shared:
                    check_free(listener)
                if listener.transport == "udp":
                    endpoint = UdpEndpoint(
                        self._loop,
                        listener.host,
                        listener.port,
                        peers=self._peers,
                        received=self._received,
                        drained=self._drained,
                        shared=self._siblings is not None,
                    )
                    self._udp[endpoint.local] = endpoint
                    local = endpoint.local
                else:
                    local = self._listen(listener)
            except NoCertificate as error:
                raise CannotListen(f"tls {listener.host}:{listener.port}: {error}") from None
            except OSError as error:
                raise CannotListen(
                    f"{listener.transport} {listener.host}:{listener.port} cannot be opened: {error.strerror}"
                ) from None
            self.listeners.append(replace(listener, host=local[0], port=local[1]))
        if not self.listeners:
            raise CannotListen("no address to listen on: set CUPS_SIP_LISTEN or provision a listener")
        self.take_options(policy)

    async def _meet(self) -> bool:
        """Meet the processes beside us, if there can be any; whether one is there."""
        if self._siblings is None:
            return False
        try:
            await self._siblings.open(self.connections)
        except BadFolder as error:
            raise CannotListen(str(error)) from None
        return bool(self._siblings.there)

    def _listen(self, listener: Listener) -> Address:
        """Open the address of a stream listener, or one for WebSockets; the address as it was opened."""
        secure = listener.transport in ("tls", "wss")
        tls = self.certificates.context(listener.client_certificates) if secure else None
        if listener.transport in ("ws", "wss"):
            door = websocket.listen(self.connections, listener.host, listener.port, tls)
        else:
            door = self.connections.listen(listener.host, listener.port, tls)
        self._doors.append(door)
        return door.local

    def accept(self) -> None:
        """Begin to receive."""
        for endpoint in self._udp.values():
            endpoint.start()
        for door in self._doors:
            door.start()
        if self._siblings is not None:
            self._siblings.accept()
        self._look_for_stalls()
        self.accepting = True

    def refuse(self) -> None:
        """Receive nothing new; answers still go out."""
        self.accepting = False
        if self._siblings is not None:
            self._siblings.leave()
        for endpoint in self._udp.values():
            endpoint.pause()
        for door in self._doors:
            door.close()

    async def close(self) -> None:
        """Give up all addresses."""
        if self._stalls is not None:
            self._stalls.cancel()
        self.connections.close()
        await asyncio.sleep(0)
        if self._siblings is not None:
            self._siblings.close()
        for endpoint in self._udp.values():
            endpoint.close()

    def take_options(self, policy: Policy) -> None:
        """Options of Listener rows and limits may have changed; the addresses stay."""
        self.let_in = policy.trusted_names | policy.access_names.keys() | policy.access_domains.keys()
        self._peers.take_policy(policy)
        self._provisioned = provisioned(policy)
        self.listeners = with_options(self.listeners, self._provisioned)
        self._by_local = {(one.transport.upper(), (one.host, one.port)): _reachable(one) for one in self.listeners}
        self._by_local["WEB", (HOME.host, HOME.port)] = HOME
        self._names = {
            name
            for one in self._by_local.values()
            for text in (f"{one.host}:{one.port}", one.sent_by, *(name for _, name in one.local_names))
            for name in _names(text, one)
        }

    def send(self, data: bytes, flow: Flow) -> bool:
        """Send a message; one for a flow that is gone is dropped, which False says."""
        if flow.transport != "UDP":
            return self.connections.send(data, flow)
        endpoint = self._udp.get(flow.local)
        if endpoint is not None:
            endpoint.send(data, flow)
        return endpoint is not None

    @property
    def queued(self) -> int:
        """Datagrams that wait for the kernel."""
        return sum(endpoint.queued for endpoint in self._udp.values())

    def alive(self, flow: Flow) -> bool:
        """A datagram can always be sent; a connection has to be there still."""
        return not flow.reliable or self.connections.get(flow) is not None

    def listener_of(self, flow: Flow) -> Listener:
        """The listener a flow belongs to; for a connection of our own, a proxy of its transport at best."""
        listener = self._by_local.get((flow.transport, flow.local))
        if listener is None:
            alike = [one for one in self._by_local.values() if one.transport.upper() == flow.transport]
            listener = min(alike or self._by_local.values(), key=lambda one: one.role != PROXY)
        return listener.seen_from(flow.remote[0])

    def named(self, uri: SipUri) -> bool:
        """A URI that means one of our listeners, under any of its names."""
        port = uri.port or PORTS[TLS if uri.transport in ("tls", "wss") or uri.scheme == "sips" else UDP]
        return (uri.host.lower().strip("[]"), port) in self._names

    def reachable(self, flow: Flow, contact: str, *, by_proxy: bool) -> bool:
        """A peer whose connection is gone can be reached again: we have another one, or it listens at its Contact.

        `by_proxy`: another proxy stands between, which listens.
        """
        if self.connections.find(flow) is not None:
            return True
        if by_proxy or flow.transport != "TCP":  # no browser listens, nor does a client with TLS
            return by_proxy and flow.transport in ("TCP", "TLS")
        with contextlib.suppress(BadUri):
            address = address_of(SipUri.parse(contact))
            return address is None or address != flow.remote
        return False

    def flow_again(self, dialog: Dialog) -> Flow | None:
        """The flow of a dialog after a restart or an error, if it still stands; see `reconnect`."""
        flow = dialog.flow
        if flow.reliable:
            return flow if self.connections.get(flow) is not None else None
        if flow.local in self._udp:
            return flow
        ours = next((local for local in self._udp if (":" in local[0]) == (":" in flow.remote[0])), None)
        return flow._replace(local=ours) if ours is not None else None

    def ours(self, address: Address) -> bool:
        """One of our own listening addresses, or of another edge: nothing that clients may name."""
        host, port = _reached(address[0]), address[1]
        return any(
            one.port == port and (one.host == host or (_covers(one.host, host) and _is_here(host)))
            for one in (*self.listeners, *self._provisioned)
        )

    async def flow_to(self, hop: Hop, *, role: str = ENGINE, also: Set[str] = frozenset()) -> Flow | None:
        """A flow to this server, from a socket of this role if there is one; None when it cannot be reached.

        Over TLS its certificate speaks for the hop's name, or for one of `also`. Our own addresses are none: what a
        client sends there would come from a trusted peer.
        """
        if self.ours(hop.address):
            return None
        if hop.transport == UDP:
            return self.datagrams_to(hop.address, role)
        if hop.transport == TLS:
            return await self.connections.connect(
                hop.address, tls=self.certificates.client(), name=hop.name.strip("[]"), also=also
            )
        return await self.connections.connect(hop.address)

    def datagrams_to(self, address: Address, role: str) -> Flow | None:
        """A flow by datagrams, from a socket of this role if there is one; None where none speaks its kind of IP."""
        ours = [
            local
            for one in sorted(self.listeners, key=lambda one: one.role != role)
            if (local := (one.host, one.port)) in self._udp and (":" in one.host) == (":" in address[0])
        ]
        return Flow("UDP", ours[0], address) if ours else None

    async def first_of(self, hops: Sequence[Hop], *, role: str = ENGINE, also: Set[str] = frozenset()) -> Flow | None:
        """A flow to the first of these servers that can be reached, as `flow_to` has it."""
        for hop in hops:
            flow = await self.flow_to(hop, role=role, also=also)
            if flow is not None:
                return flow
        return None

    def may_take_tcp(self, flow: Flow) -> bool:
        """Worth asking whether this UDP peer takes TCP for a large request (RFC 3261 18.1.1)."""
        known = self._no_tcp.get(flow.remote)
        return known is None or known < self._loop.time()

    async def connect_beside(self, flow: Flow) -> Flow | None:
        """A TCP flow to the same peer; None when it takes none, which is remembered for a while."""
        found = await self.connections.connect(flow.remote, limit=PROBE_LIMIT)
        if found is None:
            self.takes_no_tcp(flow)
        return found

    def takes_no_tcp(self, flow: Flow) -> None:
        """Nobody is there, or somebody who does not answer: the peer's UDP port may be another program's TCP port."""
        self._no_tcp[flow.remote] = self._loop.time() + PROBE_MEMORY
        if len(self._no_tcp) > MAX_PROBED:
            self._no_tcp.popitem(last=False)

    def names_of(self, flow: Flow) -> frozenset[str]:
        """The domains that the peer of a flow over TLS has proven to speak for."""
        connection = self.connections.get(flow) if flow.transport in ("TLS", "WSS") else None
        return connection.names if connection is not None else frozenset()

    def space(self, flow: Flow) -> None:
        """Write one message at a time to this peer (D-47)."""
        connection = self.connections.get(flow)
        if connection is not None:
            connection.space()

    def _look_for_stalls(self) -> None:
        self._stalls = self._loop.call_later(STALL_CHECK, self._look_for_stalls)
        self.connections.close_stalled()
        self.certificates.reload()
        self.certificates.warn(datetime.now(UTC))


def check_free(listener: Listener) -> None:
    """Raises OSError where somebody else listens: an address that may be shared would be shared with them, too."""
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    kind = socket.SOCK_DGRAM if listener.transport == "udp" else socket.SOCK_STREAM
    with socket.socket(family, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        probe.bind((listener.host, listener.port))


def provisioned(policy: Policy) -> list[Listener]:
    """The listeners of the policy."""
    return [
        Listener(
            row.transport,
            row.host,
            row.port,
            row.role,
            row.authentication,
            row.advertised,
            row.client_certificates,
            row.local_names,
        )
        for row in policy.listeners
    ]


def _reachable(listener: Listener) -> Listener:
    """A listener on all addresses is told to peers by the one that leads outside."""
    if listener.advertised or listener.host not in ANYWHERE:
        return listener
    probe, family = ("192.0.2.1", socket.AF_INET) if listener.host == "0.0.0.0" else ("2001:db8::1", socket.AF_INET6)
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as one:
        one.connect((probe, 9))  # sends nothing: only the route is looked up
        host = one.getsockname()[0]
    return replace(listener, advertised=f"[{host}]:{listener.port}" if ":" in host else f"{host}:{listener.port}")


def _names(text: str, listener: Listener) -> Iterator[tuple[str, int]]:
    """Host and port of a `host` or `host:port`."""
    with contextlib.suppress(BadUri):
        uri = SipUri.parse(f"sip:{text}" if text.count(":") < 2 or "[" in text else f"sip:[{text}]")
        yield uri.host.lower().strip("[]"), uri.port or listener.port


def _reached(host: str) -> str:
    """The address that the kernel takes this one for: the IPv4 one within IPv6, loopback where none is given."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "::1"
    return str(address)


def _covers(listening: str, host: str) -> bool:
    """A listener on all addresses, of this address's family."""
    return listening == "::" or (listening == "0.0.0.0" and ":" not in host)


@lru_cache(maxsize=4096)
def _is_here(host: str) -> bool:
    """An address of this machine: loopback, or what the kernel would speak from to reach it is the address itself."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if ipaddress.ip_address(host).is_loopback:
            return True
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((host, 9))  # sends nothing: only the route is looked up
            return bool(probe.getsockname()[0] == host)
    except (OSError, ValueError):
        return False

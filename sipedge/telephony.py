"""The CTI gateway at the edge: its clients' connections, its clock, its log-ins, and what the policy says of lines.

The gateway itself is `cti.gateway`; here are the sockets and the timer that it does not know. Documents leave in the
order in which it has made them.
"""

import asyncio
import secrets
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from django.conf import settings

from cti import facts
from cti.associations import Association, Identity, LogIn, TooManyAssociations
from cti.csta.framing import Frame
from cti.gateway import Gateway
from cti.switch import SimulatedSwitch
from presence.engine.errors import TryAgainLater
from provisioning.snapshot import parts
from sipedge import refusals
from sipedge.b2bua.lines import Lines
from sipedge.b2bua.switches import Switches
from sipedge.line_states import LineStates
from sipedge.senders.csta import Sessions
from sipedge.sip.flow import Address, Flow
from sipedge.transport.csta import CstaConnection
from sipedge.transport.door import Arrival, Door
from sipedge.transport.tls import OPTIONAL, NoCertificate

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

DECIDED_BY = frozenset({facts.PART, parts.PEOPLE})
"Parts of the policy that lines and their owners depend on."


class Link(Protocol):
    """Where an association's documents go."""

    host: str
    flow: Flow
    "The client's connection."

    def send(self, document: bytes, tag: Any) -> None:
        """Send one; `tag` is that of the request that it answers, None for what answers none."""

    def close(self) -> None:
        """The association has ended."""


class BadAddress(ValueError):
    """CUPS_CSTA_LISTEN cannot be read."""


def addresses(text: str) -> list[tuple[str, str, int]]:
    """Read `tcp:host:port, tls:host:port, ...`, an IPv6 host in brackets; raises BadAddress."""
    found = []
    for part in filter(None, map(str.strip, text.split(","))):
        transport, _, address = part.partition(":")
        host, _, port = address.rpartition(":")
        if transport not in ("tcp", "tls") or not host or not port.isdecimal() or int(port) > 65535:
            raise BadAddress(f"{part!r}: expected tcp:host:port or tls:host:port")
        found.append((transport, host.strip("[]"), int(port)))
    return found


class Telephony:
    """The gateway, its switch and its clients."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge
        self._loop = edge.loop
        self._links: dict[Association, Link] = {}
        self._doors: list[Door] = []
        self._timer: asyncio.TimerHandle | None = None
        self.sessions = Sessions(edge)
        "Clients whose association is a SIP dialog."
        self.switch = SimulatedSwitch(f"{secrets.token_hex(3)}_")
        self.states = LineStates(edge)
        self.facts: facts.Facts
        self.gateway: Gateway

    # Starting and stopping

    async def start(self) -> None:
        """Read the lines and open the addresses of CUPS_CSTA_LISTEN; one that is taken is another edge's, or wrong."""
        self.facts = await self._edge.read(facts.load)
        now = self._loop.time()
        sip = self._edge.switch
        self.gateway = Gateway(Switches(self.switch, sip), self.facts.options, lambda: secrets.token_hex(16), now)
        self._provision()
        sip.heard = self.heard
        for transport, host, port in addresses(settings.CUPS_CSTA_LISTEN) if self._edge.share.first else ():
            try:
                context = self._edge.network.certificates.context(OPTIONAL) if transport == "tls" else None
                self._doors.append(Door(self._loop, self._edge.peers, host, port, context, self._connection))
            except (OSError, NoCertificate) as error:
                log.warning("CSTA is not served at an address", address=f"{transport}:{host}:{port}", error=str(error))
        for door in self._doors:
            door.start()
        self._wake()

    def close(self) -> None:
        """Let nobody in any more, and end all connections."""
        for door in self._doors:
            door.close()
        if self._timer is not None:
            self._timer.cancel()
        for link in list(self._links.values()):
            link.close()

    def _connection(self, arrival: Arrival, local: Address) -> CstaConnection:
        return CstaConnection(self, arrival, local, self._loop)

    # Clients

    def join(self, link: Link, identity: Identity | None) -> Association | None:
        """A client is there, as somebody or to log in; None when no more can be served."""
        try:
            association = self.gateway.open(identity, self._loop.time())
        except TooManyAssociations:
            self._edge.peers.refused(refusals.CONNECTIONS, link.host)
            return None
        self._links[association] = link
        self._wake()
        return association

    def joined(self, link: CstaConnection) -> Association | None:
        """A connection is opened; its client logs in by an application session."""
        return self.join(link, None)

    def received(self, link: CstaConnection, frame: Frame) -> None:
        """A document of a connection."""
        self._trace(link, frame, outgoing=False)
        if link.association is not None:
            self.ask(link.association, frame.document, frame.invoke)

    def sending(self, link: CstaConnection, frame: Frame) -> None:
        """A document goes to a connection now."""
        self._trace(link, frame, outgoing=True)

    def _trace(self, link: CstaConnection, frame: Frame, *, outgoing: bool) -> None:
        identity = link.association.identity if link.association is not None else None
        user = identity.name if identity is not None else ""
        self._edge.trace.csta(frame.document, link.flow, outgoing=outgoing, user=user, invoke=frame.invoke)

    def refused(self, link: CstaConnection, reason: str) -> None:
        """A connection is ended for something that its client has done."""
        self._edge.peers.refused(reason, link.host)

    def left(self, link: CstaConnection) -> None:
        """A connection is gone."""
        if link.association is not None:
            self.leave(link.association)

    def ask(self, association: Association, document: bytes, tag: Any) -> None:
        """A request; the answer goes to its link with this tag, then the events."""
        self.gateway.receive(association, document, tag, self._loop.time())
        self._pump()

    def leave(self, association: Association) -> None:
        """A client is gone."""
        if self._links.pop(association, None) is not None:
            self.gateway.close(association)

    def renew(self, association: Association, lasts: int) -> None:
        """A client has shown that it is there, for so many seconds."""
        self.gateway.renew(association, self._loop.time(), lasts)

    # What the gateway has to say

    def _pump(self) -> None:
        gateway = self.gateway
        while gateway.transmissions:
            one = gateway.transmissions.popleft()
            link = self._links.get(one.association)
            if link is not None:
                link.send(one.document, one.tag)
        while gateway.touched:
            self.touch(gateway.touched.pop())
        while gateway.logins:
            self._edge.background(self._log_in(gateway.logins.popleft()))
        while gateway.ended:
            ended = gateway.ended.popleft()
            link = self._links.pop(ended.association, None)
            if link is not None:
                log.info("a CSTA session has ended", reason=ended.reason, peer=link.host)
                link.close()
        self._wake()

    def touch(self, device: str) -> None:
        """Something has happened at a device: those who watch its owner may see it."""
        facts, state = self.facts, self.gateway.switch.state(device)
        dnd = state.do_not_disturb and facts.dnd_is_presence
        self.states.say(device, facts.owners.get(device), in_call=state.in_call, dnd=dnd)

    def _wake(self) -> None:
        """Be called when the gateway is due."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self.gateway.next_deadline(), self._tick)

    def _tick(self) -> None:
        self.gateway.timeout(self._loop.time())
        self._pump()

    async def _log_in(self, login: LogIn) -> None:
        """Look the password up, unless too many were wrong."""
        link = self._links.get(login.association)
        if link is None:
            return
        throttle, policy, now = self._edge.gatekeeper.throttle, self._edge.policy, self._loop.time()
        name: str | None = None
        if throttle.blocked(link.host, login.name, now) and policy.limited(link.host):
            self._edge.peers.refused(refusals.THROTTLED, link.host)
        else:
            try:
                name = await self._edge.read(facts.prove, login.name, login.password)
            except TryAgainLater:
                log.warning("a log-in came while the database was away")
            else:
                if name is None:
                    throttle.wrong(link.host, login.name, policy.limits, now)
                    self._edge.peers.refused(refusals.WRONG_CREDENTIALS, link.host)
                else:
                    throttle.right(link.host, login.name)
        self.gateway.decide(login, self.facts.identity(name) if name is not None else None, self._loop.time())
        self._pump()

    # What an administrator says

    async def policy_changed(self, parts: Collection[str] | None) -> None:
        """Read lines and rights again, where this part of the policy (None: any) touches them."""
        if parts is not None and DECIDED_BY.isdisjoint(parts):
            return
        self.facts = await self._edge.read(facts.load)
        self._provision()
        for association in self.gateway.associations():
            if association.identity is not None:
                self.gateway.authorise(association, self.facts.identity(association.identity.name))
        self._pump()

    def _provision(self) -> None:
        self._edge.switch.directory.lines = Lines.of(self.facts.sip)
        self.gateway.provision(self.facts.devices, self.facts.options)
        self.gateway.touched |= self.states.devices | self.facts.owners.keys()

    def heard(self) -> None:
        """Something has happened at a phone."""
        self.gateway.carry()
        self._pump()

    def link(self, association: Association) -> Link | None:
        """Where its documents go."""
        return self._links.get(association)

    def end(self, association: Association, reason: str) -> None:
        """Close a client's connection: its monitors go, the calls stay."""
        self.gateway.end(association, reason)
        self._pump()

    @property
    def served(self) -> Sequence[Address]:
        """The addresses that were opened."""
        return [door.local for door in self._doors]

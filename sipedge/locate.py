"""Which servers a request can go to, in which order (RFC 3263): NAPTR, SRV with weights, addresses.

A name with a port is only looked up; a name without one may be a domain whose servers are elsewhere. A server that
did not answer goes to the end of the list for a while.
"""

import asyncio
import ipaddress
import random
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from provisioning.uri import SipUri
from sipedge.lookup import Lookup, Srv
from sipedge.sip.flow import Address

UDP, TCP, TLS = "udp", "tcp", "tls"

PORTS = {UDP: 5060, TCP: 5060, TLS: 5061}
"Where nobody says another one (RFC 3261 19.1.2)."

SERVICES = {"SIPS+D2T": TLS, "SIP+D2T": TCP, "SIP+D2U": UDP}
"NAPTR services that are spoken here; others are left out."

_SRV = {TLS: "_sips._tcp.", TCP: "_sip._tcp.", UDP: "_sip._udp."}
"In the order of preference where a domain states none: private, then of any size, then the usual one."

MAX_HOPS = 16
"Servers of a domain that are looked at; nobody waits for more."

AVOIDED = 60.0
"Seconds for which a server that failed is tried after all others (RFC 3263 4.3)."

MAX_AVOIDED = 10_000
"Failed servers that are remembered; the oldest goes first."


class Hop(NamedTuple):
    """A server, and how it is spoken to."""

    transport: str
    "udp, tcp or tls."
    address: Address
    name: str
    "The domain that its certificate has to speak for (RFC 5922): the one that was asked for, not the server's."


class Locator:
    """Finds the servers of a domain; `chance` gives numbers from 0 to 1 for weights."""

    def __init__(self, lookup: Lookup, clock: Callable[[], float], chance: Callable[[], float] = random.random) -> None:
        self.lookup = lookup
        self._clock = clock
        self._chance = chance
        self._failed: OrderedDict[tuple[str, Address], float] = OrderedDict()

    async def locate(
        self, host: str, port: int | None = None, transport: str = "", *, secure: bool = False
    ) -> list[Hop]:
        """The servers to try, best first; none when the name leads nowhere.

        `transport` is udp, tcp, tls, or empty for what the domain offers; `secure`: over TLS only (sips).
        """
        host = host.lower().rstrip(".")
        if secure and transport in ("", TCP):
            transport = TLS
        usual = transport or UDP
        literal = _literal(host)
        if literal is not None:
            return [Hop(usual, (literal, port or PORTS[usual]), host)]
        if port is not None:
            return self.ordered(await self._hops(usual, host, port, host))
        hops: list[Hop] = []
        for kind, name in await self._services(host, transport):
            for server in self._shuffled(await self.lookup.srv(name)):
                hops += await self._hops(kind, server.target, server.port, host)
                if len(hops) >= MAX_HOPS:
                    break
        return self.ordered(hops or await self._hops(usual, host, PORTS[usual], host))

    async def of_uri(self, uri: SipUri) -> list[Hop]:
        """The servers of a URI: its maddr, host, port, transport parameter and scheme count."""
        transport, secure = uri.transport or "", uri.scheme == "sips"
        if transport not in ("", *PORTS) or (secure and transport == UDP):
            return []  # of ws only the client can open the connection; others are not spoken, nor is TLS over UDP
        return await self.locate(uri.maddr or uri.host, uri.port, transport, secure=secure)

    async def of_server(self, text: str, transport: str) -> list[Hop]:
        """The servers behind a provisioned address, `host` or `host:port`."""
        host, port = text, None
        if not text.endswith("]") and ":" in text:
            host, _, number = text.rpartition(":")
            port = int(number)
        return await self.locate(host, port, transport)

    def failed(self, hop: Hop) -> None:
        """A server did not answer, or could not be reached."""
        self._failed.pop((hop.transport, hop.address), None)
        self._failed[hop.transport, hop.address] = self._clock() + AVOIDED
        if len(self._failed) > MAX_AVOIDED:
            self._failed.popitem(last=False)

    def ordered(self, hops: Sequence[Hop]) -> list[Hop]:
        """Each server once, those that failed a moment ago last."""
        now = self._clock()
        unique = list(dict.fromkeys(hops))
        return sorted(unique, key=lambda hop: self._failed.get((hop.transport, hop.address), 0.0) > now)[:MAX_HOPS]

    async def _services(self, host: str, transport: str) -> list[tuple[str, str]]:
        """(transport, name of the SRV record) to ask for, in order; of those transports that have servers."""
        if transport:
            return [(transport, f"{_SRV[transport]}{host}")]
        offered = [
            (SERVICES[one.service], one.replacement)
            for one in await self.lookup.naptr(host)
            if one.service in SERVICES and one.replacement
        ]
        if offered:
            return offered
        names = [(kind, f"{prefix}{host}") for kind, prefix in _SRV.items()]
        await asyncio.gather(*(self.lookup.srv(name) for _, name in names))  # all at once; remembered
        return names

    async def _hops(self, transport: str, host: str, port: int, name: str) -> list[Hop]:
        literal = _literal(host)
        addresses = [literal] if literal is not None else await self.lookup.addresses(host)
        return [Hop(transport, (address, port), name) for address in addresses]

    def _shuffled(self, servers: Sequence[Srv]) -> list[Srv]:
        """By priority; among equals each is next with a chance that is its share of the weights (RFC 2782)."""
        left = sorted(servers, key=lambda one: (one.priority, one.weight))
        ordered: list[Srv] = []
        while left:
            group = [one for one in left if one.priority == left[0].priority]
            mark = self._chance() * sum(one.weight for one in group)
            for one in group:
                mark -= one.weight
                if mark <= 0:
                    break
            ordered.append(one)
            left.remove(one)
        return ordered


def _literal(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return None

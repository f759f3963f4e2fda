"""Questions to name servers, and what they answered, kept for as long as they said (RFC 1035, RFC 2782, RFC 3403).

`dnspython` speaks the protocol. Here equal questions that are asked at the same time become one, answers live for their
TTL, also those that say that there is nothing, and a name server that does not answer is left alone for a moment: what
it said last goes on to count meanwhile (RFC 8767).
"""

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog
from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.nameserver import Do53Nameserver
from dns.rdatatype import RdataType
from dns.resolver import NXDOMAIN, NoResolverConfiguration

log = structlog.get_logger(__name__)

LIFETIME = 4.0
"Seconds for one question, with all repetitions: a client waits 32 for what depends on it."

MAX_TTL = 86_400.0
"Seconds for which an answer is believed at most."

NOTHING_TTL = 60.0
"Seconds for which it is believed that there is nothing, where the answer does not say (RFC 2308), and for local names."

FAILURE_TTL = 5.0
"Seconds for which a question that nobody answered is not asked again."

STALE = 86_400.0
"Seconds for which an answer that has run out counts while no name server answers (RFC 8767 section 5: 1 to 3 days)."

MAX_ANSWERS = 10_000
"Answers that are remembered, some 500 bytes each; the least recently used goes first."


class Srv(NamedTuple):
    """A server of a service (RFC 2782)."""

    priority: int
    weight: int
    target: str
    port: int


class Naptr(NamedTuple):
    """A service of a domain (RFC 3403, RFC 3263 4.1)."""

    order: int
    preference: int
    service: str
    replacement: str


class _Answer(NamedTuple):
    """What is remembered of a question."""

    until: float
    "On the clock: asked again after that."
    good_until: float
    "By its own TTL; the same but for an answer that outlives a name server in trouble."
    records: list[Any]


class _Unanswered(Exception):
    """No name server has answered."""


class Lookup:
    """Asks name servers: those that `servers` (IP addresses with port) names, else those of the machine."""

    def __init__(self, servers: list[tuple[str, int]], clock: Callable[[], float]) -> None:
        self._clock = clock
        self._resolver = _resolver(servers)
        self._answers: OrderedDict[tuple[str, str], _Answer] = OrderedDict()
        self._asked: dict[tuple[str, str], asyncio.Future[list[Any]]] = {}
        self.questions = 0
        "That went to a name server."

    async def naptr(self, domain: str) -> list[Naptr]:
        """The services of a domain, in the order in which they are to be tried; those by expression are left out."""
        found = await self._ask(domain, "NAPTR")
        services = [
            Naptr(one.order, one.preference, one.service.decode("ascii", "replace").upper(), _text(one.replacement))
            for one in found
            if one.flags.lower() == b"s" and not one.regexp
        ]
        return sorted(services)

    async def srv(self, name: str) -> list[Srv]:
        """The servers of a service, in no order; none when it is not offered."""
        found = await self._ask(name, "SRV")
        servers = [Srv(one.priority, one.weight, _text(one.target), one.port) for one in found]
        return [one for one in servers if one.target]

    async def addresses(self, host: str) -> list[str]:
        """The IP addresses of a host, IPv6 after IPv4, as name servers or else this machine's own tables say."""
        host = host.lower().rstrip(".")
        if "." in host:
            four, six = await asyncio.gather(self._ask(host, "A"), self._ask(host, "AAAA"))
            if four or six:
                return [one.address for one in (*four, *six)]
        return await self._remember((host, "local"), self._local)

    async def _ask(self, name: str, kind: str) -> list[Any]:
        return await self._remember((name.lower().rstrip("."), kind), self._query)

    async def _remember(self, key: tuple[str, str], ask: Callable[[tuple[str, str]], Any]) -> list[Any]:
        known = self._answers.get(key)
        if known is not None and known.until > self._clock():
            self._answers.move_to_end(key)
            return known.records
        waiting = self._asked.get(key)
        if waiting is None:
            waiting = self._asked[key] = asyncio.ensure_future(self._learn(key, ask))
        return await asyncio.shield(waiting)

    async def _learn(self, key: tuple[str, str], ask: Callable[[tuple[str, str]], Any]) -> list[Any]:
        try:
            records, ttl = await ask(key)
            good_until = self._clock() + ttl
        except _Unanswered:
            known, ttl, now = self._answers.get(key), FAILURE_TTL, self._clock()
            if known is not None and known.good_until + STALE > now:
                records, good_until = known.records, known.good_until
            else:
                records, good_until = [], now
        finally:
            del self._asked[key]
        self._answers[key] = _Answer(self._clock() + ttl, good_until, records)
        if len(self._answers) > MAX_ANSWERS:
            self._answers.popitem(last=False)
        return records

    async def _query(self, key: tuple[str, str]) -> tuple[list[Any], float]:
        if self._resolver is None:
            return [], NOTHING_TTL
        self.questions += 1
        try:
            answer = await self._resolver.resolve(
                key[0], RdataType[key[1]], lifetime=LIFETIME, search=False, raise_on_no_answer=False
            )
        except NXDOMAIN as error:
            return [], min((_ttl(one) for one in error.responses().values()), default=NOTHING_TTL)
        except (DNSException, OSError, ValueError) as error:  # ValueError: no name, as with a label of 64 octets
            log.warning("a name server did not answer", name=key[0], kind=key[1], error=type(error).__name__)
            raise _Unanswered from None
        return list(answer.rrset or ()), _ttl(answer.response)

    async def _local(self, key: tuple[str, str]) -> tuple[list[Any], float]:
        """Hosts files, and whatever else the machine goes by."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(key[0], None, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError):
            return [], FAILURE_TTL
        return list(dict.fromkeys(str(one[4][0]) for one in found)), NOTHING_TTL


def _ttl(response: Any) -> float:
    """How long an answer holds; one that says that there is nothing, as the zone's SOA says (RFC 2308 section 5)."""
    chain = response.resolve_chaining()
    longest = MAX_TTL if chain.answer or response.authority else NOTHING_TTL
    return float(min(chain.minimum_ttl, longest))


def _resolver(servers: list[tuple[str, int]]) -> Resolver | None:
    try:
        resolver = Resolver(configure=not servers)
    except NoResolverConfiguration:
        return None
    if servers:
        resolver.nameservers = [Do53Nameserver(host, port) for host, port in servers]
    return resolver


def _text(name: Any) -> str:
    return str(name.to_text(omit_final_dot=True)).lower().strip(".")

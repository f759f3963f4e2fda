"""Which servers a request goes to (RFC 3263), against a table of records."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from provisioning.uri import SipUri
from sipedge.locate import AVOIDED, Hop, Locator
from sipedge.lookup import Lookup, Naptr, Srv

RECORDS: dict[str, list[Srv]] = {
    "_sip._udp.udp.example": [Srv(10, 0, "one.udp.example", 5070)],
    "_sip._tcp.many.example": [Srv(20, 0, "late.example", 5060), Srv(10, 0, "first.example", 5062)],
    "_sip._udp.many.example": [Srv(10, 0, "first.example", 5060)],
    "_sips._tcp.many.example": [Srv(10, 0, "first.example", 5061)],
    "_sips._tcp.big.example": [Srv(10, 0, "first.example", 5071)],
}
NAPTRS = {
    "big.example": [
        Naptr(10, 10, "SIPS+D2T", "_sips._tcp.big.example"),
        Naptr(20, 10, "SIP+D2S", "_sip._sctp.big.example"),
        Naptr(30, 10, "SIP+D2U", "_sip._udp.udp.example"),
    ]
}
HOSTS = {
    "one.udp.example": ["192.0.2.1"],
    "first.example": ["192.0.2.2", "2001:db8::2"],
    "late.example": ["192.0.2.3"],
    "plain.example": ["192.0.2.4"],
    "many.example": ["192.0.2.99"],
}


class Table(Lookup):
    """A name server that is a table."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def naptr(self, domain: str) -> list[Naptr]:
        self.asked.append(f"NAPTR {domain}")
        return NAPTRS.get(domain, [])

    async def srv(self, name: str) -> list[Srv]:
        self.asked.append(f"SRV {name}")
        return RECORDS.get(name, [])

    async def addresses(self, host: str) -> list[str]:
        return HOSTS.get(host, [])


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Iterator[Time]:
    yield Time()


def found(uri: str, clock: Time | None = None) -> list[Hop]:
    return asyncio.run(Locator(Table(), clock or Time(), lambda: 0.5).of_uri(SipUri.parse(uri)))


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:a@192.0.2.9", [("udp", "192.0.2.9", 5060)]),
        ("sip:a@192.0.2.9:5090;transport=tcp", [("tcp", "192.0.2.9", 5090)]),
        ("sips:a@192.0.2.9", [("tls", "192.0.2.9", 5061)]),
        ("sip:a@[2001:db8::9]", [("udp", "2001:db8::9", 5060)]),
        ("sip:a@b.example;maddr=192.0.2.8", [("udp", "192.0.2.8", 5060)]),
        ("sip:a@plain.example:5077", [("udp", "192.0.2.4", 5077)]),
        ("sip:a@plain.example", [("udp", "192.0.2.4", 5060)]),
        ("sips:a@plain.example", [("tls", "192.0.2.4", 5061)]),
        ("sip:a@udp.example", [("udp", "192.0.2.1", 5070)]),
        ("sip:a@many.example;transport=tcp", [
            ("tcp", "192.0.2.2", 5062), ("tcp", "2001:db8::2", 5062), ("tcp", "192.0.2.3", 5060),
        ]),
        ("sip:a@many.example:5060", [("udp", "192.0.2.99", 5060)]),
        ("sip:a@big.example", [("tls", "192.0.2.2", 5071), ("tls", "2001:db8::2", 5071), ("udp", "192.0.2.1", 5070)]),
        ("sip:a@nowhere.example", []),
        ("sip:a@plain.example;transport=ws", []),
        ("sip:a@plain.example;transport=sctp", []),
    ],
)  # fmt: skip
def test_the_servers_of_a_uri(uri: str, expected: list[tuple[str, str, int]]) -> None:
    """D-02, RFC 3263 4.1 and 4.2."""
    assert [(hop.transport, *hop.address) for hop in found(uri)] == expected


def test_without_a_preference_of_the_domain_the_private_road_goes_first() -> None:
    """D-02, RFC 3263 4.1: SRV for each transport that is spoken."""
    assert [hop.transport for hop in found("sip:a@many.example")] == ["tls", "tls", "tcp", "tcp", "tcp", "udp", "udp"]


def test_a_certificate_has_to_speak_for_the_domain_that_was_asked_for() -> None:
    """RFC 5922 4: not for the host that a name server names."""
    assert {hop.name for hop in found("sip:a@big.example")} == {"big.example"}


def test_a_secure_uri_is_never_reached_in_the_clear() -> None:
    """RFC 3261 26.2.2: sips means TLS."""
    assert {hop.transport for hop in found("sips:a@many.example")} == {"tls"}


def test_equal_priorities_share_by_weight() -> None:
    """D-25, RFC 2782: weight 3 is first three times as often as weight 1."""
    servers = [Srv(1, 3, "heavy", 5060), Srv(1, 1, "light", 5060), Srv(2, 9, "later", 5060)]
    chances = iter([number / 400 for number in range(400)] * 4)
    locator = Locator(Table(), Time(), lambda: next(chances))
    first: Counter[str] = Counter()
    for _ in range(400):
        order = [one.target for one in locator._shuffled(servers)]
        assert order[2] == "later" and len(order) == 3
        first[order[0]] += 1
    assert 2.5 < first["heavy"] / first["light"] < 3.5


def test_a_server_that_failed_comes_last_for_a_while(clock: Time) -> None:
    """D-32, RFC 3263 4.3."""
    locator = Locator(Table(), clock, lambda: 0.5)
    uri = SipUri.parse("sip:a@many.example;transport=tcp")
    first = asyncio.run(locator.of_uri(uri))
    locator.failed(first[0])
    assert asyncio.run(locator.of_uri(uri)) == [*first[1:], first[0]]
    clock.now += AVOIDED + 1
    assert asyncio.run(locator.of_uri(uri)) == first


@pytest.mark.parametrize(
    ("text", "transport", "expected"),
    [
        ("192.0.2.7", "udp", [("udp", "192.0.2.7", 5060)]),
        ("192.0.2.7:5071", "tcp", [("tcp", "192.0.2.7", 5071)]),
        ("[2001:db8::7]:5071", "tls", [("tls", "2001:db8::7", 5071)]),
        ("[2001:db8::7]", "udp", [("udp", "2001:db8::7", 5060)]),
        ("udp.example", "udp", [("udp", "192.0.2.1", 5070)]),
    ],
)
def test_the_servers_behind_a_provisioned_address(text: str, transport: str, expected: list[object]) -> None:
    """R-BCK-01, D-32: without a port a name may be a domain."""
    hops = asyncio.run(Locator(Table(), Time()).of_server(text, transport))
    assert [(hop.transport, *hop.address) for hop in hops] == expected

"""The tests' own name server says what real ones say, as dnspython's resolver understands it."""

from collections.abc import Iterator

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.resolver
import pytest

from tests.nameserver import NEGATIVE_TTL, TTL, NameServer

RECORDS = (
    'other.example NAPTR 10 50 "s" "SIP+D2T" "" _sip._tcp.other.example.',
    'other.example NAPTR 20 50 "s" "SIP+D2U" "" _sip._udp.other.example.',
    "_sip._tcp.other.example. 30 SRV 10 50 5060 sip.other.example.",
    "_sip._tcp.other.example 30 SRV 20 50 5070 backup.other.example",
    "sip.other.example A 127.0.0.1",
    "sip.other.example A 127.0.0.2",
    "sip.other.example AAAA ::1",
    "www.other.example CNAME Alias.other.example",
    "alias.other.example CNAME sip.other.example",
    "lost.other.example CNAME nobody.other.example",
)


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer(*RECORDS) as found:
        yield found


@pytest.fixture
def resolver(server: NameServer) -> dns.resolver.Resolver:
    found = dns.resolver.Resolver(configure=False)
    found.nameservers, found.port = ["127.0.0.1"], server.port
    found.timeout, found.lifetime = 0.3, 1.0
    return found


def told(resolver: dns.resolver.Resolver, name: str, kind: str) -> list[str]:
    """The answers, sorted: they come in any order."""
    return sorted(record.to_text() for record in resolver.resolve(name, kind))


def test_records_are_given_as_they_were_told(resolver: dns.resolver.Resolver) -> None:
    """All of several records; names in any case."""
    assert told(resolver, "SIP.other.example", "A") == ["127.0.0.1", "127.0.0.2"]
    assert told(resolver, "sip.other.example.", "AAAA") == ["::1"]
    assert told(resolver, "_sip._tcp.other.example", "SRV") == [
        "10 50 5060 sip.other.example.", "20 50 5070 backup.other.example.",
    ]  # fmt: skip
    assert told(resolver, "other.example", "NAPTR")[0] == '10 50 "s" "SIP+D2T" "" _sip._tcp.other.example.'
    assert resolver.resolve("_sip._tcp.other.example", "SRV").rrset.ttl == 30
    assert resolver.resolve("sip.other.example", "A").rrset.ttl == TTL


def test_an_alias_is_followed(resolver: dns.resolver.Resolver) -> None:
    """Through a second one; one that leads nowhere says that there is nobody."""
    answer = resolver.resolve("www.other.example", "A")
    assert answer.canonical_name.to_text() == "sip.other.example."
    assert {record.to_text() for record in answer} == {"127.0.0.1", "127.0.0.2"}
    with pytest.raises(dns.resolver.NXDOMAIN):
        resolver.resolve("lost.other.example", "A")


@pytest.mark.parametrize(
    ("name", "kind", "rcode"),
    [
        ("nobody.example", "A", dns.rcode.NXDOMAIN),
        ("_sip._udp.other.example", "SRV", dns.rcode.NXDOMAIN),
        ("sip.other.example", "SRV", dns.rcode.NOERROR),
        ("_tcp.other.example", "SRV", dns.rcode.NOERROR),
    ],
)
def test_what_is_not_there_has_a_time_to_live(server: NameServer, name: str, kind: str, rcode: dns.rcode.Rcode) -> None:
    """RFC 2308, RFC 8020: no such name, or nothing of this type at a name that is there or has names below it."""
    answer = dns.query.udp(dns.message.make_query(name, kind), "127.0.0.1", 2, server.port)
    assert (answer.rcode(), answer.answer) == (rcode, [])
    assert (answer.authority[0].ttl, answer.authority[0][0].minimum) == (NEGATIVE_TTL, NEGATIVE_TTL)


def test_questions_are_counted(server: NameServer, resolver: dns.resolver.Resolver) -> None:
    """By name, type and transport."""
    for _ in range(2):
        resolver.resolve("sip.other.example", "A")
    resolver.resolve("sip.other.example", "AAAA", tcp=True)
    assert server.asked("SIP.other.example.", "A") == 2
    assert server.asked("sip.other.example", "AAAA", "TCP") == 1
    assert server.asked("sip.other.example", "AAAA", "UDP") == 0
    assert server.asked("nobody.example", "A") == 0


def test_a_truncated_answer_is_had_over_tcp(server: NameServer, resolver: dns.resolver.Resolver) -> None:
    """RFC 7766: when it is told to cut, and when the records do not fit."""
    server.truncate = True
    assert told(resolver, "sip.other.example", "AAAA") == ["::1"]
    assert (server.asked("sip.other.example", "AAAA", "UDP"), server.asked("sip.other.example", "AAAA", "TCP")) == (
        1,
        1,
    )
    server.truncate = False
    server.tell(*(f"many.example A 127.0.{number}.1" for number in range(200)))
    assert len(told(resolver, "many.example", "A")) == 200
    assert server.asked("many.example", "A", "TCP") == 1


def test_it_can_fail_and_be_silent(server: NameServer, resolver: dns.resolver.Resolver) -> None:
    """And be well again; what it did not answer counts as asked."""
    server.rcode = dns.rcode.SERVFAIL
    with pytest.raises(dns.resolver.NoNameservers):
        resolver.resolve("sip.other.example", "A")
    server.rcode = dns.rcode.NOERROR
    server.silent = True
    with pytest.raises(dns.exception.Timeout):
        resolver.resolve("sip.other.example", "AAAA")
    assert server.asked("sip.other.example", "AAAA") > 0
    server.silent = False
    assert told(resolver, "sip.other.example", "AAAA") == ["::1"]


def test_junk_is_not_answered(server: NameServer, resolver: dns.resolver.Resolver) -> None:
    """And harms nobody."""
    with pytest.raises(dns.exception.Timeout):
        dns.query.udp(dns.message.Message(), "127.0.0.1", 0.3, server.port)
    assert told(resolver, "sip.other.example", "AAAA") == ["::1"]

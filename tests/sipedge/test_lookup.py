"""Questions to a name server, and how long its answers are believed (RFC 1035, RFC 2308, RFC 3263)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import dns.rcode
import pytest

from sipedge.lookup import FAILURE_TTL, STALE, Lookup, Naptr, Srv
from tests.nameserver import NEGATIVE_TTL, NameServer


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer(
        "a.example 30 A 192.0.2.1",
        "a.example 30 AAAA 2001:db8::1",
        "_sip._tcp.a.example 30 SRV 10 5 5060 one.a.example",
        "_sip._tcp.a.example 30 SRV 20 0 5062 two.a.example",
        "_sip._udp.a.example 30 SRV 0 0 0 .",
        'a.example 30 NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.a.example',
        'a.example 30 NAPTR 10 10 "s" "sips+d2t" "" _sips._tcp.a.example',
        'a.example 30 NAPTR 10 20 "u" "E2U+sip" "!^.*$!sip:x@a.example!" .',
        "b.example 30 CNAME a.example",
    ) as found:
        yield found


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def run(server: NameServer, ask: Callable[[Lookup, Time], Awaitable[Any]]) -> Any:
    async def body() -> Any:
        clock = Time()
        return await ask(Lookup([("127.0.0.1", server.port)], clock), clock)

    return asyncio.run(body())


def test_each_kind_of_record_is_read(server: NameServer) -> None:
    """D-02: services in their order, none by expression; a server that is the root is none; aliases lead on."""

    async def ask(lookup: Lookup, _: Time) -> None:
        assert await lookup.naptr("A.example.") == [
            Naptr(10, 10, "SIPS+D2T", "_sips._tcp.a.example"),
            Naptr(20, 10, "SIP+D2U", "_sip._udp.a.example"),
        ]
        servers = await lookup.srv("_sip._tcp.a.example")
        assert sorted(servers) == [Srv(10, 5, "one.a.example", 5060), Srv(20, 0, "two.a.example", 5062)]
        assert await lookup.srv("_sip._udp.a.example") == []
        assert await lookup.addresses("a.example") == ["192.0.2.1", "2001:db8::1"]
        assert await lookup.addresses("b.example") == ["192.0.2.1", "2001:db8::1"]

    run(server, ask)


def test_an_answer_is_kept_for_its_time(server: NameServer) -> None:
    """RFC 3263 4.3, D-32: not asked again before, asked again after, and at once for many."""

    async def ask(lookup: Lookup, clock: Time) -> None:
        name = "_sip._tcp.a.example"
        await asyncio.gather(*(lookup.srv(name) for _ in range(50)))
        clock.now = 29.0
        await lookup.srv(name)
        assert server.asked(name, "SRV") == 1
        server.tell("_sip._tcp.a.example 30 SRV 1 1 5070 new.example")
        clock.now = 31.0
        assert await lookup.srv(name) == [Srv(1, 1, "new.example", 5070)]

    run(server, ask)


def test_that_there_is_nothing_is_kept_as_long_as_the_zone_says(server: NameServer) -> None:
    """RFC 2308."""

    async def ask(lookup: Lookup, clock: Time) -> None:
        for name, kind in (("_sip._tcp.none.example", "SRV"), ("one.a.example", "NAPTR")):
            question = lookup.srv if kind == "SRV" else lookup.naptr
            assert await question(name) == [] and await question(name) == []
            assert server.asked(name, kind) == 1
            clock.now += NEGATIVE_TTL + 1
            await question(name)
            assert server.asked(name, kind) == 2

    run(server, ask)


def test_a_name_server_in_trouble_is_left_alone_for_a_moment(server: NameServer) -> None:
    """D-39: no storm of questions, no exception."""
    server.rcode = dns.rcode.SERVFAIL

    async def ask(lookup: Lookup, clock: Time) -> None:
        assert await lookup.srv("_sip._tcp.a.example") == []
        asked = lookup.questions
        assert await lookup.srv("_sip._tcp.a.example") == [] and lookup.questions == asked
        server.rcode = dns.rcode.NOERROR
        clock.now += FAILURE_TTL + 1
        assert len(await lookup.srv("_sip._tcp.a.example")) == 2

    run(server, ask)


def test_what_was_known_counts_while_no_name_server_answers(server: NameServer) -> None:
    """D-32, RFC 8767: for a day; then there is nothing, until one answers again."""

    async def ask(lookup: Lookup, clock: Time) -> None:
        name = "_sip._tcp.a.example"
        known = await lookup.srv(name)
        server.rcode = dns.rcode.SERVFAIL
        clock.now = 31.0
        assert sorted(await lookup.srv(name)) == sorted(known) and len(known) == 2
        asked = lookup.questions
        clock.now += FAILURE_TTL - 1
        assert len(await lookup.srv(name)) == 2 and lookup.questions == asked
        clock.now = 30.0 + STALE + 1
        assert await lookup.srv(name) == []
        server.rcode = dns.rcode.NOERROR
        server.tell("_sip._tcp.a.example 30 SRV 1 1 5070 new.example")
        clock.now += FAILURE_TTL + 1
        assert await lookup.srv(name) == [Srv(1, 1, "new.example", 5070)]

    run(server, ask)


def test_a_long_answer_comes_over_tcp(server: NameServer) -> None:
    """RFC 1035 4.2.2."""
    server.truncate = True

    async def ask(lookup: Lookup, _: Time) -> None:
        assert len(await lookup.srv("_sip._tcp.a.example")) == 2
        assert server.asked("_sip._tcp.a.example", "SRV", "TCP") == 1

    run(server, ask)


@pytest.mark.parametrize("name", ["x" * 64 + ".example", "a..example", "é.example", "." * 300, "a." * 200])
def test_what_is_no_name_leads_nowhere(server: NameServer, name: str) -> None:
    """D-39: whatever stands in a URI."""

    async def ask(lookup: Lookup, _: Time) -> None:
        assert await lookup.srv(name) == [] and await lookup.addresses(name) == []

    run(server, ask)


def test_names_of_this_machine_are_known_without_a_name_server(server: NameServer) -> None:
    """D-32: hosts files count."""

    async def ask(lookup: Lookup, _: Time) -> None:
        assert "127.0.0.1" in await lookup.addresses("localhost")

    run(server, ask)

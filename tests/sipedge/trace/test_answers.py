"""The edge's answer to `trace`: pages of bounded size that leave nothing out, without secrets."""

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from provisioning.policy import Settings
from sipedge.trace.answers import MAX_OCTETS, MAX_PAGE, TURN, Teller
from sipedge.trace.ring import Ring
from sipedge.worker import Edge
from tests.sipedge.trace.kept import DIGEST, FLOW, LINK, MAKE_CALL, request


class Site:
    """A ring and who answers from it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000_000
        self.ring = Ring(10_000, 50_000_000, self._clock)
        self.settings = Settings()
        policy = SimpleNamespace(settings=self.settings)
        self.edge = SimpleNamespace(trace=self.ring, policy=policy, loop=SimpleNamespace(time=time.monotonic))

    def _clock(self) -> int:
        self.now += 1
        return self.now * 1000

    def came(self, data: bytes) -> None:
        self.ring.sip(data, FLOW, outgoing=False)

    def ask(self, limit: int = 100, full: bool = False, wanted: dict[str, str] | None = None, **more: Any) -> Any:
        answer = Teller(cast(Edge, self.edge)).trace(wanted=wanted or {}, limit=limit, full=full, **more)
        return asyncio.run(cast(Any, answer))


@pytest.fixture
def site() -> Site:
    return Site()


def cseqs(answer: Any) -> list[int]:
    return [int(one["cseq"].split()[0]) for one in answer["entries"]]


def numbered(count: int, site: Site) -> None:
    for number in range(count):
        site.came(request().replace(b"CSeq: 7", b"CSeq: %d" % number))


def test_without_a_number_the_newest_come_oldest_first(site: Site) -> None:
    numbered(5, site)
    answer = site.ask(limit=2)
    assert (cseqs(answer), answer["more"], answer["on"]) == ([3, 4], True, True)
    older = site.ask(limit=2, before=answer["entries"][0]["number"])
    assert (cseqs(older), older["more"]) == ([1, 2], True)
    assert site.ask(limit=5)["more"] is False


def test_whoever_follows_misses_nothing_and_sees_nothing_twice(site: Site) -> None:
    numbered(7, site)
    seen, since = [], 0
    for _ in range(4):
        answer = site.ask(limit=3, since=since)
        seen += cseqs(answer)
        since = answer["until"]
    assert seen == list(range(7))
    site.came(request())
    assert cseqs(site.ask(since=since)) == [7]


def test_what_is_not_wanted_does_not_hold_up_whoever_follows(site: Site) -> None:
    numbered(5, site)
    answer = site.ask(since=0, wanted={"method": "INVITE"})
    assert answer["entries"] == [] and answer["until"] >= site.ring.entries()[-1].number


def test_an_answer_is_bounded_in_entries_and_octets(site: Site) -> None:
    for _ in range(MAX_PAGE + 10):
        site.came(request("NOTIFY", body="x" * 10_000))
    assert len(site.ask(limit=100_000)["entries"]) == MAX_PAGE
    full = site.ask(limit=100_000, full=True)
    assert full["more"] and len(json.dumps(full)) < 2 * MAX_OCTETS
    site.ring.switch(False)
    site.ring.switch(True)
    for _ in range(60):
        site.came(b"A" + b"\0" * 16_000)
    assert len(json.dumps(site.ask(limit=500, full=True))) < 2 * MAX_OCTETS


def test_the_loop_turns_while_a_large_trace_is_read(site: Site) -> None:
    """However large or hostile, reading never holds up messages for longer than a turn and one message."""
    numbered(10, site)
    clock = iter(range(1000))
    site.edge.loop = SimpleNamespace(time=lambda: next(clock) * TURN / 2)
    turns = 0

    async def ask() -> None:
        nonlocal turns
        reading = asyncio.ensure_future(
            Teller(cast(Edge, site.edge)).trace(wanted={"method": "INVITE"}, limit=1, full=False)
        )
        while not reading.done():
            await asyncio.sleep(0)
            turns += 1

    asyncio.run(ask())
    assert turns >= 5


def test_no_secret_leaves_the_edge(site: Site) -> None:
    """R-SEC-02, R-CTI-01: neither in messages nor in what is said about them."""
    site.came(request("REGISTER", f"Authorization: {DIGEST}"))
    site.came(request("MESSAGE", "Content-Type: text/plain", body="dear Ann"))
    info = b"<applicationInfo><password>hunter2</password></applicationInfo>"
    login = b"<StartApplicationSession>" + info + b"</StartApplicationSession>"
    site.ring.csta(login, LINK, outgoing=False, user="", invoke=3)
    text = json.dumps(site.ask(full=True))
    for secret in ("5ecre7", "c0de", "hunter2", "dear Ann"):
        assert secret not in text
    assert "StartApplicationSession" in text and "xten4" in text
    site.edge.policy.settings = site.settings._replace(trace_bodies=True)
    assert "dear Ann" in json.dumps(site.ask(full=True))


def test_an_entry_says_where_it_went(site: Site) -> None:
    site.ring.csta(MAKE_CALL, LINK, outgoing=True, user="desk", invoke=12)
    (one,) = site.ask()["entries"]
    assert (one["direction"], one["transport"], one["local"], one["remote"]) == (
        "out", "TCP", "192.0.2.1:1040", "192.0.2.7:40000",
    )  # fmt: skip
    assert (one["user"], one["invoke"], one["document"], one["device"]) == ("desk", 12, "MakeCall", "2001")
    assert "message" not in one and one["octets"] == len(MAKE_CALL) and one["cut"] is False

"""The ring of the signalling trace: bounded in messages and octets, numbered so that nobody misses one."""

from collections.abc import Callable

import pytest

from cups_site.variables.declared import BadVariable, value
from sipedge.trace.ring import MAX_KEPT, OVERHEAD, Ring
from tests.sipedge.trace.kept import FLOW, LINK, request


class Clock:
    """Microseconds, by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000_000

    def __call__(self) -> int:
        return self.now * 1000


def ring(messages: int = 100, octets: int = 1_000_000, clock: Callable[[], int] | None = None) -> Ring:
    return Ring(messages, octets, clock or Clock())


def test_the_newest_messages_stay() -> None:
    kept = ring(messages=3)
    for number in range(5):
        kept.sip(b"message %d" % number, FLOW, outgoing=False)
    assert [one.data for one in kept.entries()] == [b"message 2", b"message 3", b"message 4"]


def test_memory_is_bounded_however_large_messages_are() -> None:
    kept = ring(octets=100_000)
    for size in (10, 60_000, 5_000, 65_535) * 50:
        kept.sip(b"x" * size, FLOW, outgoing=True)
        assert kept.held <= 100_000
        assert kept.held == sum(len(one.data) + OVERHEAD for one in kept.entries())
    assert len(kept) > 1


def test_a_long_message_is_kept_cut_and_says_so() -> None:
    kept = ring()
    kept.sip(b"x" * 60_000, FLOW, outgoing=False)
    (one,) = kept.entries()
    assert (len(one.data), one.octets) == (MAX_KEPT, 60_000)


def test_a_bound_below_the_longest_message_still_keeps_one() -> None:
    kept = ring(octets=2_000)
    kept.sip(b"x" * 60_000, FLOW, outgoing=False)
    assert [len(one.data) for one in kept.entries()] == [1_000]


def test_numbers_rise_when_two_come_at_once_and_when_the_clock_goes_back() -> None:
    clock = Clock()
    kept = ring(clock=clock)
    kept.sip(request(), FLOW, outgoing=False)
    kept.sip(request(), FLOW, outgoing=False)
    clock.now -= 5_000_000
    kept.sip(request(), FLOW, outgoing=False)
    first, *others = [one.number for one in kept.entries()]
    assert (first, others) == (1_800_000_000_000_000, [first + 1, first + 2])


def test_what_has_settled_is_below_everything_later() -> None:
    clock = Clock()
    kept = ring(clock=clock)
    settled = kept.settled()
    kept.sip(request(), FLOW, outgoing=False)
    assert kept.entries()[0].number > settled
    clock.now += 10
    assert kept.settled() == clock.now


def test_keep_alives_are_not_kept() -> None:
    kept = ring()
    for data in (b"", b"\r\n", b"\r\n\r\n", b"\0\0\0\0", b"\x00\x01\x00\x00\x21\x12\xa4\x42" + 12 * b"t"):
        kept.sip(data, FLOW, outgoing=False)
    assert len(kept) == 0
    kept.sip(b"\r\n\r\n" + request(), FLOW, outgoing=False)
    assert len(kept) == 1


def test_switched_off_it_keeps_nothing_and_forgets_what_it_had() -> None:
    kept = ring()
    kept.sip(request(), FLOW, outgoing=False)
    kept.switch(False)
    kept.sip(request(), FLOW, outgoing=False)
    kept.csta(b"<a/>", LINK, outgoing=True, user="", invoke=1)
    assert (len(kept), kept.held, kept.on) == (0, 0, False)
    kept.switch(True)
    kept.sip(request(), FLOW, outgoing=False)
    assert len(kept) == 1


def test_where_no_messages_are_wanted_it_cannot_be_switched_on() -> None:
    kept = ring(messages=0)
    kept.switch(True)
    kept.sip(request(), FLOW, outgoing=False)
    assert (len(kept), kept.on) == (0, False)


def test_the_bounds_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPS_TRACE_MESSAGES", " 25 ")
    assert value("CUPS_TRACE_MESSAGES") == 25
    for text in ("-1", "many", "1.5"):
        monkeypatch.setenv("CUPS_TRACE_MESSAGES", text)
        with pytest.raises(BadVariable, match="CUPS_TRACE_MESSAGES"):
            value("CUPS_TRACE_MESSAGES")


def test_what_could_not_be_sent_is_taken_back() -> None:
    """A message is noted before it goes, so that no answer to it stands before it."""
    kept = ring()
    assert kept.sip(request(), FLOW, outgoing=False) and kept.sip(request("MESSAGE"), FLOW, outgoing=True)
    held = kept.held
    kept.take_back()
    assert [one.outgoing for one in kept.entries()] == [False] and kept.held < held
    assert not kept.sip(b"\r\n", FLOW, outgoing=True)

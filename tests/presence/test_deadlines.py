"""Moments at which soft state runs out."""

from datetime import UTC, datetime, timedelta

from presence.deadlines import Deadlines

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_a_key_is_due_once_and_only_when_its_moment_has_come() -> None:
    deadlines = Deadlines()
    deadlines.set(1, at(10))
    deadlines.set(2, at(5))
    assert list(deadlines.due(at(4))) == []
    assert list(deadlines.due(at(10))) == [2, 1]
    assert list(deadlines.due(at(11))) == []


def test_a_refresh_moves_the_moment_and_costs_no_second_entry() -> None:
    """Section 6: a refreshed subscription lives to its new expiry."""
    deadlines = Deadlines()
    for seconds in (10, 20, 30):
        deadlines.set(1, at(seconds))
    assert len(deadlines) == 1
    assert list(deadlines.due(at(29))) == []
    assert list(deadlines.due(at(30))) == [1]


def test_a_shorter_refresh_counts_at_once() -> None:
    deadlines = Deadlines()
    deadlines.set(1, at(3600))
    deadlines.set(1, at(60))
    assert list(deadlines.due(at(60))) == [1]
    assert list(deadlines.due(at(3600))) == []


def test_what_was_discarded_is_never_due() -> None:
    deadlines = Deadlines()
    deadlines.set(1, at(1))
    deadlines.discard(1)
    deadlines.discard(2)
    assert list(deadlines.due(at(2))) == []

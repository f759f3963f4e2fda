"""Requests in a minute, counted by a window that slides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge import rates
from sipedge.rates import WINDOW, Rate


def test_the_limit_is_for_each_user() -> None:
    """D-39."""
    one = Rate()
    assert [one.over("joe", 3, 0.0) for _ in range(3)] == [0, 0, 0]
    assert one.over("joe", 3, 0.0) > 0
    assert one.over("ann", 3, 0.0) == 0


@pytest.mark.parametrize("limit", [1, 3, 600])
def test_who_waits_as_long_as_it_is_told_is_let_in(limit: int) -> None:
    """D-39: Retry-After is true."""
    one = Rate()
    now = 0.0
    for _ in range(5 * limit):
        left = one.over("joe", limit, now)
        if left:
            now += left + 0.01
            assert one.over("joe", limit, now) == 0


@given(st.lists(st.floats(0.0, 30.0), min_size=50, max_size=300))
def test_no_minute_has_much_more_than_the_limit(pauses: list[float]) -> None:
    """D-39: the estimate may be wrong where requests are uneven, but never by as much as the limit itself."""
    one, now, taken = Rate(), 0.0, []
    for pause in pauses:
        now += pause
        if not one.over("joe", 10, now):
            taken.append(now)
    assert all(sum(start <= at < start + WINDOW for at in taken) < 20 for start in taken)


def test_a_limit_that_is_changed_counts_at_once() -> None:
    """D-39: up and down."""
    one = Rate()
    for _ in range(10):
        one.over("joe", 10, 0.0)
    assert one.over("joe", 5, 1.0) > WINDOW - 1
    assert one.over("joe", 20, 1.0) == 0


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """D-39: more users than are counted begin a new window."""
    monkeypatch.setattr(rates, "MAX_USERS", 10)
    one = Rate()
    for number in range(100):
        one.over(number, 1, 0.0)
    assert len(one._now) + len(one._before) <= 20

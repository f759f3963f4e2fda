"""The pages of several edges as one: in the order of time, nothing left out, nothing twice."""

from typing import Any

import pytest

from presence.engine.errors import TryAgainLater
from provisioning import asking
from sipedge.trace import collecting
from sipedge.trace.filters import BadFilter


class Edges:
    """Edges that keep entries with these numbers, and have a clock."""

    def __init__(self, now: int, **kept: list[int] | None) -> None:
        self.now = dict.fromkeys(kept, now)
        self.kept = kept

    def ask(self, edges: list[str], name: str, *, since: int | None, before: int | None, limit: int, **_: Any) -> Any:
        assert name == "trace" and sorted(edges) == sorted(self.kept)
        return {
            edge: None if kept is None else self._of(edge, kept, since, before, limit)
            for edge, kept in self.kept.items()
        }

    def _of(self, edge: str, kept: list[int], since: int | None, before: int | None, limit: int) -> Any:
        found = [n for n in kept if n > (since or 0) and n < (before or 10**9)]
        page = found[:limit] if since is not None else found[-limit:]
        more = len(page) < len(found)
        until = page[-1] if more and since is not None else self.now[edge]
        return {"on": True, "entries": [{"number": n} for n in page], "until": until, "more": more}


@pytest.fixture
def edges(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(now: int, **kept: list[int] | None) -> Edges:
        made = Edges(now, **kept)
        monkeypatch.setattr(asking, "ask_all_now", made.ask)
        monkeypatch.setattr(collecting, "_running", lambda: list(kept))
        return made

    return make


def page(limit: int = 100, **more: Any) -> Any:
    return collecting.page({}, limit=limit, full=False, **more)


def numbers(found: Any) -> list[int]:
    return [one["number"] for one in found.entries]


def test_pages_are_one_in_the_order_of_time(edges: Any) -> None:
    edges(100, a=[1, 4, 6], b=[2, 3, 7])
    found = page()
    assert [(one["number"], one["edge"]) for one in found.entries] == [
        (1, "a"), (2, "b"), (3, "b"), (4, "a"), (6, "a"), (7, "b"),
    ]  # fmt: skip
    assert (found.until, found.more, found.silent) == (100, False, [])


def test_the_newest_page_has_no_gap_where_one_edge_has_said_all_and_another_has_not(edges: Any) -> None:
    edges(100, a=[1, 2], b=list(range(10, 20)))
    assert numbers(page(limit=4)) == [16, 17, 18, 19]
    edges(100, a=[1, 2, 18], b=list(range(10, 20, 2)))
    assert numbers(page(limit=4)) == [14, 16, 18, 18]
    older = page(limit=4, before=14)
    assert numbers(older) == [1, 2, 10, 12] and not older.more


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_whoever_follows_sees_everything_once(edges: Any, limit: int) -> None:
    kept = {"a": [1, 4, 6, 8, 9], "b": [2, 3, 7, 11], "c": [5]}
    edges(100, **kept)
    seen: list[int] = []
    since, more = 0, True
    while more:
        found = page(limit=limit, since=since)
        assert len(found.entries) <= limit
        seen += numbers(found)
        since, more = found.until, found.more
    assert seen == sorted(number for one in kept.values() for number in one)


def test_an_edge_whose_clock_is_behind_holds_others_up_instead_of_losing_messages(edges: Any) -> None:
    site = edges(100, a=[10, 90], b=[20])
    site.now["b"] = 50
    found = page(since=0)
    assert (numbers(found), found.until) == ([10, 20], 50)
    site.kept["b"].append(60)
    site.now["b"] = 100
    assert numbers(page(since=found.until)) == [60, 90]


def test_an_edge_that_does_not_answer_is_named_and_none_at_all_is_an_error(edges: Any) -> None:
    edges(100, a=[1], b=None)
    assert (numbers(page()), page().silent) == ([1], ["b"])
    edges(100, a=None, b=None)
    with pytest.raises(TryAgainLater):
        page()
    edges(100)
    with pytest.raises(TryAgainLater):
        page()


def test_a_bad_filter_is_found_before_any_edge_is_asked(edges: Any) -> None:
    edges(100)
    with pytest.raises(BadFilter):
        collecting.page({"status": "x"}, limit=1, full=False)


def test_a_file_has_all_pages_up_to_its_bound(edges: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    edges(10_000, a=list(range(1, 1200)), b=[7, 800])
    assert len(collecting.everything({})) == 1201
    assert len(collecting.everything({}, since=1100)) == 99
    monkeypatch.setattr(collecting, "EXPORTED", 700)
    assert len(collecting.everything({})) == 700

"""Time lines at an edge: nobody waits, memory is bounded, and nothing is done while none is kept."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from presence import timeline as domain
from presence.engine.reachability import Reachability
from presence.publications import PublishPlan
from presence.rows import BackendRow, PublicationRow
from presence.store import DatabaseAway
from presence.timeline import Entry
from provisioning.policy import PersonaFacts, Policy, Settings
from provisioning.uri import Aor
from sipedge import timeline as edge_side
from sipedge.dialogs import LiveSubscription
from sipedge.timeline import Timeline

XTEN3 = Aor.parse("xten3@compb.cisco.com")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROW = PublicationRow(7, 1, 3, XTEN3, "eyeBeam", "application/pidf+xml", "sip", b"<x/>", NOON, NOON, NOON, NOON)


class Held:
    """A user in memory, whose state the test says."""

    state = Reachability.AVAILABLE

    def composed(self, policy: Policy, now: datetime) -> Any:
        return SimpleNamespace(state=self.state)


class Edge:
    """What a time line asks of an edge."""

    name = "edge-1"

    def __init__(self, *, everybody: bool = True, chosen: frozenset[int] = frozenset()) -> None:
        self.loop = asyncio.get_running_loop()
        facts = PersonaFacts(3, XTEN3, "", True)
        self.policy = Policy(personas={3: facts}, settings=Settings(timeline=everybody), timelines=chosen)
        self.held = Held()
        self.personas = SimpleNamespace(held=lambda key: self.held if key == 3 else None)
        self._ids = iter(range(1000, 100_000))

    def now(self) -> datetime:
        return NOON

    def new_id(self) -> int:
        return next(self._ids)


def planned(row: PublicationRow | None) -> PublishPlan:
    return PublishPlan(None, row, "tag", 60, None)


def live(watcher: str, *keys: int, reason: str = "") -> LiveSubscription:
    found: Any = SimpleNamespace(
        about=lambda content: keys, ended=bool(reason), reason=reason, row=SimpleNamespace(watcher=watcher)
    )
    return found  # type: ignore[no-any-return]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    """What was written."""
    found: list[Entry] = []
    monkeypatch.setattr(domain, "write", found.extend)
    return found


def run(scene: Callable[[Edge, Timeline], Any], **options: Any) -> None:
    async def play() -> None:
        edge = Edge(**options)
        line = Timeline(edge)  # type: ignore[arg-type]
        line.switch(edge.policy)
        await scene(edge, line)
        await line.close()

    asyncio.run(play())


async def turns() -> None:
    """Until what is put off by two turns of the loop is done."""
    for _ in range(4):
        await asyncio.sleep(0)


def test_each_change_with_the_state_before_and_after(written: list[Entry]) -> None:
    """A refresh is none; the state is looked at when the answer has left, not before."""

    async def scene(edge: Edge, line: Timeline) -> None:
        line.published(planned(ROW))
        assert not line._entries, "put off"
        await turns()
        edge.held.state = Reachability.BUSY
        line.published(planned(ROW._replace(version=2, body=b"<y/>")))
        await turns()
        line.published(planned(ROW._replace(version=3, updated_at=NOON + timedelta(seconds=9))))
        line.published(planned(None))
        edge.held.state = Reachability.UNAVAILABLE
        line.ran_out(ROW._replace(version=3))
        await turns()

    run(scene)
    assert [(one.what, one.before, one.after) for one in written] == [
        ("made", "", "Available"), ("changed", "Available", "Busy"), ("ended", "Busy", "Unavailable"),
    ]  # fmt: skip
    assert {(one.aor, one.edge, one.key) for one in written} == {(XTEN3, "edge-1", 3)}


def test_those_who_are_told_within_a_moment_are_one_entry(written: list[Entry]) -> None:
    """The number is of all, the addresses are bounded."""

    async def scene(edge: Edge, line: Timeline) -> None:
        for number in range(domain.ADDRESSES + 5):
            line.told(live(f"sip:w{number}@x.example", 3), None)
        line.told(live("sip:w1@x.example", 3, reason="rejected"), None)
        line.told(live("sip:w2@x.example", 3, reason="timeout"), None)

    run(scene)
    cut, told = written
    assert (told.what, told.count, told.watchers.count("\n") + 1) == ("told", domain.ADDRESSES + 5, domain.ADDRESSES)
    assert (cut.what, cut.watchers) == ("cut_off", "sip:w1@x.example") and "rejected" in cut.detail


def test_those_who_are_told_belong_to_the_change_before(written: list[Entry]) -> None:
    """However fast the changes come."""

    async def scene(edge: Edge, line: Timeline) -> None:
        for version in (1, 2):
            line.published(planned(ROW._replace(version=version, body=b"<x/>" * version)))
            await turns()
            line.told(live(f"sip:w{version}@x.example", 3), None)

    run(scene)
    assert [(one.what, one.watchers) for one in written] == [
        ("made", ""), ("told", "sip:w1@x.example"), ("changed", ""), ("told", "sip:w2@x.example"),
    ]  # fmt: skip


def test_only_of_whom_it_is_wanted(written: list[Entry]) -> None:
    """Of chosen users; never of lists and foreign presentities, which have negative keys."""

    async def scene(edge: Edge, line: Timeline) -> None:
        assert line.on
        line.published(planned(ROW))
        line.published(planned(ROW._replace(persona_id=4)))
        await turns()
        line.told(live("sip:w@x.example", 3, 4, -5), None)

    run(scene, everybody=False, chosen=frozenset({3}))
    assert [(one.what, one.key) for one in written] == [("made", 3), ("told", 3)]


def test_off_until_somebody_wants_it(written: list[Entry]) -> None:
    async def scene(edge: Edge, line: Timeline) -> None:
        assert not line.on
        line.switch(replace(edge.policy, settings=Settings(timeline=True)))
        assert line.on
        line.published(planned(ROW))
        await turns()
        line.switch(Policy())
        assert not line.on and not line._states

    run(scene, everybody=False)
    assert len(written) == 1, "what was noted while it was wanted is kept"


def test_a_foreign_state_that_is_the_same_is_no_news(written: list[Entry]) -> None:
    row = BackendRow(
        9, 2, 3, XTEN3, "sip:5555@cm.example", 1, True, "", "", 0, "edge-1", "", "active", "", 0, b"<x/>", "",
        NOON, NOON, NOON, NOON, NOON,
    )  # fmt: skip

    async def scene(edge: Edge, line: Timeline) -> None:
        line.backend(row, row._replace(version=1, body=b""))
        line.backend(row._replace(version=3), row)
        line.backend(row._replace(version=4, state="waiting", reason="timeout"), row)
        await turns()

    run(scene)
    assert [one.detail for one in written] == [
        "sip:5555@cm.example: subscription active", "sip:5555@cm.example: subscription waiting (timeout)",
    ]  # fmt: skip


def test_provisioning_that_changes_a_state(written: list[Entry]) -> None:
    """Written once for several edges; those whose state stays, and those who are out of memory, are no entry."""

    async def scene(edge: Edge, line: Timeline) -> None:
        line.published(planned(ROW))
        line._states[4] = "Busy"
        await turns()
        await line.policy_changed()
        edge.held.state = Reachability.DND
        await line.policy_changed()
        line.reloaded([3, 8])

    run(scene)
    (entry,) = [one for one in written if one.what == "policy"]
    assert (entry.before, entry.after) == ("Available", "Do Not Disturb")
    assert entry.id == domain.number(3, "Available", "Do Not Disturb", int(NOON.timestamp()) // 10)


def test_a_database_that_is_away_loses_nothing_at_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What memory does not hold is lost, and the log says how much."""
    monkeypatch.setattr(edge_side, "MAX_WAITING", 3)
    away = [True]
    written: list[Entry] = []

    def write(entries: Sequence[Entry]) -> None:
        if away[0]:
            raise DatabaseAway("connection refused")
        written.extend(entries)

    monkeypatch.setattr(domain, "write", write)

    async def scene(edge: Edge, line: Timeline) -> None:
        for version in range(5):
            line.published(planned(ROW._replace(id=version)))
        await turns()
        await line._write()
        assert written == []
        away[0] = False
        await line._write()

    run(scene)
    assert len({one.id for one in written}) == 3 and caplog.text.count("entries of time lines are lost") == 1


def test_an_entry_that_cannot_be_written_stops_no_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    written: list[Entry] = []

    def write(entries: Sequence[Entry]) -> None:
        if entries[0].key == 3 and not written and not caplog.text:
            raise ValueError("a value that no database takes")
        written.extend(entries)

    monkeypatch.setattr(domain, "write", write)

    async def scene(edge: Edge, line: Timeline) -> None:
        line.published(planned(ROW))
        await turns()
        await line._write()
        line.published(planned(ROW._replace(version=2)))
        await turns()

    run(scene)
    assert [one.what for one in written] == ["changed"] and "could not be written" in caplog.text

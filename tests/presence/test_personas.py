"""The working set: what is in memory, for how long, and what it is told."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from presence.engine.errors import UnknownPresentity
from presence.engine.filtering import View
from presence.engine.reachability import INSTALLED
from presence.personas import Personas
from presence.publications import PublishPlan
from presence.rows import PublicationRow
from presence.store import Loaded
from provisioning.policy import Policy
from provisioning.uri import Aor
from tests.phone import pidf

pytestmark = pytest.mark.asyncio

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
XTEN3 = Aor("sip:xten3@compb.cisco.com")


def row(id: int = 1, version: int = 1, activity: str = "", persona: int = 1, seconds: int = 600) -> PublicationRow:
    return PublicationRow(
        id, version, persona, XTEN3, "eyeBeam", "application/pidf+xml", "sip", pidf(XTEN3, activity=activity),
        NOON, NOON, NOON, NOON + timedelta(seconds=seconds),
    )  # fmt: skip


def applied(one: PublicationRow) -> PublishPlan:
    return PublishPlan(None, one, one.entity_tag, 600, None)


class Database:
    """Rows by persona; loading can be held up."""

    def __init__(self, *rows: PublicationRow) -> None:
        self.rows = list(rows)
        self.go = asyncio.Event()
        self.go.set()
        self.loads: list[list[int]] = []

    async def load(self, ids: list[int]) -> list[Loaded]:
        self.loads.append(ids)
        found = [Loaded(id, True, [r for r in self.rows if r.persona_id == id], []) for id in ids if id < 100]
        await self.go.wait()
        return found


def personas(database: Database, *, pinned: bool = False) -> Personas:
    policy = Policy(rules=INSTALLED)  # type: ignore[arg-type]
    return Personas(database.load, lambda: policy, pinned=lambda id: pinned, clock=lambda: 0.0)


def seen(held: Personas, now: datetime = NOON) -> bytes:
    document = held.document(1, XTEN3, View(), now)
    assert document is not None
    return document.body


async def test_presentities_asked_for_together_are_loaded_together() -> None:
    database = Database(row())
    held = personas(database)
    found = await asyncio.gather(held.get(1), held.get(2), held.get(1))
    assert database.loads == [[1, 2]] and found[0] is found[2]
    assert b"<ce:available/>" in seen(held)


async def test_a_user_that_is_gone_is_unknown() -> None:
    """D-02."""
    with pytest.raises(UnknownPresentity):
        await personas(Database()).get(100)


async def test_a_document_is_composed_once_for_each_change() -> None:
    """R-CMP-01, R-CMP-02: collect and compose; the bytes are shared until something changes."""
    database = Database(row())
    held = personas(database)
    await held.get(1)
    first = held.document(1, XTEN3, View(), NOON)
    assert held.document(1, XTEN3, View(), NOON) is first
    held.apply(applied(row(version=2, activity="busy")))
    assert b"<rpid:busy/>" in seen(held)
    held.apply(applied(row(version=1)))
    assert b"<rpid:busy/>" in seen(held), "an older version never replaces a newer one"


async def test_what_runs_out_is_left_out_at_its_moment() -> None:
    """R-PUB-29, section 6."""
    held = personas(Database(row(seconds=10)))
    await held.get(1)
    assert held.expired(NOON + timedelta(seconds=9)) == []
    assert held.expired(NOON + timedelta(seconds=10)) == [1]
    assert b"<ce:unavailable/>" in seen(held, NOON + timedelta(seconds=10))
    assert held.expired(NOON + timedelta(seconds=99)) == []


async def test_a_reload_does_not_lose_what_was_written_meanwhile() -> None:
    """D-11: between reading and installing, this process commits a change, a removal and a new publication."""
    database = Database(row(1), row(2), row(4))
    held = personas(database)
    await held.get(1)
    database.go.clear()
    database.rows = [row(1, activity="meeting"), row(2)]
    reloading = asyncio.create_task(held.reload([1]))
    await asyncio.sleep(0)
    held.apply(applied(row(1, version=2, activity="busy")))
    held.apply(applied(row(2, version=2)._replace(body=b"")))
    held.apply(applied(row(3, activity="away")))
    database.go.set()
    await reloading
    publications = (await held.get(1)).publications
    assert {id: one.version for id, one in publications.items()} == {1: 2, 3: 1}


async def test_a_change_elsewhere_while_a_presentity_is_read_is_read_after_it() -> None:
    """The first reading may have come too early, and nobody would say so again."""
    database = Database(row(activity="busy"))
    held = personas(database)
    database.go.clear()
    loading = asyncio.create_task(held.get(1))
    await asyncio.sleep(0.01)
    assert database.loads == [[1]] and held.concerns(1) and not held.holds(1)
    database.rows = [row(version=2, activity="away")]
    reloading = asyncio.create_task(held.reload([1]))
    await asyncio.sleep(0.01)
    database.go.set()
    await asyncio.gather(loading, reloading)
    assert database.loads == [[1], [1]]
    assert b"<rpid:away/>" in seen(held)


async def test_a_reload_drops_users_that_are_gone() -> None:
    """D-13: the watchers are ended with noresource elsewhere; here nothing is kept."""
    database = Database(row())
    held = personas(database)
    await held.get(1)
    database.rows = []
    await held.reload([1, 50])
    assert (await held.get(1)).publications == {}
    assert held.held_ids() == [1]


async def test_a_failed_load_is_told_to_all_who_wait_and_tried_again() -> None:
    async def fail(ids: list[int]) -> list[Loaded]:
        raise OSError("away")

    held = Personas(fail, Policy, pinned=lambda id: False, clock=lambda: 0.0)
    results = await asyncio.gather(held.get(1), held.get(1), return_exceptions=True)
    assert [type(result) for result in results] == [OSError, OSError]
    with pytest.raises(OSError):
        await held.get(1)


async def test_memory_is_bounded_but_the_watched_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    from presence import personas as module

    monkeypatch.setattr(module, "MAX_HELD", 5)
    monkeypatch.setattr(module, "YOUNG", -1.0)
    for pinned, kept in ((False, 5), (True, 10)):
        held = personas(Database(), pinned=pinned)
        for id in range(10):
            await held.get(id)
        assert len(held) == kept


async def test_what_is_forgotten_is_read_anew() -> None:
    """DESIGN 4: the working set can be thrown away; an answer that was asked for before that is not trusted either."""
    database = Database(row(activity="busy"))
    held = personas(database, pinned=True)
    await held.get(1)
    database.rows = [row(version=2, activity="away")]
    held.forget()
    assert held.document(1, XTEN3, View(), NOON) is None and len(held) == 0
    database.go.clear()
    reading = asyncio.create_task(held.get(1))
    while len(database.loads) < 2:
        await asyncio.sleep(0)
    held.forget()
    database.rows = [row(version=3, activity="meal")]
    database.go.set()
    await reading
    assert b"<rpid:meal/>" in seen(held) and len(database.loads) == 3

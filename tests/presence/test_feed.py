"""The feed: who is told what, the newest state only, and what a reader that comes back is spared."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from presence import feed as module
from presence.engine.errors import NotAuthorised, TryAgainLater
from presence.engine.reachability import INSTALLED
from presence.feed import Feed
from presence.identity import Account, identify
from presence.readers import Reader
from presence.rows import PublicationRow
from presence.store import Loaded
from provisioning import bus
from provisioning.policy import AclFacts, IntegratorFacts, ListFacts, PersonaFacts, Policy
from provisioning.uri import Aor
from tests.phone import pidf

pytestmark = pytest.mark.asyncio

JOE, ANN, BOB, WALL, TEAM, NOBODY = (
    Aor(f"sip:{name}@compb.cisco.com") for name in ("joe", "ann", "bob", "wall", "team", "nobody")
)
IDS = {JOE: 1, ANN: 2, BOB: 3}
POLICY = Policy(
    aliases=IDS,
    personas={id: PersonaFacts(id, aor, "", True) for aor, id in IDS.items()},
    rules=INSTALLED,  # type: ignore[arg-type]
    lists={TEAM: ListFacts(TEAM, None, "", (ANN, BOB))},
    integrators={7: IntegratorFacts(WALL, frozenset(), False)},
)


class World:
    """A feed over rows in memory."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.rows: dict[int, list[PublicationRow]] = {}
        self.policy = POLICY
        feed.policy = POLICY

    async def load(self, keys: list[int]) -> list[Loaded]:
        return [Loaded(key, True, self.rows.get(key, []), []) for key in keys]

    async def says(self, aor: Aor, activity: str = "", seconds: float = 600) -> None:
        """Somebody publishes, elsewhere."""
        id, now = IDS[aor], datetime.now(UTC)
        version = self.rows[id][0].version + 1 if id in self.rows else 1
        body = pidf(aor, activity=activity)
        self.rows[id] = [
            PublicationRow(
                id, version, id, aor, "", "", "sip", body, now, now, now, now + timedelta(seconds=seconds)
            )
        ]  # fmt: skip
        await self.feed._reload([id])
        await asyncio.sleep(0)

    async def saves(self, **changes: Any) -> None:
        """An administrator saves."""
        self.policy = replace(self.policy, **changes)
        await self.feed._change_policy(["access"])

    def reader(self, agent: str = "") -> Reader:
        """A program comes."""
        made = Reader(lambda policy: identify(Account(7, False), None, policy, policy.resolve), self.feed.policy, agent)
        self.feed.add(made)
        return made


@pytest_asyncio.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    made = World(Feed())
    monkeypatch.setattr(made.feed.personas, "_load", made.load)

    async def read(load: Any, *args: Any) -> Policy:
        return made.policy

    monkeypatch.setattr(made.feed, "read", read)
    yield made
    await made.feed.stop()


def told(reader: Reader) -> dict[str, str]:
    """What a reader is told now: address -> state, or how its subscription stands where it has none."""
    documents = [json.loads(one.text) for one in reader.take(1000)[0]]
    return {one["aor"]: one.get("state") or one["subscription"] for one in documents}


async def test_a_reader_is_told_what_is_and_what_changes(world: World) -> None:
    """R-ARC-06, R-NTF-01, DESIGN section 6; somebody who is nobody looks as somebody who is not shown."""
    reader = world.reader()
    await world.says(JOE)
    await world.feed.subscribe(reader, [JOE, NOBODY])
    assert told(reader) == {JOE: "available", NOBODY: "ended"}
    await world.says(JOE, "busy")
    assert told(reader) == {JOE: "busy"} and not reader.ready.is_set()
    await world.says(JOE, "busy")
    assert told(reader) == {}, "what it knows is not said again (D-40)"


async def test_a_slow_reader_hears_the_newest_state_only(world: World) -> None:
    """DESIGN section 4: bounded memory; and nothing when all is as it was."""
    reader = world.reader()
    await world.feed.subscribe(reader, [JOE, ANN])
    told(reader)
    for activity in ("busy", "away", "meeting") * 10:
        await world.says(JOE, activity)
    assert len(reader._due) == 1
    assert told(reader) == {JOE: "available"}
    await world.says(JOE, "busy")
    await world.says(JOE, "meeting")
    assert told(reader) == {}


async def test_all_who_have_a_view_share_its_document(world: World) -> None:
    """R-CMP-02: composed once for a change, written once for a view."""
    readers = [world.reader() for _ in range(3)]
    for reader in readers:
        await world.feed.subscribe(reader, [JOE])
        told(reader)
    await world.says(JOE, "busy")
    first, *others = [reader.take(9)[0][0] for reader in readers]
    assert all(one is first for one in others)


async def test_a_revoked_permission_is_the_last_word(world: World) -> None:
    """D-13, D-15: at once, as for a user that there is not; another user's reader hears nothing."""
    reader = world.reader()
    await world.says(JOE, "busy")
    await world.feed.subscribe(reader, [JOE, ANN])
    told(reader)
    await world.saves(acls={1: AclFacts("allow", {WALL: "polite_block"}, {})})
    assert told(reader) == {JOE: "unavailable"}
    await world.says(JOE, "away")
    assert told(reader) == {}, "a polite block lets nothing through"
    await world.saves(acls={1: AclFacts("block", {}, {})})
    (last,) = (json.loads(one.text) for one in reader.take(9)[0])
    await world.feed.subscribe(reader, [NOBODY])
    (unknown,) = (json.loads(one.text) for one in reader.take(9)[0])
    assert {**last, "aor": ""} == {**unknown, "aor": ""} and list(reader.watches) == [ANN]
    await world.says(JOE)
    assert told(reader) == {}


async def test_a_list_stands_for_its_members(world: World) -> None:
    """R-LST-04: also when it changes."""
    reader = world.reader()
    await world.feed.subscribe(reader, [TEAM, JOE])
    assert set(told(reader)) == {ANN, BOB, JOE}
    await world.saves(lists={TEAM: ListFacts(TEAM, None, "", (BOB, JOE))})
    assert told(reader) == {} and set(reader.watches) == {BOB, JOE}
    await world.saves(lists={TEAM: ListFacts(TEAM, 1, "", (BOB, JOE))})
    assert told(reader) == {TEAM: "ended"}
    assert set(reader.watches) == {JOE, TEAM}
    world.feed.unsubscribe(reader, [TEAM, JOE])
    assert not reader.watches and not world.feed._watching


async def test_a_reader_that_comes_back_hears_what_it_has_missed(world: World) -> None:
    """By its cursor; for something else, after a change of policy, or too late it is told everything."""
    reader = world.reader()
    await world.feed.subscribe(reader, [JOE, ANN])
    told(reader)
    cursor = world.feed.cursor(reader)
    world.feed.remove(reader)
    await world.says(JOE, "busy")

    async def again(*uris: Aor, agent: str = "") -> dict[str, str]:
        fresh = world.reader(agent)
        await world.feed.subscribe(fresh, uris, cursor)
        found = told(fresh)
        world.feed.remove(fresh)
        return found

    assert await again(ANN, JOE) == {JOE: "busy"}
    assert set(await again(JOE, ANN, BOB)) == {JOE, ANN, BOB}
    assert set(await again(JOE, ANN, agent="Other/1")) == {JOE, ANN}
    await world.saves(acls={})
    assert set(await again(JOE, ANN)) == {JOE, ANN}
    for nonsense in ("", "x", "x.1.y", f"{cursor}x", cursor.replace(".0.", ".99.")):
        cursor = nonsense
        assert set(await again(JOE, ANN)) == {JOE, ANN}


async def test_what_runs_out_is_told_at_its_moment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-PUB-29."""
    monkeypatch.setattr(module, "EXPIRY_INTERVAL", 0.01)
    reader = world.reader()
    await world.says(JOE, "busy", seconds=0.3)
    await world.feed.subscribe(reader, [JOE])
    assert told(reader) == {JOE: "busy"}
    watching = asyncio.create_task(world.feed._watch_expiry())
    async with asyncio.timeout(5):
        await reader.ready.wait()
    watching.cancel()
    assert told(reader) == {JOE: "unavailable"}


async def test_a_reader_whose_rights_change_is_ended(world: World) -> None:
    """It comes back as whoever it is now."""
    reader = world.reader()
    await world.feed.subscribe(reader, [JOE])
    await world.saves(integrators={7: IntegratorFacts(ANN, frozenset(), False)})
    assert reader.ended and reader.ready.is_set() and told(reader) == {}
    other = world.reader()
    await world.saves(integrators={})
    assert other.ended


async def test_one_connection_watches_so_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN section 11."""
    monkeypatch.setattr(module, "MAX_WATCHED", 2)
    reader = world.reader()
    await world.feed.subscribe(reader, [JOE, ANN])
    with pytest.raises(NotAuthorised):
        await world.feed.subscribe(reader, [BOB])
    await world.feed.subscribe(reader, [JOE])


async def test_a_database_that_is_away_is_told_as_that(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing looks as if it had ended; whoever asks again, or waits, is told."""

    async def away(keys: list[int]) -> list[Loaded]:
        raise TryAgainLater(5)

    reader = world.reader()
    await world.feed.subscribe(reader, [ANN])
    told(reader)
    monkeypatch.setattr(world.feed.personas, "_load", away)
    with pytest.raises(TryAgainLater):
        await world.feed.subscribe(reader, [JOE])
    assert told(reader) == {} and list(reader.watches) == [ANN]
    monkeypatch.setattr(world.feed.personas, "_load", world.load)
    await world.feed.subscribe(reader, [JOE])
    assert told(reader) == {JOE: "unavailable"}
    world.policy = replace(POLICY, acls={1: AclFacts("block", {}, {})})
    monkeypatch.setattr(module, "RETRY_AFTER", 0)
    outcomes: list[Policy | TryAgainLater] = [world.policy, TryAgainLater(5)]

    async def read(load: Any, *args: Any) -> Policy:
        outcome = outcomes.pop()
        if isinstance(outcome, TryAgainLater):
            raise outcome
        return outcome

    monkeypatch.setattr(world.feed, "read", read)
    await world.feed._heard(bus.Hint(bus.POLICY, ("access",)))
    assert told(reader) == {JOE: "ended"}

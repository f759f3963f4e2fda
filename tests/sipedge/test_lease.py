"""The lease as its edge sees it: never held for longer than others believe, nor before what was lost is let go of."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError

from presence import leases
from presence.engine.errors import TryAgainLater
from presence.leases import Before
from sipedge import lease as module
from sipedge.lease import Lease

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class World:
    """An edge with nothing in it, a clock that is set by hand, and a database that takes its time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = 100.0
        self.write_lasts = 0.0
        self.database_clock = 0.0
        "Seconds by which it was set."
        self.happened: list[str] = []
        self.away = False
        self.before: Before | None = None
        monkeypatch.setattr(module, "elapsed", lambda: self.time)
        monkeypatch.setattr(module, "report", lambda edge: {})
        monkeypatch.setattr(leases, "renew", lambda name, lifetime, **row: self._wrote(row))
        self.subscriptions = SimpleNamespace(unwritten={}, get=lambda id: None)
        self.adoption = SimpleNamespace(let_go=self._let_go, look=lambda: self.happened.append("look"))
        self.notifier = SimpleNamespace(go_on=self._go_on, hold_back=lambda: self.happened.append("hold back"))
        self.name = "edge-1"
        self.settled: list[datetime] = []
        self.clean: list[bool] = []
        self.lease = Lease(self, ThreadPoolExecutor(1))  # type: ignore[arg-type]

    def now(self) -> datetime:
        return NOON

    def _wrote(self, row: dict[str, Any]) -> datetime:
        self.time += self.write_lasts
        self.settled.append(row["settled_at"])
        self.clean.append(row.get("clean", False))
        return NOON + timedelta(seconds=self.time + self.database_clock)

    def refuse(self, *_: Any, **__: Any) -> None:
        """The database is away."""
        raise OperationalError("gone")

    async def read(self, load: Any, *args: Any, **kwargs: Any) -> Any:
        self.time += self.write_lasts
        return self.before

    async def _let_go(self) -> None:
        assert not self.lease.held, "not before it is known what was lost"
        self.happened.append("let go")
        if self.away:
            raise TryAgainLater(1)

    async def _go_on(self) -> None:
        assert self.lease.held
        self.happened.append("go on")

    def background(self, work: Any) -> None:
        asyncio.get_running_loop().create_task(work)

    async def started(self) -> Lease:
        await self.lease.take()
        await self.lease.resumed()
        return self.lease


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def run(work: Any) -> None:
    asyncio.run(work)


def test_it_counts_from_before_it_was_written(world: World) -> None:
    """What others see is written later, and so runs out later."""

    async def work() -> None:
        world.write_lasts = 12.0
        lease = await world.started()
        world.write_lasts = 0.0
        assert world.time == 124.0 and world.happened == []
        world.time = 112.0 + 29.9
        assert lease.held
        world.time += 0.2
        assert not lease.held

    run(work())


def test_after_a_lapse_what_was_lost_is_let_go_first(world: World) -> None:
    """R-NTF-05: held only once the edge knows what is still its own; a look that fails is made again."""

    async def work() -> None:
        lease = await world.started()
        world.time += 31
        world.away = True
        await lease.renew()
        assert not lease.held and world.happened == ["let go"]
        world.away = False
        await lease.renew()
        await asyncio.sleep(0)
        assert lease.held and world.happened == ["let go", "let go", "go on"]
        await lease.renew()
        assert len(world.happened) == 3

    run(work())


def test_while_it_is_not_held_nobody_is_told_anything(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-NTF-05: that is so from the lapse on, and not only when the next NOTIFY would be due."""

    async def work() -> None:
        await world.lease.take()
        world.lease.interval = timedelta()
        monkeypatch.setattr(leases, "renew", world.refuse)
        world.time += 31
        while not world.happened:
            await asyncio.sleep(0.001)
        assert set(world.happened) == {"hold back"}

    run(work())


def test_a_write_that_came_late_is_a_lapse(world: World) -> None:
    """It was begun while the lease was held and done when others may have taken what they found."""

    async def work() -> None:
        lease = await world.started()
        world.time += 25
        world.write_lasts = 6.0
        await lease.renew()
        assert world.happened == ["let go"] and lease.held

    run(work())


def test_who_stops_before_all_is_resumed_has_not_left_in_order(world: World) -> None:
    """Some watchers have not been looked at: the next start does."""

    async def work() -> None:
        earlier = datetime(2026, 1, 1, 11, tzinfo=UTC)
        world.before = Before(earlier, clean=False)
        await world.lease.take()
        await world.lease.stop()
        assert (world.settled, world.clean) == ([earlier], [False])

    run(work())


class Committer:
    """Takes rows that watchers' digests are written into, a batch in a turn; it may be away."""

    def __init__(self, world: World, rows: int) -> None:
        self.under_way = self.most = self.asked = 0
        self.away = False
        world.commit = self.commit  # type: ignore[attr-defined]
        world.subscriptions.unwritten.update(dict.fromkeys(range(rows), NOON))
        world.subscriptions.get = lambda id: SimpleNamespace(
            ended=False, reserving=False, record=lambda: SimpleNamespace(key=id, version=1)
        )

    async def commit(self, plan: Any, applied: Any) -> None:
        self.asked += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        if self.away:
            raise TryAgainLater(1)


def test_what_watchers_were_told_is_written_a_few_rows_at_a_time(world: World) -> None:
    """Whoever asks meanwhile waits for those, and not for a whole fan-out."""
    committer = Committer(world, 2 * module.TOGETHER + 50)
    run(world.lease.settle())
    assert (committer.asked, committer.most) == (2 * module.TOGETHER + 50, module.TOGETHER)


def test_a_database_that_is_away_is_asked_once_in_a_round(world: World) -> None:
    """Else a lease would run out while one refusal after the other is waited for."""
    committer = Committer(world, 2 * module.TOGETHER)
    committer.away = True
    run(world.lease.settle())
    assert committer.asked == module.TOGETHER


def test_a_start_promises_nothing_before_all_is_resumed(world: World) -> None:
    """Killed in the middle of it, the next start still knows which watchers may be behind."""

    async def work() -> None:
        earlier = datetime(2026, 1, 1, 11, tzinfo=UTC)
        world.before = Before(earlier, clean=False)
        assert await world.lease.take() == world.before and world.lease.held
        await world.lease.renew()
        await world.lease.resumed()
        assert world.settled == [earlier, NOON]

    run(work())


def test_nobody_is_taken_for_dead_because_a_clock_was_set(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """DESIGN 9: when the database's clock jumps, all leases seem to have run out; the others have yet to renew theirs.
    An answer that was late is no jump."""

    async def work() -> None:
        lease = await world.started()
        monkeypatch.setattr(asyncio, "sleep", turn)
        keeping = asyncio.create_task(lease._keep())
        await looks(1)
        world.write_lasts = 4.0
        await looks(2)
        world.write_lasts = 0.0
        world.database_clock = 3600.0
        seen = world.happened.count("look")
        for _ in range(5):
            await turn(0)
        assert world.happened.count("look") <= seen + 1, "one may have been on its way"
        world.time += 31
        lease._held_until = world.time + 30
        await looks(2)
        keeping.cancel()

    sleep = asyncio.sleep

    async def turn(seconds: float) -> None:
        await sleep(0.01)

    async def looks(more: int) -> None:
        before = world.happened.count("look")
        while world.happened.count("look") < before + more:
            await turn(0)

    run(work())

"""Group commit: what is acknowledged is durable, and one writer carries everybody."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from presence.engine.errors import TryAgainLater
from presence.store import DatabaseAway, Outcome, Plan
from sipedge import committer as module
from sipedge.committer import Committer

pytestmark = pytest.mark.asyncio


class Database:
    """Remembers the batches; can be held, be away, or break."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()
        self.go.set()
        self.away = 0
        self.broken: Exception | None = None
        self.conflicts: set[int] = set()

    def write(self, plans: Sequence[Plan]) -> list[Outcome]:
        self.go.wait(30)
        if self.away:
            self.away -= 1
            raise DatabaseAway("connection refused")
        if self.broken is not None:
            raise self.broken
        self.batches.append([plan.persona_id for plan in plans])
        return [Outcome.CONFLICT if plan.persona_id in self.conflicts else Outcome.COMMITTED for plan in plans]


def plan(number: int) -> Plan:
    return Plan(number, ())


async def test_plans_that_arrive_while_a_batch_is_written_go_together_in_the_next() -> None:
    database = Database()
    committer = Committer(database.write)
    database.go.clear()
    first = committer.submit(plan(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [committer.submit(plan(number)) for number in range(1, 50)]
    database.go.set()
    assert await first is Outcome.COMMITTED
    assert set(await asyncio.gather(*others)) == {Outcome.COMMITTED}
    assert database.batches == [[0], list(range(1, 50))]
    await committer.close()


async def test_a_lost_race_is_told_to_its_own_request_only() -> None:
    """D-11: the others of the batch are not damaged by one plan whose entity tag is gone."""
    database = Database()
    database.conflicts = {2}
    committer = Committer(database.write)
    outcomes = await asyncio.gather(*(committer.submit(plan(number)) for number in (1, 2, 3)))
    assert outcomes == [Outcome.COMMITTED, Outcome.CONFLICT, Outcome.COMMITTED]
    await committer.close()


async def test_what_is_durable_is_applied_before_the_request_goes_on() -> None:
    database = Database()
    committer = Committer(database.write)
    seen: list[Outcome] = []
    await committer.submit(plan(1), seen.append)
    assert seen == [Outcome.COMMITTED]
    await committer.close()


async def test_requests_wait_for_a_database_that_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_PAUSE", 0.01)
    database = Database()
    database.away = 3
    committer = Committer(database.write)
    assert await committer.submit(plan(1)) is Outcome.COMMITTED
    assert committer.healthy
    await committer.close()


async def test_a_database_that_stays_away_means_try_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    monkeypatch.setattr(module, "RETRY_PAUSE", 0.01)
    database = Database()
    database.away = 1_000_000
    committer = Committer(database.write)
    with pytest.raises(TryAgainLater) as refused:
        await committer.submit(plan(1))
    assert refused.value.retry_after > 0
    assert not committer.healthy
    await committer.drain()  # an attempt may be under way
    database.away = 0
    await committer.close()
    assert database.batches == [], "a refused plan is not written behind the client's back"


async def test_patience_that_ends_just_before_a_batch_starts_leaves_nothing_to_wait_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0)
    database = Database()
    committer = Committer(database.write)
    refused = committer.submit(plan(1))
    committer._lose_patience()  # the batch is scheduled, and starts in the next turn of the loop
    with pytest.raises(TryAgainLater):
        await refused
    await asyncio.wait_for(committer.drain(), 10)
    await committer.close(10)
    assert database.batches == []


async def test_a_plan_that_was_being_written_when_patience_ended_is_still_applied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    database = Database()
    database.go.clear()
    committer = Committer(database.write)
    seen: list[Outcome] = []
    with pytest.raises(TryAgainLater):
        await committer.submit(plan(1), seen.append)
    assert seen == []
    database.go.set()
    await committer.drain()
    assert seen == [Outcome.COMMITTED]
    await committer.close()


async def test_a_batch_that_cannot_be_written_does_not_end_the_writer() -> None:
    database = Database()
    database.broken = RuntimeError("disk full")
    committer = Committer(database.write)
    with pytest.raises(TryAgainLater):
        await committer.submit(plan(1))
    database.broken = None
    assert await committer.submit(plan(2)) is Outcome.COMMITTED
    await committer.close()


async def test_closing_writes_what_waits() -> None:
    database = Database()
    committer = Committer(database.write)
    futures = [committer.submit(plan(number)) for number in range(3 * module.MAX_BATCH)]
    await committer.close()
    assert all(future.done() for future in futures)
    assert sum(map(len, database.batches)) == 3 * module.MAX_BATCH
    assert max(map(len, database.batches)) == module.MAX_BATCH


async def test_a_line_that_is_too_long_is_refused_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    database = Database()
    committer = Committer(database.write)
    waiting = [committer.submit(plan(number)) for number in range(2)]
    with pytest.raises(TryAgainLater):
        await committer.submit(plan(3))
    assert await asyncio.gather(*waiting) == [Outcome.COMMITTED] * 2
    await committer.close()

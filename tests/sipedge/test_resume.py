"""Watchers are told of a restart step by step: paced, and whatever happens to the database meanwhile."""

import asyncio
from collections import Counter
from typing import Any, cast

import pytest

from presence.engine.errors import TryAgainLater
from sipedge import resume


class Clock:
    """A loop's time that sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += max(0.0, seconds)


class World:
    """An edge with presentities that are watched, each by so many."""

    def __init__(self, presentities: int, watchers: int) -> None:
        self.loop = Clock()
        self.subscriptions = self.personas = self.notifier = self
        self._keys = list(range(presentities))
        self._watchers = watchers
        self.sent = 7
        self.told: Counter[int] = Counter()
        self.away: set[int] = set()
        "Presentities that cannot be read the next time."

    def watched(self) -> list[int]:
        return list(self._keys)

    async def get(self, key: int) -> None:
        if key in self.away:
            self.away.discard(key)
            raise TryAgainLater(1)

    def changed(self, key: int) -> None:
        self.told[key] += 1
        self.sent += self._watchers


def told(world: World, monkeypatch: pytest.MonkeyPatch) -> float:
    """Seconds that it took."""
    monkeypatch.setattr(resume.asyncio, "sleep", world.loop.sleep)
    began = world.loop.now
    asyncio.run(resume.tell(cast(Any, world)))
    return world.loop.now - began


def test_notifies_are_paced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart with many watchers does not flood the network with all that they are told."""
    world = World(presentities=3 * resume.AT_ONCE, watchers=4)
    seconds = told(world, monkeypatch)
    assert set(world.told.values()) == {1} and len(world.told) == 3 * resume.AT_ONCE
    assert seconds == pytest.approx(3 * resume.AT_ONCE * 4 / resume.RATE)


def test_nobody_waits_when_there_is_nothing_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an ordered stop most watchers know all: looking at them costs their turns only."""
    assert told(World(presentities=2 * resume.AT_ONCE, watchers=0), monkeypatch) == pytest.approx(2 * resume.TURN)


def test_who_cannot_be_read_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is away for a while: the others are told, and these afterwards."""
    world = World(presentities=10, watchers=1)
    world.away = {3, 4}
    assert told(world, monkeypatch) >= resume.RETRY_AFTER
    assert set(world.told) == set(range(10)) and set(world.told.values()) == {1}

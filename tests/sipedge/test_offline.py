"""Kept messages of many users who register at once: few statements, and each is delivered what is its own."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from presence.engine.errors import TryAgainLater
from sipedge import offline
from sipedge.offline import AT_ONCE, OfflineMessages

pytestmark = pytest.mark.asyncio


class World:
    """An edge whose database keeps a message for some users."""

    def __init__(self, *recipients: int) -> None:
        self.kept = {id: [SimpleNamespace(id=id, version=1, sender="sip:a@example.org")] for id in recipients}
        self.asked: list[list[int]] = []
        self.delivered: list[int] = []
        self.away = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.offline = OfflineMessages(self)  # type: ignore[arg-type]
        self.registrar = SimpleNamespace(of=lambda id, now: ())
        self.relay = SimpleNamespace(fork=self._fork)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(asyncio.get_running_loop().create_task(work))

    async def read(self, load: Any, ids: list[int], now: datetime) -> dict[int, list[Any]]:
        await asyncio.sleep(0)
        self.asked.append(ids)
        if self.away:
            raise TryAgainLater(1)
        return {id: self.kept[id] for id in ids if id in self.kept}

    async def commit(self, plan: Any) -> None:
        self.delivered.append(plan.persona_id)

    async def _fork(self, request: Any, targets: Any, sender: Any) -> Any:
        return SimpleNamespace(status=200)

    async def register(self, *users: int) -> None:
        """Each has one contact, which is new."""
        for user in users:
            self.offline.registered(user, (), (SimpleNamespace(id=user),))  # type: ignore[arg-type]
        while self._tasks:
            done, self._tasks = self._tasks, set()
            await asyncio.gather(*done)


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "_request", lambda row: SimpleNamespace(uri=None))
    monkeypatch.setattr(offline, "of_bindings", lambda rows, uri: [])


async def test_who_registers_together_is_looked_for_together() -> None:
    """D-34: a storm of registrations reads what is kept in steps, and nobody's message is forgotten."""
    world = World(3, 250)
    await world.register(*range(1, 251))
    assert [len(ids) for ids in world.asked] == [AT_ONCE, AT_ONCE, 50]
    assert world.delivered == [3, 250]


async def test_what_could_not_be_read_is_read_at_the_next_register() -> None:
    """D-34: also when that brings no new contact."""
    world = World(7)
    world.away = True
    await world.register(7)
    world.away = False
    contact = (SimpleNamespace(id=7),)
    world.offline.registered(7, contact, contact)  # type: ignore[arg-type]
    await world.register(8)
    assert world.delivered == [7]

"""What an edge tells the others: at once while little happens, gathered while much does, until the bus has heard it."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from presence.engine.errors import TryAgainLater
from provisioning import bus
from provisioning.bus import Hint
from sipedge import hints
from sipedge.hints import LONGEST_PAUSE, SHORTEST_PAUSE, Hints, pause_after


def test_changes_are_gathered_the_longer_the_more_there_are() -> None:
    pauses = [pause_after(number) for number in (1, 5, 20, 50)]
    assert pauses == sorted(set(pauses)) and pauses[0] < 2 * SHORTEST_PAUSE
    assert pause_after(1000) == pause_after(100_000) == LONGEST_PAUSE


@pytest.mark.asyncio
async def test_what_the_bus_has_not_heard_is_announced_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """With whatever has changed meanwhile: the others may hear the bus, and would never know."""
    said: list[tuple[set[int], set[int]]] = []
    answers = iter([False, False, True])

    def announce(personas: Any, origin: str, hooked: Any, registered: Any) -> bool:
        said.append((set(personas), set(registered)))
        return next(answers)

    monkeypatch.setattr(hints.webhooks, "announce", announce)
    monkeypatch.setattr(hints.webhooks, "hooked", lambda policy: frozenset())
    monkeypatch.setattr(hints, "UNHEARD_PAUSE", 0.01)
    with ThreadPoolExecutor(1) as readers:
        edge: Any = SimpleNamespace(name="edge-1", policy=object(), loop=asyncio.get_running_loop())
        ours = Hints(edge, readers)
        announcing = asyncio.create_task(ours.announce())
        ours.registered(1)
        while len(said) < 1:
            await asyncio.sleep(0.001)
        ours.changed(2)
        while len(said) < 3:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        announcing.cancel()
    assert said == [({1}, {1}), ({1, 2}, {1}), ({1, 2}, {1})]


@pytest.mark.parametrize(
    ("origin", "registered", "read"),
    [("", (), {2}), ("", (1,), {1, 2}), ("far", (), set()), ("far", (1,), {1}), ("beside", (1,), set())],
    ids=["web", "web-named", "edge", "edge-named", "beside"],
)
def test_contacts_are_read_again_where_they_may_have_changed(
    origin: str, registered: tuple[int, ...], read: set[int]
) -> None:
    """An edge names whose contacts have changed, and one beside this has told us; of web and worker it is not known.

    A change of state alone makes no other edge read anything, unless somebody watches there.
    """
    with ThreadPoolExecutor(1) as readers:
        edge: Any = SimpleNamespace(registrar={2, 3}, siblings=SimpleNamespace(names={"beside"}))
        hint = Hint("state", personas=(1, 2), registered=registered, origin=origin)
        assert set(Hints(edge, readers)._rebound(hint)) == read


@pytest.mark.asyncio
async def test_what_was_missed_without_a_database_is_caught_up_with_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many hints came meanwhile, and however long the bus was away as well."""
    tasks: set[asyncio.Task[None]] = set()
    looks: list[bool] = []
    away = True

    async def look_at_all() -> None:
        looks.append(not away)
        if away:
            raise TryAgainLater(1)

    async def look_at_changes() -> None:
        if away:
            raise TryAgainLater(1)

    async def listen() -> AsyncIterator[Hint]:
        nonlocal away
        for _ in range(5):
            yield Hint(bus.CONNECTED)
            yield Hint(bus.AWAY)
        await asyncio.sleep(0.05)
        away = False
        await asyncio.sleep(60)

    monkeypatch.setattr(hints, "RETRY_AFTER", 0.01)
    monkeypatch.setattr(hints.bus, "configured", lambda: True)
    monkeypatch.setattr(hints.bus, "listen", listen)
    monkeypatch.setattr(Hints, "look_at_all", lambda self: look_at_all())
    monkeypatch.setattr(Hints, "_look_at_changes", lambda self, since: look_at_changes())
    loop = asyncio.get_running_loop()
    edge: Any = SimpleNamespace(
        name="edge-1",
        loop=loop,
        now=lambda: datetime.now(UTC),
        background=lambda work: tasks.add(loop.create_task(work)),
    )
    with ThreadPoolExecutor(1) as readers:
        listening = asyncio.create_task(Hints(edge, readers).listen())
        while True not in looks:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.1)
        listening.cancel()
    assert len(tasks) == 1 and looks.count(True) == 1

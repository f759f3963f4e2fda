"""What an edge tells the others: at once while little happens, gathered while much does, until the bus has heard it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

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

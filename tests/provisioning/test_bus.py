"""The bus as a listener meets it: there, gone, and there without a word."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from provisioning import bus
from provisioning.bus import AWAY, CONNECTED, STATE
from tests.services import Valkey

pytestmark = pytest.mark.asyncio


@pytest.fixture
def server(settings: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Valkey]:
    """One of its own, with little patience for it."""
    monkeypatch.setattr(bus, "SILENCE", 0.2)
    monkeypatch.setattr(bus, "RECONNECT", 0.01)
    with Valkey() as found:
        settings.VALKEY_URL = found.url  # type: ignore[attr-defined]
        yield found


async def kind(hints: AsyncIterator[bus.Hint], *passed_over: str) -> str:
    """Of the next hint that is none of these."""
    async with asyncio.timeout(60):
        while (hint := await anext(hints)).kind in passed_over:
            pass
    return hint.kind


@pytest.mark.parametrize("how", ["killed", "hanging"])
async def test_whoever_listens_hears_that_it_is_away_and_that_it_is_back(server: Valkey, how: str) -> None:
    """DESIGN 3: a hint may have been missed then; a server that is stuck closes no connection."""
    hints = bus.listen()
    assert await kind(hints) == CONNECTED
    server.kill() if how == "killed" else server.signal(signal.SIGSTOP)
    assert await kind(hints) == AWAY
    assert not await asyncio.to_thread(bus.announce_state, [7])
    server.start() if how == "killed" else server.signal(signal.SIGCONT)
    assert await kind(hints, AWAY) == CONNECTED
    assert await asyncio.to_thread(bus.announce_state, [7])
    assert await kind(hints) == STATE
    await hints.aclose()


async def test_silence_alone_is_nothing(server: Valkey) -> None:
    """It is asked, and answers."""
    hints = bus.listen()
    assert await kind(hints) == CONNECTED
    waiting = asyncio.create_task(kind(hints))
    await asyncio.sleep(1.5)
    assert not waiting.done()
    await asyncio.to_thread(bus.announce_state, [7])
    assert await waiting == STATE
    await hints.aclose()

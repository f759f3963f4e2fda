"""Asking over the bus: whoever is patient hears an answer that takes long (DESIGN section 15)."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from provisioning import asking

LATE = 5.5
"Seconds: longer than the bus's client waits by itself."


async def _asked(work: Coroutine[Any, Any, Any], late: float | None) -> Any:
    """What comes of asking an edge that answers each command after so many seconds, or (None) never."""
    heard = asyncio.Event()

    async def edge() -> None:
        async for command in asking.commands("slow", heard):
            if late is not None:
                await asyncio.sleep(late)
                await asking.answer(command, {"result": {"name": command.name}})

    listening = asyncio.create_task(edge())
    try:
        await asyncio.wait_for(heard.wait(), 20)
        return await work
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await asking._close()


def test_a_late_answer_is_heard() -> None:
    """A message to a contact that does not answer takes 32 seconds."""
    assert asyncio.run(_asked(asking.ask("slow", "wait", patience=20.0), LATE)) == {"name": "wait"}


def test_patience_ends() -> None:
    with pytest.raises(asking.NoAnswer, match="edge slow has not answered in time"):
        asyncio.run(_asked(asking.ask("slow", "wait", patience=0.5), None))


def test_nobody_is_there() -> None:
    with pytest.raises(asking.NotHeard, match="edge gone does not listen"):
        asyncio.run(_asked(asking.ask("gone", "wait"), None))

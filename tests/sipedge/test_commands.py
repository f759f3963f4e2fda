"""What an edge remembers of commands: those that change something are done once (DESIGN section 15)."""

import asyncio
import time
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from provisioning import asking
from provisioning.asking import Command
from sipedge.commands import Commands


class Answer(dict[str, Any]):
    """One that can be watched."""


class Desk:
    """An edge that is asked, and how often it did something."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[weakref.ref[Answer]] = []
        self.heard = 0
        self._loop = asyncio.new_event_loop()
        monkeypatch.setattr(asking, "answer", self._hear)
        edge: Any = SimpleNamespace(name="edge")
        self._commands = Commands(edge, {"press": self._do, "telephony": self._do, "trace": self._do})

    async def _do(self) -> Answer:
        made = Answer(rows=["much"])
        self.answers.append(weakref.ref(made))
        return made

    async def _hear(self, command: Command, fields: dict[str, Any]) -> None:
        await asyncio.sleep(0.01)  # the bus
        self.heard += 1

    def leave(self) -> None:
        """Asked, and stopped before the answer has left."""

        async def work() -> None:
            command = Command("one", "press", {}, time.time() + 5)
            answering = asyncio.create_task(self._commands._answer(command))
            await asyncio.sleep(0)
            await self._commands.finish(20)
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)

        self._loop.run_until_complete(work())

    def ask(self, name: str) -> None:
        """The same command once more."""
        self._loop.run_until_complete(self._commands._answer(Command("one", name, {}, time.time() + 5)))

    def close(self) -> None:
        self._loop.close()


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = Desk(monkeypatch)
    yield made
    made.close()


def test_what_changes_something_is_done_once(desk: Desk) -> None:
    desk.ask("press")
    desk.ask("press")
    assert len(desk.answers) == 1 and desk.heard == 2


@pytest.mark.parametrize("name", ["telephony", "trace"])
def test_what_is_only_looked_at_is_not_kept(desk: Desk, name: str) -> None:
    """Hostile input, memory: pages that follow would fill it with answers that nobody asks for again."""
    desk.ask(name)
    assert desk.heard == 1
    assert [one() for one in desk.answers] == [None]


def test_an_answer_leaves_before_its_edge(desk: Desk) -> None:
    """An edge that is alone, without calls, is drained in no time: who has drained it is told so, and not 503."""
    desk.leave()
    assert desk.heard == 1

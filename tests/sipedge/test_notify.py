"""Looking at many watchers in one go: others have their turns in between."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sipedge.senders import notify
from sipedge.senders.notify import Notifier

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

LOOK = 0.001
"Seconds that it takes to find that a watcher knows all."


class World:
    """An edge whose presentities have a watcher each, who knows the newest state; its loop is turned by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = 50.0
        monkeypatch.setattr(notify, "monotonic", lambda: self.time)
        self.turns: deque[Callable[[], None]] = deque()
        self.looked: list[int] = []
        self.lease_held, self.resuming = True, False
        self.loop = SimpleNamespace(call_soon=self.turns.append)
        self.subscriptions = SimpleNamespace(watching=lambda key: [self._watcher(key)], get=lambda id: None)
        self.personas = SimpleNamespace()
        self.notifier = Notifier(cast(Any, self))

    def now(self) -> datetime:
        return NOON

    def flush(self) -> None:
        """Nothing to send."""

    def _watcher(self, key: int) -> Any:
        def due(personas: Any, now: datetime) -> bool:
            self.looked.append(key)
            self.time += LOOK
            return False

        row = SimpleNamespace(id=key, expires_at=NOON + timedelta(hours=1))
        return SimpleNamespace(
            outstanding=None, moved=False, ended=False, forced=False, row=row, due=due,
            missing=lambda personas: [], touch=lambda key: None,
        )  # fmt: skip

    def longest_turn(self) -> float:
        """Turn the loop until there is nothing left; the seconds of the longest turn."""
        longest = 0.0
        while self.turns:
            began = self.time
            self.turns.popleft()()
            longest = max(longest, self.time - began)
        return longest


def test_all_are_looked_at_in_short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change of policy nobody may have to be told, and every document is made anew all the same."""
    world = World(monkeypatch)
    for key in range(500):
        world.notifier.changed(key)
    assert world.longest_turn() == pytest.approx(notify.TURN, abs=2 * LOOK)
    assert world.looked == list(range(500)), "each once, and in order"

"""While the bus is away, a process sees by the rows what others have changed: they are the truth, the bus only hints.

Looking often costs what has changed; looking at everything, as where there is no bus at all, costs what is held and is
done seldom.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

INTERVAL = 2.0
"Seconds between two looks at what has changed: a person who waits for a colleague's status hardly notices."

EVERYTHING = 30.0
"Seconds between two looks at everything, the policy and what was deleted included."

OVERLAP = timedelta(seconds=15)
"How far each look goes behind the one before: what was planned then and committed late, and clocks that differ."


class Looks:
    """Those of one process; `changed` looks at what was written since a moment, `everything` at all it holds."""

    def __init__(
        self, changed: Callable[[datetime], Awaitable[None]], everything: Callable[[], Awaitable[None]]
    ) -> None:
        self._changed = changed
        self._everything = everything
        self._since: datetime | None = None
        "When the last look began, or what came first that was missed; None while all is heard."
        self._next = 0.0
        self._next_whole = 0.0

    def missed(self, now: datetime) -> None:
        """Something was said that could not be looked at."""
        if self._since is None:
            self._since = now

    async def heard(self, now: datetime) -> None:
        """The bus is there: look at what was missed, it says what changes from now on. Raises what looking raises."""
        if self._since is not None:
            await self._changed(min(self._since, now) - OVERLAP)
        self._since = None

    async def look(self, at: float, now: datetime) -> None:
        """The bus is away: look if it is time. `at` is of a steady clock, in seconds; raises what looking raises."""
        if self._since is None:
            self._since, self._next, self._next_whole = now, at, at + EVERYTHING
        if at < self._next:
            return
        if at >= self._next_whole:
            await self._everything()
            self._next_whole = at + EVERYTHING
        else:
            await self._changed(min(self._since, now) - OVERLAP)
        self._since = now
        self._next = at + INTERVAL

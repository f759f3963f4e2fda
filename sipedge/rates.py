"""How often a user may ask: requests in a minute, by a window that slides.

Two windows of a minute are counted. What the last one had counts by the part of it that is less than a minute ago, so
nothing is remembered of single requests, and a request costs two looks into a dict. Time comes as an argument.
"""

from collections.abc import Hashable

WINDOW = 60.0
"Seconds."

MAX_USERS = 100_000
"Users counted in one window, about 100 bytes each; with more the next window begins early."


class Rate:
    """Requests of one kind, by user."""

    def __init__(self) -> None:
        self._began = 0.0
        self._now: dict[Hashable, int] = {}
        self._before: dict[Hashable, int] = {}

    def over(self, user: Hashable, limit: int, now: float) -> float:
        """0 when one more is within the limit, which counts it; else the seconds until the next one is."""
        passed = now - self._began
        if passed >= WINDOW or len(self._now) >= MAX_USERS:
            passed = self._turn(passed, now)
        current = self._now.get(user, 0)
        before = self._before.get(user, 0)
        if current + before * (1 - passed / WINDOW) < limit:
            self._now[user] = current + 1
            return 0.0
        if current < limit:  # the last window fades
            return max(WINDOW * (1 - (limit - current) / before) - passed, 0.001)
        return WINDOW - passed + WINDOW * (1 - limit / current)

    def _turn(self, passed: float, now: float) -> float:
        """Begin the next window; what has passed of it."""
        self._before = self._now if passed < 2 * WINDOW else {}
        self._now = {}
        self._began = self._began + WINDOW if WINDOW <= passed < 2 * WINDOW else now
        return now - self._began

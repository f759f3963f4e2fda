"""Clocks that are set while we run: a time of day is compared with a clock that nobody sets.

What runs out does so by the time of day, since all processes and machines share its rows; so whoever sets a clock ends
things early, or makes them last. That cannot be put right here, but it is noticed, said, and no edge is taken for dead.
"""

import functools
import time

elapsed = functools.partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
"Seconds of a clock that nobody sets, and that goes on while the process is stopped or the machine sleeps."


class Comparison:
    """One time of day against `elapsed`, again and again."""

    def __init__(self, tolerance: float) -> None:
        """`tolerance`: seconds that are no jump; a clock that is being corrected slowly stays below."""
        self._tolerance = tolerance
        self._least: float | None = None
        self._most = 0.0
        "Between these two the difference of the clocks was, when it was looked at last."

    def jumped(self, moment: float, begun: float, ended: float) -> float:
        """Seconds by which the clock was set since the last look, back if negative; 0 for none.

        `moment` was read from it after `begun` and before `ended` of the steady clock: a slow answer is no jump.
        """
        least, most = moment - ended, moment - begun
        before, self._least = self._least, least
        above, self._most = self._most, most
        if before is None:
            return 0.0
        if least - above > self._tolerance:
            return least - above
        if before - most > self._tolerance:
            return most - before
        return 0.0

"""Timers of transactions (RFC 3261 table 4): a queue for each fixed duration, instead of a heap.

Every timer of a kind runs equally long, so the one set first is due first: setting appends, firing pops from the
left, and cancelling is leaving the owner alone. The cost does not grow with the number of transactions.
"""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

T1 = 0.5
"Seconds: estimate of the round trip (RFC 3261 17.1.1.1)."

T2 = 4.0
"Seconds: longest pause between retransmissions of a request other than INVITE."

T4 = 5.0
"Seconds for which a message stays in the network."

TIMER_F = TIMER_H = TIMER_B = TIMER_J = TIMER_L = TIMER_M = 64 * T1
"Seconds until a transaction gives up, or stops absorbing retransmissions: 32."


class Timers(Generic[T]):
    """Owners with a deadline each; durations should be few and fixed."""

    def __init__(self) -> None:
        self._queues: dict[float, deque[tuple[float, T, str]]] = {}

    def set(self, duration: float, owner: T, name: str, now: float) -> None:
        """Timer `name` of `owner` fires `duration` seconds after `now`."""
        queue = self._queues.get(duration)
        if queue is None:
            queue = self._queues[duration] = deque()
        queue.append((now + duration, owner, name))

    def due(self, now: float) -> Iterator[tuple[T, str]]:
        """Timers that have run out, oldest first within each duration; also those set while iterating."""
        for queue in list(self._queues.values()):
            while queue and queue[0][0] <= now:
                _, owner, name = queue.popleft()
                yield owner, name

    def next_deadline(self) -> float | None:
        """When the next one fires; None when there is none."""
        return min((queue[0][0] for queue in self._queues.values() if queue), default=None)

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

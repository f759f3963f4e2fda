"""When things run out: one heap of moments for many keys, with lazy correction.

A refresh moves a deadline later, which is by far the commonest change; the old entry then stays in the heap and
is put right when it comes up. So a refresh costs one dictionary write.
"""

import heapq
from collections.abc import Iterator
from datetime import datetime


class Deadlines:
    """Moments by key; `due` yields each key once when its moment has come."""

    def __init__(self) -> None:
        self._moments: dict[int, datetime] = {}
        self._heap: list[tuple[datetime, int]] = []

    def set(self, key: int, moment: datetime) -> None:
        """This key runs out at `moment`, whatever was said before."""
        before = self._moments.get(key)
        self._moments[key] = moment
        if before is None or moment < before:
            heapq.heappush(self._heap, (moment, key))

    def discard(self, key: int) -> None:
        """This key does not run out any more."""
        self._moments.pop(key, None)

    def due(self, now: datetime) -> Iterator[int]:
        """Keys whose moment has come; each is forgotten as it is yielded."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, key = heapq.heappop(heap)
            moment = self._moments.get(key)
            if moment is None:
                continue
            if moment > now:
                heapq.heappush(heap, (moment, key))
                continue
            del self._moments[key]
            yield key

    def __len__(self) -> int:
        return len(self._moments)

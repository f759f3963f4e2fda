"""Latencies in buckets of equal ratio: cheap to fill, exact to two per cent, of constant size."""

import math

STEPS = 50
"Buckets for each factor of e: two neighbours differ by two per cent."


class Histogram:
    """How often each latency occurred."""

    __slots__ = ("_buckets", "count")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0

    def add(self, seconds: float) -> None:
        """Count one latency."""
        bucket = math.floor(math.log(max(seconds, 1e-9)) * STEPS)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self.count += 1

    def quantile(self, share: float) -> float | None:
        """The latency in seconds that `share` (0 to 1) of the operations did not exceed; None when empty."""
        if not self.count:
            return None
        wanted = max(1, math.ceil(share * self.count))
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return math.exp((bucket + 0.5) / STEPS)
        return None

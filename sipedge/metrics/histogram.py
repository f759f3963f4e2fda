"""How values are spread, as plain numbers: cheap to note, and read only when somebody looks at the metrics."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate


class Histogram:
    """Counts of values by upper bound; written by one thread."""

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds` rise; what is above the last one is counted too."""
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.total = 0.0
        "The sum of all values."

    def observe(self, value: float) -> None:
        """Note a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self._counts)

    def buckets(self) -> Iterator[tuple[str, float]]:
        """Upper bounds and how many values were not above them, as Prometheus wants it: the last one is all."""
        names = [*map(str, map(float, self._bounds)), "+Inf"]
        yield from zip(names, accumulate(self._counts), strict=True)

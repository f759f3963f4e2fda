"""Whether readings grow: a straight line through them by least squares, and how sure its slope is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

HOUR = 3600.0

SURE = 2.0
"Standard errors by which a slope has to exceed what is allowed: one in forty says so by chance."

FEWEST = 3
"Readings that a line with an error needs."

Point = tuple[float, float]
"Seconds, and what was read."


@dataclass(frozen=True, slots=True)
class Line:
    """What the readings say in the long run."""

    mean: float
    slope: float
    "An hour."
    error: float
    "Standard error of the slope, an hour."

    def grows(self, most: float) -> bool:
        """It surely grows by more than `most` an hour."""
        return self.slope - SURE * self.error > most


def line(points: Sequence[Point]) -> Line:
    """Through all of them; raises ValueError for too few."""
    if len(points) < FEWEST:
        raise ValueError(f"{len(points)} readings make no line")
    number = len(points)
    middle = sum(at for at, _ in points) / number
    mean = sum(value for _, value in points) / number
    spread = sum((at - middle) ** 2 for at, _ in points)
    if not spread:
        raise ValueError("all readings are of one moment")
    slope = sum((at - middle) * (value - mean) for at, value in points) / spread
    left = sum((value - mean - slope * (at - middle)) ** 2 for at, value in points)
    return Line(mean, slope * HOUR, math.sqrt(left / (number - 2) / spread) * HOUR)


def after(points: Sequence[Point], warm_up: float) -> list[Point]:
    """Those that were read after so many seconds from the first one."""
    return [point for point in points if point[0] - points[0][0] >= warm_up]

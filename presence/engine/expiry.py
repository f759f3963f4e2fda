"""For how long something is granted: one function for every method (section 6, R-SUB-19 to 23, R-PUB-25 to 28)."""

from typing import NamedTuple, Protocol

from presence.engine.errors import BadExpires, IntervalTooBrief


class Bounds(Protocol):
    """What an operator set for one method, in seconds; 0 < min <= default <= max is checked when it is saved."""

    @property
    def min(self) -> int: ...
    @property
    def default(self) -> int: ...
    @property
    def max(self) -> int: ...


class ExpiryBounds(NamedTuple):
    """The plain form of `Bounds`."""

    min: int
    default: int
    max: int


def grant(requested: int | None, bounds: Bounds) -> int:
    """Seconds granted for `requested` (None: the request named none).

    0 is never too brief: it ends, removes or fetches (D-04). Too brief raises IntervalTooBrief (D-03). Above the
    maximum the grant is the default, not the maximum (R-SUB-22, R-PUB-27).
    """
    if requested is None:
        return bounds.default
    if requested < 0:
        raise BadExpires("an expiry is a number of seconds")
    if requested == 0:
        return 0
    if requested < bounds.min:
        raise IntervalTooBrief(bounds.min)
    return requested if requested <= bounds.max else bounds.default

"""How long something is granted (section 6)."""

import pytest

from presence.engine.errors import BadExpires, IntervalTooBrief
from presence.engine.expiry import ExpiryBounds, grant

BOUNDS = ExpiryBounds(min=60, default=3600, max=7200)


@pytest.mark.parametrize(
    ("requested", "granted"),
    [
        (None, 3600),
        (0, 0),
        (60, 60),
        (61, 61),
        (3600, 3600),
        (7200, 7200),
        (7201, 3600),
        (2**32 - 1, 3600),
        (10**30, 3600),
    ],
)
def test_what_is_granted(requested, granted):
    """R-SUB-20, R-SUB-22, R-SUB-23, R-PUB-25, R-PUB-27, R-PUB-28, D-04: bounds included, above them the default."""
    assert grant(requested, BOUNDS) == granted


@pytest.mark.parametrize("requested", [1, 30, 59])
def test_too_brief_is_refused_with_the_minimum(requested):
    """R-SUB-21, R-PUB-26, D-03: the refusal says what would have been accepted."""
    with pytest.raises(IntervalTooBrief) as refusal:
        grant(requested, BOUNDS)
    assert refusal.value.minimum == 60


def test_a_negative_expiry_is_no_number_of_seconds():
    """Section 6: what is not a number is refused as such."""
    with pytest.raises(BadExpires):
        grant(-1, BOUNDS)


def test_equal_bounds_leave_one_value():
    """Section 6: min <= default <= max may all be the same."""
    only = ExpiryBounds(600, 600, 600)
    assert [grant(value, only) for value in (None, 600, 601)] == [600, 600, 600]

"""A clock that was set is noticed, and what only took its time is not taken for it."""

import pytest

from sipedge.clocks import Comparison


@pytest.mark.parametrize(
    ("looks", "jumps"),
    [
        ([(1000, 10, 10), (1005, 15, 15), (1011, 20, 20)], [0, 0, 0]),
        ([(1000, 10, 10), (4605, 15, 15), (4610, 20, 20)], [0, 3600, 0]),
        ([(4600, 10, 10), (1005, 15, 15), (1010, 20, 20)], [0, -3600, 0]),
        ([(1000, 10, 10), (1002, 15, 15), (1005, 20, 20)], [0, 0, 0]),
        ([(1000, 10, 10), (1005, 15, 75), (1070, 80, 80)], [0, 0, 0]),
        ([(1000, 10, 10), (1065, 15, 75), (1070, 80, 80)], [0, 0, 0]),
        ([(1000, 10, 20), (1100, 30, 40)], [0, 70]),
    ],
    ids=["steady", "forward", "back", "corrected slowly", "answered late", "asked late", "in doubt"],
)
def test_jumps(looks: list[tuple[float, float, float]], jumps: list[float]) -> None:
    """Each look is a moment of the clock, and when it was asked and answered by the steady one."""
    clock = Comparison(5.0)
    assert [clock.jumped(*look) for look in looks] == jumps

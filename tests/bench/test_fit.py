"""What grows is told from what only goes up and down."""

from random import Random

import pytest

from tests.bench.fit import after, line

MB = 1e6


def readings(hourly: float, noise: float, minutes: int = 60) -> list[tuple[float, float]]:
    """Every ten seconds, of something that has 200 MB."""
    chance = Random(3261)
    times = range(0, minutes * 60, 10)
    return [(at, 200 * MB + hourly * at / 3600 + chance.uniform(-noise, noise)) for at in times]


def test_an_exact_line_is_found() -> None:
    """Mean, slope, and no error."""
    found = line([(0.0, 1.0), (1800.0, 2.0), (3600.0, 3.0)])
    assert (found.mean, found.slope) == pytest.approx((2.0, 2.0))
    assert found.error == pytest.approx(0.0, abs=1e-9)


def test_what_goes_up_and_down_does_not_grow() -> None:
    """Noise of twenty times the limit is no growth, in an hour or in ten minutes."""
    for minutes in (10, 60):
        assert not line(readings(0, 20 * MB, minutes)).grows(1 * MB)


def test_a_leak_is_found_in_the_noise() -> None:
    """Ten megabytes an hour, with as much noise."""
    assert line(readings(10 * MB, 10 * MB)).grows(5 * MB)
    assert not line(readings(4 * MB, 10 * MB)).grows(5 * MB), "so much is allowed"


def test_what_shrinks_does_not_grow() -> None:
    """Memory that was given back."""
    assert not line(readings(-50 * MB, 1 * MB)).grows(0)


def test_the_warm_up_does_not_count() -> None:
    """A step at the beginning is none of the long run."""
    points = [(at, value - (150 * MB if at < 600 else 0)) for at, value in readings(0, 1 * MB)]
    assert line(points).grows(5 * MB)
    assert not line(after(points, 600)).grows(5 * MB)


def test_too_few_readings_say_nothing() -> None:
    """Nor do many of one moment."""
    for points in ([], [(0.0, 1.0), (1.0, 2.0)], [(5.0, 1.0)] * 4):
        with pytest.raises(ValueError):
            line(points)

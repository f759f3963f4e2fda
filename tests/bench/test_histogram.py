"""The histogram of the benchmark."""

import pytest

from tests.bench.histogram import Histogram


def test_an_empty_histogram_has_no_quantiles() -> None:
    """No operation, no latency."""
    assert Histogram().quantile(0.5) is None


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.001), (0.5, 0.050), (0.99, 0.099), (1.0, 0.100)])
def test_quantiles_are_exact_to_two_per_cent(share: float, expected: float) -> None:
    """A hundred latencies of 1 to 100 ms."""
    histogram = Histogram()
    for milliseconds in range(100, 0, -1):
        histogram.add(milliseconds / 1000)
    assert histogram.count == 100
    assert histogram.quantile(share) == pytest.approx(expected, rel=0.021)


def test_a_latency_of_nothing_is_counted() -> None:
    """Two readings of the clock may be equal."""
    histogram = Histogram()
    histogram.add(0.0)
    assert histogram.quantile(0.5) == pytest.approx(0.0, abs=1e-8)

"""Values are counted by upper bound, and add up as Prometheus wants them."""

from sipedge.metrics.histogram import Histogram


def test_a_bound_counts_what_is_not_above_it() -> None:
    one = Histogram((1, 2.5))
    for value in (0.5, 1, 2, 2.5, 9):
        one.observe(value)
    assert list(one.buckets()) == [("1.0", 2), ("2.5", 4), ("+Inf", 5)]
    assert (one.count, one.total) == (5, 15)


def test_nothing_is_in_an_empty_one() -> None:
    assert list(Histogram((1,)).buckets()) == [("1.0", 0), ("+Inf", 0)]

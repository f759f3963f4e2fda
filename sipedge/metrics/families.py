"""Metrics as a table: each with its name, kind, labels and meaning, and where its numbers are read from.

Nothing is counted here. Whoever works keeps plain numbers, and these are read when Prometheus asks, so that a message
costs no more than an addition. The names are checked against docs/metrics.md by a test.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from sipedge.metrics.histogram import Histogram

COUNTER = "counter"
GAUGE = "gauge"
HISTOGRAM = "histogram"

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"Of what `text` gives: Prometheus' text format, version 0.0.4."

T = TypeVar("T")

Labels = tuple[str, ...]
Samples = Iterable[tuple[Labels, float | Histogram]]
"Numbers by the values of the labels, in the order of their names."


@dataclass(frozen=True, slots=True)
class Family(Generic[T]):
    """One metric of a thing of type T."""

    name: str
    "Without the `_total` that counters get."
    kind: str
    labels: Labels
    meaning: str
    read: Callable[[T], Samples]


class Readings(Collector, Generic[T]):
    """Reads a table of metrics from one thing."""

    def __init__(self, families: Sequence[Family[T]], source: T) -> None:
        self._families = families
        self._source = source

    def describe(self) -> Iterator[Metric]:
        """The metrics, without numbers."""
        return (_metric(family, ()) for family in self._families)

    def collect(self) -> Iterator[Metric]:
        """The metrics, with the numbers of this moment."""
        return (_metric(family, family.read(self._source)) for family in self._families)


def one(value: float | Histogram) -> Samples:
    """The only number of a metric without labels."""
    return (((), value),)


def by_one(numbers: Iterable[tuple[str, float]]) -> Samples:
    """Numbers by the value of the only label."""
    return (((name,), number) for name, number in numbers)


def text(registry: CollectorRegistry) -> bytes:
    """All metrics of a registry, as Prometheus reads them."""
    return generate_latest(registry)


def _metric(family: Family[T], samples: Samples) -> Metric:
    metric = Metric(family.name, family.meaning, family.kind)
    for values, number in samples:
        labels = dict(zip(family.labels, values, strict=True))
        if isinstance(number, Histogram):
            for bound, count in number.buckets():
                metric.add_sample(f"{family.name}_bucket", {**labels, "le": bound}, count)
            metric.add_sample(f"{family.name}_count", labels, number.count)
            metric.add_sample(f"{family.name}_sum", labels, number.total)
        else:
            metric.add_sample(f"{family.name}_total" if family.kind == COUNTER else family.name, labels, number)
    return metric

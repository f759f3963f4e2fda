"""Every metric that the product has, as the code knows it, and a running process's numbers by name and labels."""

from collections.abc import Iterable
from types import ModuleType
from typing import Any, NamedTuple

from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from cups_site.metrics import database, tasks, web
from sipedge.metrics import edge
from sipedge.metrics.families import Family


class Known(NamedTuple):
    """One metric, by the name that it has in Prometheus."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str

    @property
    def series(self) -> set[str]:
        """The names that queries can use."""
        if self.kind == "histogram":
            return {f"{self.name}_{part}" for part in ("bucket", "sum", "count")}
        return {self.name}


Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


def catalogue() -> dict[str, list[Known]]:
    """Who tells it -> metrics."""
    return {
        "edge": _of_table(edge.FAMILIES),
        "web": _of_module(web) + _of_table(database.FAMILIES),
        "worker": _of_module(tasks),
    }


def _of_table(families: Iterable[Family[Any]]) -> list[Known]:
    return [_known(one.name, one.kind, one.labels, one.meaning) for one in families]


def _of_module(module: ModuleType) -> list[Known]:
    metrics = [one for one in vars(module).values() if isinstance(one, MetricWrapperBase)]
    return [_known(one._name, one._type, tuple(one._labelnames), one._documentation) for one in metrics]


def _known(name: str, kind: str, labels: tuple[str, ...], meaning: str) -> Known:
    return Known(f"{name}_total" if kind == "counter" else name, kind, labels, meaning)


def numbers(text: str) -> Numbers:
    """What Prometheus would read."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """A number's key."""
    return name, frozenset(labels.items())

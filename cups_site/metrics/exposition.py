"""The numbers of this process, or of all that share a folder, as Prometheus reads them."""

from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from cups_site.variables.declared import value
from sipedge.metrics.families import text

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"Variable of Prometheus' client: the folder through which the processes of one service add their numbers up."


def exposition(registry: CollectorRegistry) -> bytes:
    """The metrics of `registry`; where processes share a folder, theirs together."""
    if value(SHARED) is None:
        return text(registry)
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return text(together)

"""What the server spends on each thing that happens, as `./run bench` and `./run bench footprint` have measured it.

One file holds all measured points: `results` as `./run bench --json` writes them, and `footprint` beside them. What
nobody has measured is assumed here, with the reason, and every table says so.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

MEASURED: Final = Path(__file__).with_name("measured.json")
"The points that are checked in."

SERVER: Final = "ours"
"One process of ours, among the servers of the results."

ASSUMED: Final[Mapping[str, float]] = {
    "flush": 0.002,
    "edge_message": 0.0008,
}
"""Where the file does not say: a disk that has a transaction safely in two milliseconds, as a good SSD does; a MESSAGE
that costs two thirds more than a PUBLISH, as it did in a run beside others: it is sent on, and writes nothing."""

DATAGRAM: Final = 28
"Bytes of the IPv4 and UDP headers of a message."


class Missing(Exception):
    """The file has no figure that the model cannot do without."""


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU in seconds of one core of the machine that was measured; memory, rows and messages in bytes."""

    edge_publish: float
    "Reading, planning and answering a PUBLISH that nobody watches."
    edge_compose: float
    "Composing and rendering the document for those who watch, once for each change."
    edge_notify: float
    "One NOTIFY and its answer."
    edge_subscribe: float
    "A SUBSCRIBE with its first NOTIFY."
    edge_refresh: float
    "A refresh with its NOTIFY."
    edge_register: float
    edge_message: float
    edge_heard_publish: float
    "A change that another edge announces, of somebody whom nobody watches here."
    edge_heard_register: float
    "The same of contacts, which every edge reads again from the database."
    database_publish: float
    "One plan in a large batch; so the next three."
    database_subscribe: float
    database_refresh: float
    database_register: float
    database_batch: float
    "A transaction, beside the plans in it."
    flush: float
    "Seconds, not of a CPU, until a transaction is safely on disk."
    memory_base: float
    "Of an edge process with few users."
    memory_per_user: float
    "What is provisioned of a user, in every edge."
    memory_per_binding: float
    "In every edge."
    memory_per_publication: float
    "With the presentity, in the edge that serves it."
    memory_per_subscription: float
    row_per_user: float
    "On disk, with indexes; so the next three."
    row_per_publication: float
    row_per_subscription: float
    row_per_binding: float
    wal_per_publish: float
    "Write-ahead log of a change; so the next three."
    wal_per_subscribe: float
    wal_per_refresh: float
    wal_per_register: float
    wire_publish: float
    "A request and its answer, without IP and UDP headers; so the next four."
    wire_subscribe: float
    wire_notify: float
    wire_register: float
    wire_message: float
    assumed: frozenset[str] = frozenset()
    "Names of those above that nobody has measured."

    @classmethod
    def read(cls, path: Path = MEASURED) -> "Costs":
        """From a file of measured points; raises Missing."""
        try:
            document = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise Missing(f"{path} cannot be read: {error}") from None
        return cls.of(document)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Costs":
        """From what such a file holds; raises Missing."""
        results = points(document)
        found: dict[str, float] = {}
        try:
            edge, database = _spent(results, "server"), _spent(results, "database")
            one, ten = edge("publish-1"), edge("publish-10")
            found["edge_publish"] = edge("publish")
            found["edge_notify"] = (ten - one) / 9
            found["edge_compose"] = max(0.0, one - found["edge_publish"] - found["edge_notify"])
            for kind in ("subscribe", "refresh", "register"):
                found[f"edge_{kind}"] = edge(kind)
            if "message" in results:
                found["edge_message"] = edge("message")
            for kind in ("publish", "subscribe", "refresh", "register"):
                found[f"database_{kind}"] = database(kind)
            footprint = dict(document["footprint"])
            found["database_batch"] = max(0.0, footprint.pop("database_alone_us") / 1e6 - found["database_publish"])
            for kind in ("publish", "register"):
                found[f"edge_heard_{kind}"] = footprint.pop(f"heard_{kind}_us") / 1e6
            found["memory_per_subscription"] = _bytes_each(results, "memory")
            found["memory_per_publication"] = _bytes_each(results, "memory-publications")
            found |= footprint
        except KeyError as error:
            raise Missing(f"no {error.args[0]} among the measured points") from None
        assumed = frozenset(ASSUMED) - found.keys()
        values = {**ASSUMED, **found}
        names = {one.name for one in fields(cls)} - {"assumed"}
        if missing := names - values.keys():
            raise Missing(f"no {', '.join(sorted(missing))} among the measured points")
        return cls(**{name: values[name] for name in names}, assumed=assumed)


def points(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What was measured of one process of ours, by scenario."""
    return {one["scenario"]: one for one in document.get("results", ()) if one["server"] == SERVER}


def _spent(results: Mapping[str, Mapping[str, Any]], part: str) -> Callable[[str], float]:
    """Scenario -> CPU seconds that this part of the machine spent on one operation."""
    return lambda scenario: float(results[scenario][f"{part}_us_per_operation"]) / 1e6


def _bytes_each(results: Mapping[str, Mapping[str, Any]], scenario: str) -> float:
    """Bytes of memory of one object."""
    return float(results[scenario]["bytes_each"])

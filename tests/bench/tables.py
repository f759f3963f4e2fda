"""The tables that the capacity model prints."""

import math
from collections.abc import Callable, Sequence

from tests.bench.capacity import Bounds, Needs, clusters, crossing, needs
from tests.bench.costs import Costs
from tests.bench.population import Population
from tests.bench.queues import latency

PARTS = ("", "k", "M", "G", "T", "P")
"Powers of a thousand."

SHARES = (0.05, 0.2)
"Of subscriptions that cross between clusters, for the table."


def amount(value: float, unit: str = "") -> str:
    """A value in three digits, with a power of a thousand."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}".strip()
    power = 0
    while abs(value) >= 999.5 and power < len(PARTS) - 1:
        value, power = value / 1000, power + 1
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if abs(value) >= 0.01 else 4
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text} {PARTS[power]}{unit}".strip()


LINES: Sequence[tuple[str, Callable[[Needs], str]]] = (
    ("changes a second", lambda one: amount(one.rates.changing)),
    ("PUBLISH a second", lambda one: amount(one.rates.publish)),
    ("NOTIFY a second", lambda one: amount(one.rates.notify + one.rates.subscribe + one.rates.refresh)),
    ("SUBSCRIBE a second, with renewals", lambda one: amount(one.rates.subscribe + one.rates.refresh)),
    ("REGISTER a second", lambda one: amount(one.rates.register)),
    ("MESSAGE a second", lambda one: amount(one.rates.message)),
    ("subscriptions", lambda one: amount(one.population.subscriptions)),
    ("subscriptions of an edge", lambda one: amount(one.population.subscriptions / max(1, one.edges))),
    ("cores for requests and NOTIFYs", lambda one: amount(one.work)),
    ("share of an edge for hearing of others", lambda one: f"{100 * one.hearing:.1f} %"),
    ("edge processes", lambda one: f"{one.edges:,}"),
    ("machines for edges, one to spare", lambda one: f"{one.machines:,}"),
    ("memory of an edge", lambda one: amount(one.memory_each, "B")),
    ("memory of all edges", lambda one: amount(one.memory, "B")),
    ("PostgreSQL, cores", lambda one: amount(one.database)),
    ("plans in a transaction", lambda one: amount(one.batch)),
    ("write-ahead log", lambda one: amount(one.log_rate, "B/s")),
    ("rows with indexes", lambda one: amount(one.stored, "B")),
    ("rows read again for contacts elsewhere", lambda one: amount(one.reads, "/s")),
    ("bandwidth at the edges", lambda one: amount(one.bandwidth, "bit/s")),
)
"What the table says of one cluster."


def capacity(costs: Costs, populations: Sequence[Population], bounds: Bounds | None = None) -> str:
    """Populations beside each other, each in as many clusters as it needs."""
    parts = [clusters(costs, one, bounds) for one in populations]
    each = [needs(costs, one.part(number), bounds) for one, number in zip(populations, parts, strict=True)]
    rows = [
        ("users", [amount(one.users) for one in populations]),
        ("clusters", [f"{number:,}" for number in parts]),
        ("in each of them: users", [amount(one.population.users) for one in each]),
        *((title, [cell(one) for one in each]) for title, cell in LINES),
        ("answers, mean and 99 % (queue of one edge)", [_times(costs, one) for one in each]),
        ("in all: edge processes", [f"{one.edges * number:,}" for one, number in zip(each, parts, strict=True)]),
    ]
    for share in SHARES:
        cells = [
            amount(crossing(costs, one, number, share)) for one, number in zip(populations, parts, strict=True)
        ]  # fmt: skip
        rows.append((f"cores more, if {100 * share:.0f} % of subscriptions cross", cells))
    text = "\n".join(f"{title:44}" + "".join(f"{cell:>18}" for cell in cells) for title, cells in rows)
    notes = [
        f"{amount(one.users)} users do not fit into one cluster: {', '.join(found)}"
        for one in populations
        if (found := needs(costs, one, bounds).problems)
    ]
    return "\n".join([text, *([""] if notes else []), *notes])


def _times(costs: Costs, one: Needs) -> str:
    found = latency(costs, one)
    return f"{1000 * found.mean:.1f} / {1000 * found.high:.0f} ms"

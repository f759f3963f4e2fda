"""`./run bench simulation`: the capacity model, the simulation, and what was measured, beside each other."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import queues
from tests.bench.capacity import needs
from tests.bench.costs import MEASURED, Costs, Missing, points
from tests.bench.population import Buddies, Population
from tests.bench.simulation import busy_hour, window

SCENARIOS = ("publish", "publish-1", "publish-10", "subscribe", "refresh", "register", "message")
"Those that the simulation can play."

CLOSE = 0.25
"Model, simulation and measured points differ by less than this share of the larger one."

CASES: Mapping[str, tuple[Population, int]] = {
    "offices": (Population(20_000), 1),
    "many watchers": (Population(8_000, buddies=Buddies(60.0, most=500.0)), 2),
    "busy": (Population(20_000, changes=12.0, messages=20.0), 2),
    "short intervals": (Population(6_000, registration=600.0, subscription=900.0), 2),
}
"Populations, and edges for them."


@dataclass(frozen=True, slots=True)
class Line:
    """One figure, by two or three ways."""

    what: str
    model: float
    simulated: float
    measured: float | None = None

    @property
    def close(self) -> bool:
        """All of them agree."""
        values = [one for one in (self.model, self.simulated, self.measured) if one is not None]
        return max(values) - min(values) <= CLOSE * max(values)

    def __str__(self) -> str:
        measured = f"{self.measured:12.4g}" if self.measured is not None else f"{'-':>12}"
        return f"{self.what:44}{self.model:12.4g}{self.simulated:12.4g}{measured}{'' if self.close else '   apart'}"


def measured_points(costs: Costs, document: Mapping[str, Any]) -> Iterator[Line]:
    """Operations a second of each scenario that was measured."""
    in_flight = int(document["pressure"]["window"])
    results = points(document)
    for scenario in SCENARIOS:
        if scenario in results:
            outcome = window(costs, scenario, in_flight)
            kind = scenario.partition("-")[0]
            yield Line(
                f"{scenario}, operations a second", queues.saturated(costs, scenario, in_flight),
                outcome.rate(kind), float(results[scenario]["rate"]),
            )  # fmt: skip


def population(costs: Costs, name: str, seconds: float, seed: int = 1) -> tuple[list[Line], list[Line]]:
    """One case: what has to agree, and what is shown beside it."""
    people, edges = CASES[name]
    found = needs(costs, people, edges=edges)
    on_paper = queues.latency(costs, found)
    seen = busy_hour(costs, people, edges, seconds=seconds, seed=seed)
    rates = found.rates
    firm = [
        Line(f"{name}: an edge busy", on_paper.busy, seen.busy),
        Line(f"{name}: PUBLISH a second", rates.publish, seen.rate("publish")),
        Line(f"{name}: NOTIFY a second", rates.notify, seen.rate("notify")),
        Line(f"{name}: renewals a second", rates.refresh, seen.rate("refresh")),
        Line(f"{name}: REGISTER a second", rates.register, seen.rate("register")),
        Line(f"{name}: MESSAGE a second", rates.message, seen.rate("message")),
        Line(f"{name}: database, cores", found.database, seen.database),
        Line(f"{name}: plans in a transaction", found.batch, seen.batch),
    ]
    shown = [
        Line(f"{name}: 99 % of answers, ms", 1000 * on_paper.high, 1000 * (seen.answers.quantile(0.99) or 0.0)),
        Line(f"{name}: busiest edge / average", queues.imbalance(costs, found), seen.imbalance),
    ]
    return firm, shown


def main(arguments: list[str]) -> int:
    """Print the comparison; the exit status is 1 when what has to agree does not."""
    parser = argparse.ArgumentParser(prog="./run bench simulation", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=Path, default=MEASURED, metavar="FILE", help="measured points (JSON)")
    parser.add_argument("--seconds", type=float, default=300.0, help="of the busy hour that are played (default 300)")
    parser.add_argument("--seed", type=int, default=1, help="of what happens at random (default 1)")
    chosen = parser.parse_args(arguments)
    try:
        costs = Costs.read(chosen.points)
    except Missing as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{'':44}{'model':>12}{'simulated':>12}{'measured':>12}")
    firm = list(measured_points(costs, json.loads(chosen.points.read_text())))
    for line in firm:
        print(line)
    for name in CASES:
        lines, shown = population(costs, name, chosen.seconds, chosen.seed)
        firm += lines
        print("", *lines, *shown, sep="\n", flush=True)
    return 0 if all(line.close for line in firm) else 1

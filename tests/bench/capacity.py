"""`./run bench capacity`: from what the server was measured to cost, and from a population, to what has to be there.

A model on paper, in the busy hour: rates times costs. Queues are those of one server each: an edge process is one core.
`tests/bench/simulation.py` plays the same population event by event, and `./run bench simulation` puts the two beside
each other and beside what was measured.
"""

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.bench.costs import ASSUMED, DATAGRAM, MEASURED, Costs, Missing
from tests.bench.population import Population, Rates

SIZES = (1_000, 100_000, 1_000_000, 100_000_000)
"Users of the table."

MESSAGES = 2
"A request and its answer: each has headers of IP and UDP."

MOST_CLUSTERS = 1_000_000
"Where a search for a number of clusters ends."


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one machine and one database are trusted with: all of these are assumed."""

    busy: float = 0.6
    "Share of its core that an edge process may use in the busy hour; the rest is headroom for bursts and failures."
    cores: int = 16
    "Of a machine; two of them are left to the system."
    memory: float = 64e9
    "Bytes of a machine; a tenth of it is left to the system."
    database_cores: float = 24.0
    "That one PostgreSQL may use: of a machine of 32 cores, with headroom."
    log_rate: float = 100e6
    "Bytes of write-ahead log a second that one disk and its replica keep up with."

    @property
    def processes(self) -> int:
        """Edge processes of a machine, as far as cores go."""
        return self.cores - 2


@dataclass(frozen=True, slots=True)
class Needs:
    """What one cluster needs: edges on one database and one bus."""

    population: Population
    rates: Rates
    work: float
    "Cores at the edges for requests and NOTIFYs."
    hearing: float
    "Share of each edge's core for what the others announce."
    edges: int
    "Edge processes; 0 where no number of them is enough."
    machines: int
    "With one more than are needed; 0 where no number is enough."
    batch: float
    "Plans in a transaction."
    database: float
    "Cores at PostgreSQL."
    log_rate: float
    "Bytes of write-ahead log a second."
    stored: float
    "Bytes of rows with indexes."
    memory_each: float
    "Bytes of one edge process."
    bandwidth: float
    "Bits a second at all edges, both directions together."
    reads: float
    "Rows a second that edges read again because contacts have changed at another one."
    problems: tuple[str, ...]
    "Why one cluster does not do."

    @property
    def memory(self) -> float:
        """Bytes of all edges."""
        return self.memory_each * self.edges


def work_of(costs: Costs, rates: Rates) -> float:
    """Cores at the edges: CPU seconds a second."""
    return (
        rates.publish * costs.edge_publish
        + rates.changing * costs.edge_compose
        + rates.notify * costs.edge_notify
        + rates.subscribe * costs.edge_subscribe
        + rates.refresh * costs.edge_refresh
        + rates.register * costs.edge_register
        + rates.message * costs.edge_message
    )


def batch_of(costs: Costs, plans: float, each: float) -> float:
    """Plans in a transaction of one edge that has so many a second, at `each` CPU seconds of the database.

    While one transaction is written, the plans of the next one gather: as many as arrive meanwhile, and at least one.
    """
    size = 1.0
    for _ in range(200):
        lasts = costs.database_batch + costs.flush + size * each
        found = plans * lasts + math.exp(-plans * lasts)
        if abs(found - size) < 1e-6:
            break
        size = min(found, 500.0)
    return size


def needs(costs: Costs, population: Population, bounds: Bounds | None = None, edges: int | None = None) -> Needs:
    """What one cluster needs for this population; `edges`: with so many edge processes, instead of enough."""
    bounds = bounds or Bounds()
    rates = population.rates
    work = work_of(costs, rates)
    heard = rates.publish * costs.edge_heard_publish + rates.register * costs.edge_heard_register
    fixed = (
        costs.memory_base
        + population.users * costs.memory_per_user
        + population.bindings * costs.memory_per_binding
    )  # fmt: skip
    shared = (
        population.publications * costs.memory_per_publication
        + population.subscriptions * costs.memory_per_subscription
    )
    problems = []
    room = bounds.memory * 0.9
    if edges is None:
        edges = _enough(work, heard, bounds.busy)
        if edges == 0:
            problems.append("edges hear too much of each other")
        elif fixed < room:
            edges = max(edges, math.ceil(shared / (room - fixed)))
    if fixed >= room:
        problems.append("what every edge holds does not fit into a machine")
    count = edges or 1
    memory = fixed + shared / count
    fitting = min(bounds.processes, math.floor(room / memory))
    machines = math.ceil(edges / fitting) + 1 if edges and fitting else 0
    plans = (
        rates.publish * costs.database_publish
        + rates.subscribe * costs.database_subscribe
        + rates.refresh * costs.database_refresh
        + rates.register * costs.database_register
    )
    each = plans / rates.plans if rates.plans else 0.0
    batch = batch_of(costs, rates.plans / count, each)
    database = plans + rates.plans / batch * costs.database_batch
    log_rate = (
        rates.publish * costs.wal_per_publish
        + rates.subscribe * costs.wal_per_subscribe
        + rates.refresh * costs.wal_per_refresh
        + rates.register * costs.wal_per_register
    )
    if database > bounds.database_cores:
        problems.append("one PostgreSQL has too few cores")
    if log_rate > bounds.log_rate:
        problems.append("one PostgreSQL cannot write as much")
    return Needs(
        population=population,
        rates=rates,
        work=work,
        hearing=heard * (1 - 1 / count),
        edges=edges,
        machines=machines,
        batch=batch,
        database=database,
        log_rate=log_rate,
        stored=_stored(costs, population),
        memory_each=memory,
        bandwidth=8 * _bytes(costs, rates),
        reads=rates.register * (count - 1),
        problems=tuple(problems),
    )


def _enough(work: float, heard: float, busy: float) -> int:
    """The fewest edges none of which is busier than this; 0 where hearing of the others fills a core."""
    edges = max(1, math.ceil(work / busy))
    while edges * busy < work + heard * (edges - 1):
        if heard >= busy:
            return 0
        edges = max(edges + 1, math.ceil((work - heard) / (busy - heard)))
    return edges


def _stored(costs: Costs, population: Population) -> float:
    return (
        population.users * costs.row_per_user
        + population.publications * costs.row_per_publication
        + population.subscriptions * costs.row_per_subscription
        + population.bindings * costs.row_per_binding
    )


def _bytes(costs: Costs, rates: Rates) -> float:
    """A second, on the wire: a SUBSCRIBE and a renewal bring a NOTIFY, and a MESSAGE comes in and goes out."""
    kinds = (
        (rates.publish, costs.wire_publish),
        (rates.notify + rates.subscribe + rates.refresh, costs.wire_notify),
        (rates.subscribe + rates.refresh, costs.wire_subscribe),
        (rates.register, costs.wire_register),
        (rates.message * 2, costs.wire_message / 2),
    )
    return sum(rate * (size + MESSAGES * DATAGRAM) for rate, size in kinds)


def clusters(costs: Costs, population: Population, bounds: Bounds | None = None) -> int:
    """The fewest clusters of equal size, each of which does; raises ValueError where none does."""
    low, high = 0, 1
    while needs(costs, population.part(high), bounds).problems:
        low, high = high, high * 2
        if high > MOST_CLUSTERS:
            raise ValueError("not even a cluster for a few users does")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if needs(costs, population.part(middle), bounds).problems else (low, middle)
    return high


def crossing(costs: Costs, population: Population, parts: int, share: float) -> float:
    """Cores that federation adds in all clusters, where this share of subscriptions leads to another cluster.

    One back-end subscription, with a shared identity, for each presentity and each other cluster that watches it: at
    home it is one more watcher, elsewhere what comes is written, composed and told like a PUBLISH.
    """
    if parts < 2:
        return 0.0
    watchers = population.watched_by * share
    pairs = (parts - 1) * (1 - (1 - 1 / (parts - 1)) ** watchers) if parts > 2 else min(1.0, watchers)
    rates = population.rates
    told = rates.changing * pairs * (costs.edge_notify + costs.edge_publish + costs.edge_compose)
    renewed = population.renewed(population.users * pairs, population.subscription)
    return told + renewed * (costs.edge_refresh + costs.edge_publish)


def main(arguments: list[str]) -> int:
    """Print what the sizes need; the exit status is 2 for a file that does not do."""
    parser = argparse.ArgumentParser(prog="./run bench capacity", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=Path, default=MEASURED, metavar="FILE", help="measured points (JSON)")
    parser.add_argument("--users", type=int, nargs="+", default=list(SIZES), help="sizes of the table")
    chosen = parser.parse_args(arguments)
    try:
        costs = Costs.read(chosen.points)
    except Missing as error:
        print(error, file=sys.stderr)
        return 2
    from tests.bench import tables

    print(tables.capacity(costs, [Population(users) for users in chosen.users]))
    if costs.assumed:
        print("\nassumed, not measured: " + ", ".join(f"{name} {ASSUMED[name]:g} s" for name in sorted(costs.assumed)))
    return 0

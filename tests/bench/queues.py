"""How long answers take, on paper: an edge is a queue with one server (M/G/1), and a transaction lies in between."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

from tests.bench.capacity import Needs, batch_of
from tests.bench.costs import Costs
from tests.bench.simulation import BEFORE


@dataclass(frozen=True, slots=True)
class Latency:
    """Of requests that are written, from their coming to their answer, in seconds."""

    busy: float
    "Share of the time that an edge is busy."
    mean: float
    high: float
    "That 99 of 100 do not exceed."


def latency(costs: Costs, found: Needs) -> Latency:
    """At one edge of such a cluster in the busy hour; infinite where it has more to do than it can."""
    rates, count, population = found.rates, max(1, found.edges), found.population
    kinds = {
        "publish": (rates.publish, costs.edge_publish),
        "subscribe": (rates.subscribe, costs.edge_subscribe),
        "refresh": (rates.refresh, costs.edge_refresh),
        "register": (rates.register, costs.edge_register),
    }
    work = square = 0.0  # of all pieces of work that come in a second
    for rate, cost in kinds.values():
        for share in (BEFORE, 1 - BEFORE):
            work += rate * cost * share
            square += rate * (cost * share) ** 2
    square += rates.message * costs.edge_message**2
    each = population.devices * costs.edge_notify
    mean, second, compose = population.buddies.mean, population.buddies.square, costs.edge_compose
    work += rates.changing * (compose + mean * each) + rates.message * costs.edge_message
    light = square / count
    square += rates.changing * (compose**2 + 2 * compose * mean * each + second * each**2)
    work, square = work / count + found.hearing, square / count
    if work >= 1:
        return Latency(work, math.inf, math.inf)
    wait = square / (2 * (1 - work))
    own = sum(rate * cost for rate, cost in kinds.values()) / rates.plans
    scale = light / (2 * (1 - work)) / work

    def later(time: float) -> float:
        """The share of requests that wait longer than this, both times together."""
        bursts = 2 * rates.changing / count * each * population.buddies.beyond(time / each) / (1 - work)
        pieces = time / scale
        return min(1.0, bursts) + (2 * work * (1 - work) + work**2 * (1 + pieces)) * math.exp(-pieces)

    fixed = own + _commit(costs, found, count)
    return Latency(work, fixed + 2 * wait, fixed + _exceeded(later))


def _commit(costs: Costs, found: Needs, count: int) -> float:
    """Seconds until a plan is safe: the rest of the transaction that is being written, and its own."""
    plans = found.rates.plans / count
    each = (found.database - found.rates.plans / found.batch * costs.database_batch) / found.rates.plans
    lasts = costs.database_batch + costs.flush + batch_of(costs, plans, each) * each
    busy = min(1.0, plans / found.batch * lasts)
    return lasts * (1 + busy / 2)


def _exceeded(later: Callable[[float], float]) -> float:
    """The time that one request in a hundred waits longer than."""
    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if later(middle) > 0.01 else (low, middle)
    return high


def imbalance(costs: Costs, found: Needs) -> float:
    """The busiest edge beside the average one, as a hash spreads users of uneven weight: the largest of some sums."""
    count, people, rates = found.edges, found.population, found.rates
    if count < 2:
        return 1.0
    watched = (
        rates.notify * costs.edge_notify + rates.subscribe * costs.edge_subscribe + rates.refresh * costs.edge_refresh
    )
    heavy = watched / found.work
    spread = 1 + heavy**2 * (people.buddies.square / people.buddies.mean**2 - 1)
    deviation = math.sqrt(spread * (count - 1) / people.users)
    return 1 + deviation * NormalDist().inv_cdf((count - 0.375) / (count + 0.25))


def saturated(costs: Costs, scenario: str, in_flight: int) -> float:
    """Operations a second of a scenario of `./run bench` at one edge: its core is full, or all wait for the disk."""
    kind, _, watchers = scenario.partition("-")
    spent = getattr(costs, f"edge_{kind}")
    if watchers:
        spent += costs.edge_compose + int(watchers) * costs.edge_notify
    if kind == "message":
        return float(1 / spent)
    plan = getattr(costs, f"database_{kind}")
    lasts = costs.database_batch + costs.flush + plan * in_flight / 2
    return float(min(1 / spent, in_flight / (spent + 1.5 * lasts)))

"""A presence server event by event: edges as queues, group commit, users of uneven weight, seeded and repeatable.

An edge process is one server that does what comes in the order of its coming. A change goes through it twice: it is
read and planned, waits for the transaction that carries it, is answered, and its watchers are told in one go. Each edge
writes one transaction at a time, with all plans that have gathered; the database has so many cores, and the disk takes
its time. A user's requests, and those of the watchers, come to one edge by a hash of the name, as in
`sipedge/sharing/home.py`.

What it leaves out: the network, lost messages, lists, the memory of Python, and whatever else shares the cores.
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from zlib import crc32

from tests.bench.costs import Costs
from tests.bench.histogram import Histogram
from tests.bench.population import HOUR, Population

BEFORE: float = 0.6
"Share of the work for a change that is done before it is written: reading, rules, the plan; the rest answers."

MOST_PLANS = 500
"Plans in a transaction (`sipedge/committer.py`)."

SPREAD = 5.0
"Seconds over which a device renews its subscriptions, or subscribes after a log-in."

Done = Callable[[float], None]
"Called with the time at which something is done."


@dataclass(slots=True)
class Outcome:
    """What was seen while it was counted."""

    seconds: float
    edges: list[float]
    "Share of the time that each edge was busy."
    database: float
    "Cores in use at the database."
    batch: float
    "Plans in a transaction, on average."
    answers: Histogram
    "From a request that is written to its answer."
    told: Histogram
    "From a PUBLISH to the last NOTIFY that it causes."
    counts: dict[str, int] = field(default_factory=dict)
    "What has happened, by kind."

    @property
    def busy(self) -> float:
        """Share of the time that an edge was busy, on average."""
        return sum(self.edges) / len(self.edges)

    @property
    def imbalance(self) -> float:
        """The busiest edge beside the average one."""
        return max(self.edges) / self.busy if self.busy else 1.0

    def rate(self, kind: str) -> float:
        """A second."""
        return self.counts.get(kind, 0) / self.seconds


class Clock:
    """The event queue."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, time: float, event: Callable[[], None]) -> None:
        """Something will happen."""
        heapq.heappush(self._events, (time, next(self._order), event))

    def run(self, until: float) -> None:
        """Let happen what happens before that."""
        while self._events and self._events[0][0] < until:
            self.now, _, event = heapq.heappop(self._events)
            event()
        self.now = until


class Cores:
    """Servers that take the next work in the order of its coming."""

    def __init__(self, clock: Clock, number: int = 1) -> None:
        self._clock = clock
        self._free = [0.0] * number
        self.spent = 0.0
        "Seconds of work, those still to be done included."

    def work(self, seconds: float) -> float:
        """Take so much work on; when it will be done."""
        ends = max(self._clock.now, self._free[0]) + seconds
        heapq.heapreplace(self._free, ends)
        self.spent += seconds
        return ends

    @property
    def backlog(self) -> float:
        """Seconds of work that are not done yet."""
        return sum(max(0.0, end - self._clock.now) for end in self._free)


class Edge:
    """One process: its core, and the transaction that it writes."""

    def __init__(self, site: "Site") -> None:
        self._site = site
        self.core = Cores(site.clock)
        self._waiting: deque[tuple[float, float, Done]] = deque()
        self._writing = False

    def change(self, cost: float, plan: float, heard: float, done: Done) -> None:
        """A request that is written: `cost` here, `plan` at the database, `heard` at every other edge."""

        def answered(time: float) -> None:
            done(self.core.work(cost * (1 - BEFORE)))

        def planned() -> None:
            self._waiting.append((plan, heard, answered))
            self._write()

        self._site.clock.at(self.core.work(cost * BEFORE), planned)

    def _write(self) -> None:
        if self._writing or not self._waiting:
            return
        self._writing = True
        batch = [self._waiting.popleft() for _ in range(min(MOST_PLANS, len(self._waiting)))]
        site = self._site
        ends = site.database.work(site.costs.database_batch + sum(plan for plan, _, _ in batch)) + site.costs.flush
        site.clock.at(ends, lambda: self._written(batch))

    def _written(self, batch: list[tuple[float, float, Done]]) -> None:
        site = self._site
        site.batches += 1
        site.plans += len(batch)
        self._writing = False
        for _, _, done in batch:
            done(site.clock.now)
        heard = sum(one for _, one, _ in batch)
        if heard:
            for other in site.edges:
                if other is not self:
                    other.core.work(heard)
        self._write()


class Site:
    """Edges on one database."""

    def __init__(self, costs: Costs, edges: int, database_cores: int = 8) -> None:
        self.costs = costs
        self.clock = Clock()
        self.database = Cores(self.clock, database_cores)
        self.batches = self.plans = 0
        self.edges = [Edge(self) for _ in range(edges)]
        self.answers, self.told = Histogram(), Histogram()
        self.counts: dict[str, int] = {}

    def home(self, user: int) -> Edge:
        """The edge of a user, by the name."""
        return self.edges[crc32(b"user%d" % user) % len(self.edges)]

    def publish(self, edge: Edge, watchers: float, done: Done, *, changing: bool = True) -> None:
        """A PUBLISH, and what `watchers` hear of it."""
        costs, began = self.costs, self.clock.now

        def answered(time: float) -> None:
            self.answers.add(time - began)
            if changing and watchers:
                self._count("notify", round(watchers))
                time = edge.core.work(costs.edge_compose + watchers * costs.edge_notify)
            self.told.add(time - began)
            done(time)

        self._count("publish")
        edge.change(costs.edge_publish, costs.database_publish, costs.edge_heard_publish, answered)

    def write(self, edge: Edge, kind: str, done: Done) -> None:
        """A SUBSCRIBE (`subscribe`), a renewal (`refresh`) or a REGISTER (`register`)."""
        costs, began = self.costs, self.clock.now

        def answered(time: float) -> None:
            self.answers.add(time - began)
            done(time)

        self._count(kind)
        cost, plan = getattr(costs, f"edge_{kind}"), getattr(costs, f"database_{kind}")
        edge.change(cost, plan, costs.edge_heard_register if kind == "register" else 0.0, answered)

    def message(self, edge: Edge, done: Done) -> None:
        """A MESSAGE, which nothing is written for."""
        self._count("message")
        done(edge.core.work(self.costs.edge_message))

    def _count(self, kind: str, number: int = 1) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + number

    def counted(self, warm_up: float, seconds: float) -> Outcome:
        """Let it run, and count what happens after the warm-up."""
        self.clock.run(warm_up)
        spent = [edge.core.spent - edge.core.backlog for edge in self.edges]
        database, batches, plans = self.database.spent, self.batches, self.plans
        self.answers, self.told, self.counts = Histogram(), Histogram(), {}
        self.clock.run(warm_up + seconds)
        busy = [
            (edge.core.spent - edge.core.backlog - before) / seconds
            for edge, before in zip(self.edges, spent, strict=True)
        ]
        return Outcome(
            seconds, busy, (self.database.spent - database) / seconds,
            (self.plans - plans) / max(1, self.batches - batches), self.answers, self.told, self.counts,
        )  # fmt: skip


def _nothing(time: float) -> None:
    """Nobody waits for it."""


class Hour:
    """The busy hour of a population at a site."""

    def __init__(self, site: Site, population: Population, seed: int) -> None:
        self._site = site
        self._population = population
        self._chance = random.Random(seed)
        self._watchers = [population.buddies.draw(self._chance) for _ in range(population.users)]
        self._watched = list(itertools.accumulate(self._watchers))
        "For choosing whom somebody watches: the more watchers, the likelier."
        users = population.users / HOUR
        for rate, event in (
            (users * population.changes, self._change),
            (users * population.messages, self._message),
            (users * population.logins, self._log_in),
            (users * population.logins, self._log_out),
        ):
            if rate:
                self._site.clock.at(
                    self._chance.expovariate(rate), lambda rate=rate, event=event: self._come(rate, event)
                )
        for device in range(round(population.bindings)):
            user = device % population.users
            self._renew(user, population.registration, lambda user=user: self._write(user, "register"))
            self._renew(user, population.publication, lambda user=user: self._publish(user, changing=False))
            self._renew(user, population.subscription, lambda: self._buddies("refresh"))

    def _come(self, rate: float, event: Callable[[int], None]) -> None:
        """Arrivals at random, each of a user at random."""
        clock = self._site.clock
        event(self._chance.randrange(self._population.users))
        clock.at(clock.now + self._chance.expovariate(rate), lambda: self._come(rate, event))

    def _renew(self, user: int, interval: float, event: Callable[[], None]) -> None:
        """Again and again, the first time at any time."""
        clock, chance, jitter = self._site.clock, self._chance, self._population.jitter

        def again() -> None:
            event()
            clock.at(clock.now + interval * (1 - jitter * chance.random()), again)

        clock.at(chance.random() * interval * (1 - jitter / 2), again)

    def _publish(self, user: int, *, changing: bool) -> None:
        watchers = self._watchers[user] * self._population.devices
        self._site.publish(self._site.home(user), watchers, _nothing, changing=changing)

    def _change(self, user: int) -> None:
        self._publish(user, changing=True)

    def _write(self, user: int, kind: str) -> None:
        self._site.write(self._site.home(user), kind, _nothing)

    def _message(self, user: int) -> None:
        self._site.message(self._site.home(user), _nothing)

    def _log_in(self, user: int) -> None:
        self._write(user, "register")
        self._change(user)
        self._buddies("subscribe")

    def _log_out(self, user: int) -> None:
        self._write(user, "register")
        self._change(user)
        self._buddies("refresh")

    def _buddies(self, kind: str) -> None:
        """A device subscribes to all buddies of its user, or renews; each request goes to the edge of the buddy."""
        clock, chance = self._site.clock, self._chance
        for user in self._chosen():
            clock.at(clock.now + chance.random() * SPREAD, lambda user=user: self._write(user, kind))

    def _chosen(self) -> Iterator[int]:
        """Whom one user watches."""
        number = int(self._population.buddies.mean + self._chance.random())
        yield from self._chance.choices(range(self._population.users), cum_weights=self._watched, k=number)


def busy_hour(
    costs: Costs, population: Population, edges: int, *, seconds: float, warm_up: float = 10.0, seed: int = 1
) -> Outcome:
    """So many seconds of the busy hour."""
    site = Site(costs, edges)
    Hour(site, population, seed)
    return site.counted(warm_up, seconds)


def window(
    costs: Costs, scenario: str, in_flight: int, *, edges: int = 1, seconds: float = 5.0, users: int = 1000
) -> Outcome:
    """A scenario of `./run bench`: so many operations are always in flight, each user's turn after the other's."""
    site = Site(costs, edges)
    turns = itertools.cycle(range(users))
    kind, _, watchers = scenario.partition("-")

    def next_one(time: float) -> None:
        site.clock.at(time, begin)

    def begin() -> None:
        edge = site.home(next(turns))
        if kind == "publish":
            site.publish(edge, float(watchers or 0), next_one)
        elif kind == "message":
            site.message(edge, next_one)
        else:
            site.write(edge, kind, next_one)

    for _ in range(in_flight):
        site.clock.at(0.0, begin)
    return site.counted(1.0, seconds)

"""`./run bench soak`: an hour of mixed load at a third of what the edge can do, and whether anything grows.

Users change their state and are watched, refresh, register and write to each other; subscriptions and publications
begin and end, by their clients or because nobody renews them; connections come and go; pages and REST are asked. All
the while the memory and the descriptors of each process and the size of the database are read. The verdict is that of
a straight line through the readings after the warm-up (`fit`).
"""

import argparse
import contextlib
import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import psutil
import psycopg

from tests import services
from tests.bench import fit, usage
from tests.bench.load import Load, Pressure, Result
from tests.bench.messages import DOMAIN, user
from tests.bench.passing import SHORT, Fader, Leaver, Passing
from tests.bench.subjects import Publisher, Registrant, Sender, Subject
from tests.phone import Phone, pidf
from tests.rest import Web, integrator
from tests.system import Deployment, deployed

USERS = 2_000

SHARE = 3
"The load is this part of the highest rate."

WARM_UP = 15.0
"Minutes in which memory may grow: so long it takes until the caches of addresses, of 8,192 entries each, are full."

SHOWN = 3_000
"Letters of a traceback."

SLICE = 20.0
"Seconds of load between two looks at failures."

COME_AND_GO = 0.5
"Seconds between two connections over TCP."

VISITED = 2.0
"Seconds between two visits to the web process."

MIXED = {
    "publishers": 700,
    "refreshers": 300,
    "registrants": 400,
    "senders": 200,
    "leavers": 150,
    "faders": 150,
    "passing": 50,
}
"How many of each kind take turns, so what part of the operations are theirs."

PROVISIONED = f"""
domains: [{DOMAIN}]
trusted_peers: [{{address: 127.0.0.1}}]
settings:
  expiry:
    subscribe: {{min: {SHORT}, default: 3600, max: 7200}}
    publish: {{min: {SHORT}, default: 3600, max: 7200}}
"""

EXEMPT = "from provisioning.models import LimitExemption as E; E.objects.create(network='127.0.0.0/8')"
"One generator speaks for all users."


@dataclass(slots=True)
class Readings:
    """What was read of one thing: seconds and values."""

    name: str
    unit: str
    scale: float
    most: float | None
    "What it may grow by in an hour; a share of the mean below 1; None for no verdict."
    points: list[fit.Point] = field(default_factory=list)

    def verdict(self, warm_up: float) -> tuple[bool, str]:
        """Whether it is flat, and in words."""
        try:
            found = fit.line(fit.after(self.points, warm_up))
        except ValueError as error:
            return False, f"{self.name}: {error}"
        most = None if self.most is None else self.most * found.mean if self.most < 1 else self.most
        grows = most is not None and found.grows(most)
        first, last = self.points[0][1] / self.scale, self.points[-1][1] / self.scale
        words = (
            f"{self.name:22} {first:8.1f} at first, {found.mean / self.scale:8.1f} on the way, {last:8.1f} at last; "
            f"{found.slope / self.scale:+8.2f} (+-{found.error / self.scale:.2f}) {self.unit} an hour"
        )
        if most is None:
            return True, words
        return not grows, words + f", {'GROWS: ' if grows else ''}allowed {most / self.scale:.1f}"


FLAT = 0.05
"Of its mean that memory may grow by in an hour: less than the allocator's own ups and downs, and far below a leak."

DESCRIPTORS = 5.0
"More descriptors in an hour: each lost one stays lost."


class Observer:
    """Reads now and then what the processes and the database take."""

    def __init__(self, pids: dict[str, int], database: str) -> None:
        self._pids = pids
        self._database = database
        self.memory = {name: Readings(f"memory of {name}", "MB", 1e6, FLAT) for name in pids}
        self.descriptors = {name: Readings(f"descriptors of {name}", "", 1, DESCRIPTORS) for name in pids}
        self.size = Readings("database", "MB", 1e6, None)

    def read(self) -> None:
        """Once."""
        now = time.monotonic()
        for name, pid in self._pids.items():
            members = [psutil.Process(one) for one in usage.tree(pid)]
            self.memory[name].points.append((now, sum(one.memory_info().rss for one in members)))
            self.descriptors[name].points.append((now, sum(one.num_fds() for one in members)))
        with psycopg.connect(self._database) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        self.size.points.append((now, row[0] if row else 0))

    def all(self) -> list[Readings]:
        """Everything that was read."""
        return [*self.memory.values(), *self.descriptors.values(), self.size]

    def line(self) -> str:
        """The newest ones."""
        parts = [f"{name} {one.points[-1][1] / 1e6:.1f} MB" for name, one in self.memory.items()]
        parts += [f"{one.points[-1][1]:.0f} open" for one in self.descriptors.values()]
        return ", ".join([*parts, f"database {self.size.points[-1][1] / 1e6:.1f} MB"])


class Beside:
    """Something done again and again in a thread of its own, and what went wrong with it."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.done = 0
        self.failures: Counter[str] = Counter()

    def step(self, number: int) -> None:
        """Once."""
        raise NotImplementedError

    def _run(self) -> None:
        for number in itertools.count():
            if self._stop.wait(self._pause):
                return
            try:
                self.step(number)
                self.done += 1
            except (AssertionError, OSError) as error:
                self.failures[f"{type(self).__name__}: {str(error)[:80]}"] += 1

    def __enter__(self) -> "Beside":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


class Connections(Beside):
    """Clients over TCP: each publishes and watches, and hangs up; every other one without a word."""

    def __init__(self, engine: tuple[str, int]) -> None:
        super().__init__(COME_AND_GO)
        self._engine = engine

    def step(self, number: int) -> None:
        """One client."""
        address = user(USERS - 1 - number % 50).removeprefix("sip:")
        with Phone(address, self._engine, asserted=True, transport="TCP") as phone:
            answer = phone.publish(pidf(phone.aor), expires=SHORT)
            assert answer.status == 200, f"PUBLISH {answer.status}"
            watch = phone.subscribe(phone.aor, expires=SHORT)
            watch.heard(1)
            if number % 2:
                assert watch.refresh(expires=0).status == 200, "an end that is refused"


class Visits(Beside):
    """REST, and pages of the admin."""

    def __init__(self, web: Web) -> None:
        super().__init__(VISITED)
        self._web = web
        web.log_in()

    def step(self, number: int) -> None:
        """One resource or page."""
        if number % 2:
            status, _ = self._web.ask("GET", f"users/?search=user{number % USERS}")
        else:
            status, _ = self._web.page("/admin/")
        assert status == 200, f"{'REST' if number % 2 else 'page'} {status}"


def mixed(load: Load) -> list[Subject]:
    """All who take turns, in an order by chance that is always the same."""
    numbers = itertools.count()
    publishers: list[Publisher] = []
    for _ in range(MIXED["publishers"]):
        number = next(numbers)
        publishers.append(Publisher(number, load.via(number)))
        publishers[-1].watchers.append(load.new_watcher(user(number + 1), user(number)))
    registered = [next(numbers) for _ in range(MIXED["registrants"])]
    subjects: list[Subject] = [
        *publishers,
        *(Registrant(number, load.via(number)) for number in registered),
        *(
            Sender(next(numbers), registered[place % len(registered)], load.via(place))
            for place in range(MIXED["senders"])
        ),
        *(load.new_watcher(user(number), user(next(numbers))) for number in range(MIXED["refreshers"])),
    ]
    for kind, count in ((Leaver, MIXED["leavers"]), (Fader, MIXED["faders"])):
        for number in range(count):
            one = kind(
                len(load.watchers), user(number), user(USERS - 100 - number), load.via(number), load.contact(number)
            )
            load.watchers.append(one)
            subjects.append(one)
    subjects += [Passing(USERS - 400 + number, load.via(number)) for number in range(MIXED["passing"])]
    Random(3261).shuffle(subjects)
    return subjects


def main(arguments: list[str]) -> int:
    """Load, look, judge; the exit status is 0 when nothing grows and nothing has failed."""
    parser = argparse.ArgumentParser(prog="./run bench soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="of load (default 60)")
    parser.add_argument(
        "--warm-up",
        type=float,
        help=f"minutes that the verdict does not look at (default {WARM_UP:g}, half of all at most)",
    )
    parser.add_argument("--rate", type=float, help=f"operations a second (default: a {SHARE}rd of what is possible)")
    parser.add_argument("--every", type=float, default=SLICE, help=f"seconds between readings (default {SLICE:g})")
    chosen = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(services.postgresql(durable=True))
        bus = stack.enter_context(services.valkey())
        deployment = stack.enter_context(deployed(server=server, bus=bus, provisioned=PROVISIONED))
        deployment.manage("shell", "-v0", "-c", f"from tests import many; many.users(0, {USERS}); {EXEMPT}")
        # Messages come back from where they were sent to: the generator hears nobody else.
        listen = ",".join(f"{transport}:127.0.0.1:{deployment.engine}:engine" for transport in ("udp", "tcp"))
        edge = deployment.start_edge(CUPS_SIP_LISTEN=listen, CUPS_CSTA_LISTEN="")
        worker = deployment.start_worker()
        web = integrator(deployment)
        pids = {"edge": edge.pid, "worker": worker.pid, "web": deployment.web.pid}
        return _soaked(deployment, web, Observer(pids, deployment.environment["DATABASE_URL"]), chosen)


def _soaked(deployment: Deployment, web: Web, observer: Observer, chosen: argparse.Namespace) -> int:
    engine = ("127.0.0.1", deployment.engine)
    load = Load(engine)
    subjects = mixed(load)
    begun = load.once([*(one for one in subjects if isinstance(one, Registrant)), *load.watchers], 64)
    rate = chosen.rate or load.timed(subjects, Pressure(64, SLICE, 1.0), again=True).rate / SHARE
    total, failures = Result(), Counter(begun.failures)
    ends = time.monotonic() + 60 * chosen.minutes
    print(f"{len(subjects)} clients, {rate:.0f} operations a second, {chosen.minutes:g} minutes", flush=True)
    with Connections(engine) as connections, Visits(web) as visits:
        while time.monotonic() < ends:
            observer.read()
            result = load.timed(subjects, Pressure(64, chosen.every, 0.0, rate), again=True)
            total.operations += result.operations
            total.seconds += result.seconds
            failures.update(result.failures)
            p99 = 1000 * (result.complete.quantile(0.99) or 0.0)
            print(f"{(ends - time.monotonic()) / 60:6.1f} min left: {observer.line()}; p99 {p99:.0f} ms", flush=True)
        observer.read()
    load.close()
    failures.update(connections.failures)
    failures.update(visits.failures)
    print(f"{total.operations} operations, {connections.done} connections, {visits.done} visits; {total.rate:.0f}/s")
    return _judged(observer, failures, deployment, 60 * (chosen.warm_up or min(WARM_UP, chosen.minutes / 2)))


def _judged(observer: Observer, failures: Counter[str], deployment: Deployment, warm_up: float) -> int:
    flat = True
    for one in observer.all():
        its, words = one.verdict(warm_up)
        flat = flat and its
        print(words)
    _, *tracebacks = deployment.logs().split("Traceback (most recent call last)")
    if tracebacks:
        failures["tracebacks in the logs"] = len(tracebacks)
        print("the first one:", tracebacks[0][:SHOWN])
    print("nothing has failed" if not failures else f"FAILED: {dict(failures)}")
    print("flat" if flat else "SOMETHING GROWS")
    return 0 if flat and not failures else 1

"""`./run bench scale`: what an edge does with many users and subscriptions, in proportion to what it does with few.

Two edges on databases of their own, each with as many users: one has few subscriptions, the other one many. They take
turns under the same load, so that a machine that is slow for a while is slow for both; who waits costs next to nothing.
"""

import argparse
import contextlib
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from tests import services
from tests.bench import usage
from tests.bench.databases import Cluster
from tests.bench.load import Load, Pressure, Result
from tests.bench.messages import user
from tests.bench.servers import Ours
from tests.bench.subjects import Publisher, Watcher

FEW = 1_000
"Subscriptions that the many are compared with."

REST = 35.0
"Seconds until transactions of what was prepared are forgotten (Timer J, 32 s)."


class Crowded(Ours):
    """An edge whose database holds users by the ten thousand, written at once."""

    def _build(self, database: str) -> None:
        users, self._users = self._users, 1
        super()._build(database)
        self._users = users
        began = time.monotonic()
        self._manage(database, "shell", "-v0", "-c", f"from tests import many; many.users(1, {users - 1})")
        print(f"{users} users provisioned in {time.monotonic() - began:.0f} s", flush=True)


@dataclass(slots=True)
class Side:
    """One of the two edges, with its load."""

    server: Ours
    load: Load
    publishers: list[Publisher]
    watchers: list[Watcher]
    fresh: Iterator[Watcher]
    "Watchers who have not subscribed yet, of users who do not publish."


def main(arguments: list[str]) -> int:
    """Measure; the exit status is 0 when every operation succeeded."""
    parser = argparse.ArgumentParser(prog="./run bench scale", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--users", type=int, default=100_000, help="of each edge (default 100,000)")
    parser.add_argument("--subscriptions", type=int, default=50_000, help="of the larger one (default 50,000)")
    parser.add_argument("--seconds", type=float, default=5.0, help="counted time of each run (default 5)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each kind; medians count (default 3)")
    parser.add_argument("--window", type=int, default=64, help="operations in flight (default 64)")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--profile", metavar="DIRECTORY", help="write a py-spy profile of each edge under PUBLISH")
    chosen = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        bus = stack.enter_context(services.valkey())
        cluster = None
        if chosen.database == "postgresql":
            cluster = Cluster(stack.enter_context(services.postgresql(durable=True)))
            stack.callback(cluster.close)
        few, many = [
            _prepared(Crowded(cluster, chosen.users, bus), number, chosen, stack)
            for number in (FEW, chosen.subscriptions)
        ]
        time.sleep(REST)
        return _compared(few, many, chosen)


def _prepared(server: Ours, number: int, chosen: argparse.Namespace, stack: contextlib.ExitStack) -> Side:
    """An edge with so many subscriptions, each of a user who publishes and is watched by nobody else."""
    stack.callback(server.close)
    began = time.monotonic()
    server.start()
    stack.callback(server.stop)
    load = Load(server.address)
    stack.callback(load.close)
    idle = server.memory()
    print(f"{number} subscriptions: edge ready after {time.monotonic() - began:.0f} s, {idle / 1e6:.0f} MB", flush=True)
    publishers = [Publisher(place, load.via(place)) for place in range(number)]
    watchers = [load.new_watcher(user(place + 1), user(place)) for place in range(number)]
    for subjects in (publishers, watchers):
        result = load.once(subjects, chosen.window)
        print(
            f"  {len(subjects)} x {subjects[0].method}: {result.rate:.0f}/s {dict(result.failures) or ''}", flush=True
        )
    for publisher, watcher in zip(publishers, watchers, strict=True):
        publisher.watchers.append(watcher)
    print(f"  {server.memory() / 1e6:.0f} MB", flush=True)
    unwatched = itertools.cycle(range(number, chosen.users))
    fresh = (load.new_watcher(user(place), user(place)) for place in unwatched)
    return Side(server, load, publishers, watchers, fresh)


def _compared(few: Side, many: Side, chosen: argparse.Namespace) -> int:
    pressure = Pressure(chosen.window, chosen.seconds, warm_up=1.0)
    failed = 0
    rates: dict[str, list[float]] = {}
    for name in ("PUBLISH, 1 watcher", "refresh", "SUBSCRIBE"):
        found: dict[str, list[Result]] = {"few": [], "many": []}
        for repeat in range(chosen.repeats):
            for which, side in (("few", few), ("many", many)):
                if chosen.profile and not repeat and name.startswith("PUBLISH"):
                    profile = Path(chosen.profile) / f"scale-{which}.txt"
                    with usage.profiled(side.server.pid, profile, chosen.seconds):
                        found[which].append(_run(name, side, pressure))
                else:
                    found[which].append(_run(name, side, pressure))
        failed += sum(sum(one.failures.values()) for results in found.values() for one in results)
        rates[name] = [median(one.rate for one in found[which]) for which in ("few", "many")]
        small, large = rates[name]
        print(
            f"{name:20} {small:8.0f}/s with {FEW}, {large:8.0f}/s with {chosen.subscriptions}: "
            f"ratio {large / small:.2f}{_failures(found)}",
            flush=True,
        )
    rate = rates["PUBLISH, 1 watcher"][1] / 2
    for which, side in (("few", few), ("many", many)):
        half = _run("PUBLISH, 1 watcher", side, Pressure(chosen.window, 2 * chosen.seconds, 1.0, rate))
        p50, p99 = (1000 * (half.complete.quantile(share) or 0.0) for share in (0.5, 0.99))
        failed += sum(half.failures.values())
        print(f"PUBLISH to NOTIFY with {which} at {half.rate:.0f}/s: p50 {p50:.1f}, p99 {p99:.1f} ms")
    print(f"load of the machine {psutil.getloadavg()[0]:.1f}; memory with many {many.server.memory() / 1e6:.0f} MB")
    return 1 if failed else 0


def _run(name: str, side: Side, pressure: Pressure) -> Result:
    if name == "SUBSCRIBE":
        return side.load.timed(side.fresh, pressure, again=False)
    subjects: Sequence[Publisher | Watcher] = side.watchers if name == "refresh" else side.publishers
    return side.load.timed(subjects, pressure, again=True)


def _failures(found: dict[str, list[Result]]) -> str:
    failures = {which: dict(one.failures) for which, results in found.items() for one in results if one.failures}
    return f"  FAILED: {failures}" if failures else ""

"""`./run bench imports`: users imported in the background while an edge serves PUBLISHes at a fixed rate.

The same load runs in peace first, then beside an import in each mode until that has ended, and the answer times stand
in proportion.
"""

import argparse
import contextlib
import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from tests import services
from tests.bench.load import Load, Result
from tests.bench.messages import DOMAIN
from tests.bench.subjects import Publisher
from tests.system import Deployment, deployed

PUBLISHERS = 500
"Users who publish; they are not those who are imported."

LOOK = 0.5
"Seconds between two looks at the import."

WINDOW = 64
"PUBLISHes in flight at most."

MODES = ("partial", "all")

PROVISIONED = f"""
domains: [{DOMAIN}]
users: [{{pattern: "user{{n}}", first: 0, count: {PUBLISHERS}, domain: {DOMAIN}, password: bench}}]
trusted_peers: [{{address: 127.0.0.1}}]
"""

EXEMPT = "from provisioning.models import LimitExemption as E; E.objects.create(network='127.0.0.0/8')"
"One generator speaks for all users: what is measured is the server, not the limits of a peer."

BRING = """
from pathlib import Path
from provisioning import tasks
from provisioning.bulk import imports
content = Path({file!r}).read_bytes()
tasks.start_import(imports.bring(content, "users.csv", mode={mode!r}, dry_run=False, user=None, who="bench").pk)
"""


def times(result: Result) -> list[float]:
    """p50, p99 and the longest time to the 200, in milliseconds."""
    return [1000 * (result.answer.quantile(share) or 0.0) for share in (0.5, 0.99, 1.0)]


def idle(publishers: list[Publisher], goes_on: Callable[[], bool]) -> Iterator[Publisher]:
    """Publishers in turn, as long as it goes on; those whose answer is still out are passed over."""
    for publisher in itertools.cycle(publishers):
        if not goes_on():
            return
        if not publisher.unanswered:
            yield publisher


def main(arguments: list[str]) -> int:
    """Measure; the exit status is 0 when every PUBLISH was answered and every row was taken."""
    parser = argparse.ArgumentParser(prog="./run bench imports", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--users", type=int, default=20_000, help="users in the file (default 20,000)")
    parser.add_argument("--rate", type=float, default=100.0, help="PUBLISHes a second (default 100)")
    parser.add_argument("--seconds", type=float, default=15.0, help="of load in peace (default 15)")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--mode", choices=MODES, action="append", help="only this one (default: both)")
    chosen = parser.parse_args(arguments)
    wrong = 0
    for mode in chosen.mode or MODES:
        with contextlib.ExitStack() as stack:
            server = None
            if chosen.database == "postgresql":
                server = stack.enter_context(services.postgresql(durable=True))
            bus = stack.enter_context(services.valkey())
            deployment = stack.enter_context(deployed(bus=bus, server=server, provisioned=PROVISIONED))
            deployment.manage("shell", "-v0", "-c", EXEMPT)
            deployment.start_edge()
            deployment.start_worker()
            wrong += _measure(deployment, mode, chosen)
    return 1 if wrong else 0


def _measure(deployment: Deployment, mode: str, chosen: argparse.Namespace) -> int:
    load = Load(("127.0.0.1", deployment.engine))
    publishers = [Publisher(number, load.via(number)) for number in range(PUBLISHERS)]
    load.once(publishers, 64)
    ends = time.monotonic() + chosen.seconds
    quiet = load.once(idle(publishers, lambda: time.monotonic() < ends), WINDOW, chosen.rate)
    file = deployment.folder / "users.csv"
    file.write_bytes(_file(chosen.users))
    deployment.manage("shell", "-v0", "-c", BRING.format(file=str(file), mode=mode))
    looking = Looking(deployment)
    beside = load.once(idle(publishers, looking.goes_on), WINDOW, chosen.rate)
    load.close()
    state, taken, began, ended = looking.found
    seconds = (ended - began).total_seconds()
    print(f"{chosen.database}, mode {mode}: {taken} of {chosen.users} users with an alias and a password each, {state}")
    print(f"  import: {seconds:.1f} s, {taken / seconds:.0f} rows/s")
    for name, result in (("in peace", quiet), ("beside the import", beside)):
        p50, p99, most = times(result)
        failed = f", FAILED: {dict(result.failures)}" if result.failures else ""
        print(f"  {name}: {result.rate:.0f}/s, p50 {p50:.1f}, p99 {p99:.1f}, most {most:.0f} ms{failed}")
    ratios = [with_it / without for with_it, without in zip(times(beside), times(quiet), strict=True)]
    print(f"  ratios: p50 {ratios[0]:.2f}, p99 {ratios[1]:.2f}, most {ratios[2]:.2f}", flush=True)
    return int(taken != chosen.users or bool(beside.failures))


def _file(users: int) -> bytes:
    lines = ["address,name,password,enabled,aliases"]
    lines += [f"new{n}@{DOMAIN},New {n},secret-{n},yes,new.{n}@{DOMAIN}" for n in range(users)]
    return "\n".join([*lines, ""]).encode()


QUERY = "SELECT state, created, started_at, ended_at FROM provisioning_import"


class Looking:
    """Looks now and then how far the import is."""

    def __init__(self, deployment: Deployment) -> None:
        self._file = Path(deployment.folder) / "cups.sqlite3"
        self._database = deployment.environment.get("DATABASE_URL")
        self._next = 0.0
        self.found: Any = None
        "State, rows, beginning and end."

    def goes_on(self) -> bool:
        """The import has not ended."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LOOK
            self.found = self._look()
        return self.found[3] is None

    def _look(self) -> Any:
        if self._database is not None:
            with psycopg.connect(self._database) as connection:
                return connection.execute(QUERY).fetchone()
        with contextlib.closing(sqlite3.connect(self._file, timeout=30)) as file:
            state, taken, *moments = file.execute(QUERY).fetchone()
        return state, taken, *(datetime.fromisoformat(one) if one else None for one in moments)

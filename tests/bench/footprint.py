"""`./run bench footprint`: what a user, a binding and a change leave behind, and what rows and messages take.

Bytes in the edge's memory, in PostgreSQL's tables and in its write-ahead log, and on the wire; the cost of a
transaction with a single plan; and what an edge spends on a change that another one announces. `./run bench` measures
the work of the requests themselves; the capacity model (`tests/bench/costs.py`) takes both from one file.
"""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from tests import services
from tests.bench import usage
from tests.bench.databases import Cluster
from tests.bench.load import Load
from tests.bench.messages import DOMAIN, user
from tests.bench.servers import Failed, Ours, free_port
from tests.bench.subjects import Publisher, Registrant, Subject
from tests.phone import Phone, pidf

FEW, MANY = 1_000, 21_000
"Users of the two servers whose memory is compared: 20,000 more."

OBJECTS = 10_000
"Bindings that are counted, after as many others."

WINDOW = 64
"Operations in flight."

ALONE = 1_000
"Operations one after the other, each in a transaction of its own."

HEARD = 10_000
"Changes that another edge hears of."

IDLE = 20.0
"Seconds for which an edge is looked at that has nothing to do."

TABLES = {
    "user": ("provisioning_persona", "provisioning_alias"),
    "publication": ("presence_publication",),
    "subscription": ("presence_subscription",),
    "binding": ("sipedge_binding",),
}
"What a user, and so on, is in the database: rows of these tables."


class Far(Ours):
    """Our server, and a second edge of the same deployment at an address of its own, as on another machine."""

    def start(self, provisioning: str = "") -> None:
        """Start both."""
        super().start(provisioning)
        listen = {"CUPS_SIP_LISTEN": f"udp:127.0.0.1:{free_port()}:engine", "CUPS_EDGE_NAME": "far"}
        self._run([sys.executable, "manage.py", "run_sipedge"], self._environment(self._database, listen))
        self._wait(lambda: (self.directory / "log").read_text(errors="replace").count("edge ready") == self._edges + 1)

    @property
    def far(self) -> float:
        """CPU seconds of the second edge so far."""
        return usage.cpu(self._processes[-1].pid)


def main(arguments: list[str]) -> int:
    """Measure everything; the exit status is 0 when every operation succeeded."""
    parser = argparse.ArgumentParser(prog="./run bench footprint", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--settle", type=float, default=40.0, help="rest before memory is read (default 40 s)")
    parser.add_argument("--json", metavar="FILE", help="put the figures into this file, beside what ./run bench wrote")
    chosen = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        bus = stack.enter_context(services.valkey())
        found: dict[str, float] = {}
        measured = ((FEW, _few), (MANY, _many))
        for users, measure in measured:
            cluster = Cluster(stack.enter_context(services.postgresql(durable=True)))
            stack.callback(cluster.close)
            server = Far(cluster, users, bus)
            try:
                server.start()
                found |= measure(server, chosen.settle)
            except Failed as error:
                sys.exit(str(error))
            finally:
                server.stop()
    found["memory_per_user"] = round((found.pop("memory_many") - found["memory_base"]) / (MANY - FEW))
    for name, value in sorted(found.items()):
        print(f"{name:32} {value:>14,.6g}")
    if chosen.json:
        write(Path(chosen.json), found)
    return 0


def write(path: Path, found: dict[str, float]) -> None:
    """Put the figures into a file of measured points; what else is in it stays."""
    document: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    document["footprint"] = dict(sorted(found.items()))
    path.write_text(json.dumps(document, indent=1) + "\n")


def _few(server: Far, settle: float) -> dict[str, float]:
    """An edge with few users: its memory, and all that does not depend on their number."""
    time.sleep(settle)
    found: dict[str, float] = {"memory_base": usage.memory(server.pid)}
    load = Load(server.address)
    publishers = [Publisher(number, load.via(number)) for number in range(FEW)]
    registrants = [Registrant(number, load.via(number)) for number in range(FEW)]
    _do(load, publishers)
    found |= _logged(server, load, "publish", publishers)
    watchers = [load.new_watcher(user((n + step) % FEW), user(n)) for n in range(FEW) for step in (1, 2)]
    found |= _logged(server, load, "subscribe", watchers)
    found |= _logged(server, load, "refresh", watchers)
    _do(load, registrants)
    found |= _logged(server, load, "register", registrants)
    found |= _rows(server)
    found |= _alone(server, load, publishers)
    idle = _idle(server)
    for kind, subjects in (("publish", publishers), ("register", registrants)):
        found[f"heard_{kind}_us"] = _heard(server, load, subjects, idle)
    load.close()
    return found | _wire(server)


def _many(server: Far, settle: float) -> dict[str, float]:
    """An edge with many users: what they cost it, and what their bindings do."""
    time.sleep(settle)
    found: dict[str, float] = {"memory_many": usage.memory(server.pid)}
    load = Load(server.address)
    registrants = [Registrant(number, load.via(number)) for number in range(2 * OBJECTS)]
    found["memory_per_binding"] = _grown(server, load, registrants, settle)
    load.close()
    return found


def _do(load: Load, subjects: Sequence[Subject], window: int = WINDOW) -> None:
    result = load.once(subjects, window)
    if result.failures:
        sys.exit(f"{len(subjects)} x {subjects[0].method}: {dict(result.failures)}")


def _grown(server: Far, load: Load, subjects: Sequence[Subject], settle: float) -> float:
    """Bytes of memory for one of the second half: with the first one comes what does not grow with their number."""
    half = len(subjects) // 2
    _do(load, subjects[:half])
    time.sleep(settle)
    before = usage.memory(server.pid)
    _do(load, subjects[half:])
    time.sleep(settle)
    return round((usage.memory(server.pid) - before) / (len(subjects) - half))


def _logged(server: Far, load: Load, kind: str, subjects: Sequence[Subject]) -> dict[str, float]:
    """Bytes of write-ahead log for one operation."""
    before = _position(server)
    _do(load, subjects)
    return {f"wal_per_{kind}": round((_position(server) - before) / len(subjects))}


def _position(server: Far) -> int:
    """Bytes of write-ahead log so far."""
    with psycopg.connect(server.database) as connection:
        row = connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')").fetchone()
    assert row is not None
    return int(row[0])


def _rows(server: Far) -> dict[str, float]:
    """Bytes on disk of a user, a publication, and so on, with indexes, after VACUUM FULL: without what was updated."""
    found = {}
    with psycopg.connect(server.database, autocommit=True) as connection:
        for name, tables in TABLES.items():
            total = 0.0
            for table in tables:
                connection.execute(f'VACUUM FULL "{table}"'.encode())
                row = connection.execute(
                    f"SELECT pg_total_relation_size('{table}')::float / greatest(count(*), 1) FROM \"{table}\"".encode()
                ).fetchone()
                total += float(row[0]) if row is not None else 0.0
            found[f"row_per_{name}"] = round(total)
    return found


def _alone(server: Far, load: Load, publishers: Sequence[Publisher]) -> dict[str, float]:
    """Microseconds of the database for a transaction with one plan in it: at low load a batch has no more."""
    before = server.usage()
    _do(load, publishers[:ALONE], window=1)
    spent = server.usage() - before
    return {"database_alone_us": round(spent.database * 1e6 / min(ALONE, len(publishers)))}


def _idle(server: Far) -> float:
    """Cores that an edge uses which hears nothing."""
    time.sleep(IDLE / 2)
    before = server.far
    time.sleep(IDLE)
    return (server.far - before) / IDLE


def _heard(server: Far, load: Load, subjects: Sequence[Subject], idle: float) -> float:
    """Microseconds of CPU that an edge elsewhere spends on one change of somebody whom nobody watches there."""
    rounds = max(1, HEARD // len(subjects))
    before, began = server.far, time.monotonic()
    for _ in range(rounds):
        _do(load, subjects)
    time.sleep(1.0)  # for what is still to be read
    spent = server.far - before - idle * (time.monotonic() - began)
    return round(max(0.0, spent) * 1e6 / (rounds * len(subjects)), 1)


class Counting(Phone):
    """A client that counts the bytes of its messages by method, requests and answers of both directions."""

    def __init__(self, *words: Any, **options: Any) -> None:
        self.bytes: dict[str, int] = {}
        super().__init__(*words, **options)

    def _take(self, message: Any) -> None:
        self._count(message)
        super()._take(message)

    def _count(self, message: Any) -> None:
        method = message.cseq.method
        self.bytes[method] = self.bytes.get(method, 0) + len(message.encode())

    def exchange(self, request: Any, patience: float) -> Any:
        """Send and count."""
        self._count(request)
        return super().exchange(request, patience)


def _wire(server: Far) -> dict[str, float]:
    """Bytes of each kind of request with its answer, as an ordinary client's headers and a small document make them."""
    found: dict[str, float] = {}
    with (
        Counting(f"user1@{DOMAIN}", server.address, asserted=True) as one,
        Counting(f"user2@{DOMAIN}", server.address, asserted=True) as other,
    ):
        one.register()
        one.publish(pidf(one.aor, activity="busy"))
        other.subscribe(one.aor).heard(1)
        other.message(str(one.aor))
        for method in ("REGISTER", "PUBLISH"):
            found[f"wire_{method.lower()}"] = one.bytes[method]
        found["wire_subscribe"] = other.bytes["SUBSCRIBE"]
        notify = other.notifies[0]
        found["wire_notify"] = len(notify.encode()) + len(notify.respond(200).encode())
        found["wire_message"] = other.bytes["MESSAGE"] + one.bytes.get("MESSAGE", 0)
    return found

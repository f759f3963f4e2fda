"""The servers under test: each is started afresh on loopback with an empty database, and stopped by its process id."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import urlsplit

from tests.bench import usage
from tests.bench.databases import KAMAILIO_SCHEMA, Cluster, kamailio_tables
from tests.bench.messages import DOMAIN, head
from tests.bench.usage import Usage

OURS = "ours"
"What our server is called; `ours-2` with two processes."

ROOT = Path(__file__).resolve().parents[2]
"The repository."

START_PATIENCE = 300.0
"Seconds that a server may take until it answers OPTIONS."

STOP_PATIENCE = 15.0
"Seconds that a server may take to stop in order before it is killed."

CHILDREN = 8
"Kamailio's worker processes for its UDP socket: its own default, and its best figure or near it on two cores."

SHARED_MEMORY = 512
"MB of Kamailio's shared memory: room for every transaction and subscription of a run."


class Server(Protocol):
    """One server under test."""

    name: str
    address: tuple[str, int]

    def start(self, provisioning: str = "") -> None:
        """Start with an empty database; returns when it answers. `provisioning`: a file for our server only."""

    def stop(self) -> None:
        """Stop it and remove what it has written."""

    def usage(self) -> Usage:
        """CPU seconds so far."""

    def memory(self) -> int:
        """Bytes in use (PSS)."""

    @property
    def pid(self) -> int:
        """The process that does the work (the first of them)."""


class Failed(Exception):
    """A server did not start; the message carries what it wrote last."""


class _Process:
    """What both servers share: process trees, a directory and a log of its own."""

    name = ""

    def __init__(self, cluster: Cluster | None) -> None:
        self._cluster = cluster
        self._database_pid = cluster.pid() if cluster is not None else None
        self._directory: Path | None = None
        self._processes: list[subprocess.Popen[bytes]] = []
        self._log: IO[bytes] | None = None
        self._database = ""
        self.address = ("127.0.0.1", 0)

    @property
    def pid(self) -> int:
        return self._processes[0].pid

    @property
    def database(self) -> str:
        """The URL of its database; empty for SQLite."""
        return self._database

    @property
    def directory(self) -> Path:
        assert self._directory is not None
        return self._directory

    def usage(self) -> Usage:
        ours = sum(usage.cpu(process.pid) for process in self._processes)
        return Usage(ours, usage.cpu(self._database_pid), usage.generator_cpu())

    def memory(self) -> int:
        return sum(usage.memory(process.pid) for process in self._processes)

    def stop(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(STOP_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        if self._log is not None:
            self._log.close()
            self._log = None
        if self._database and self._cluster is not None:
            self._cluster.drop(self._database)
            self._database = ""
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def _open(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="bench-"))
        self._log = (self._directory / "log").open("wb")
        self.address = ("127.0.0.1", free_port())

    def _run(self, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        self._processes.append(
            subprocess.Popen(
                command, stdout=self._log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=ROOT, env=environment
            )
        )

    def _wait(self, ready: Callable[[], bool]) -> None:
        ends = time.monotonic() + START_PATIENCE
        while not ready():
            if any(one.poll() is not None for one in self._processes) or time.monotonic() > ends:
                raise self._failed(f"{self.name} did not start")
            time.sleep(0.05)

    def _failed(self, what: str) -> "Failed":
        """Clean up, and keep what was written last."""
        written = (self.directory / "log").read_text(errors="replace").splitlines()
        self.stop()
        return Failed("\n".join([f"{what}:", *written[-20:]]))


class Ours(_Process):
    """Edges of this project that share an engine listener, on PostgreSQL (or SQLite without a cluster)."""

    def __init__(self, cluster: Cluster | None, users: int, bus: str, edges: int = 1) -> None:
        """`bus`: the URL of a Valkey, as in an ordinary deployment; empty for none."""
        super().__init__(cluster)
        self.name = OURS if edges == 1 else f"{OURS}-{edges}"
        self._edges = edges
        self._users = users
        self._bus = bus
        self._sqlite_template: Path | None = None

    def start(self, provisioning: str = "") -> None:
        """Start an edge whose database holds the users, and what else is provisioned."""
        self._open()
        if self._cluster is not None:
            self._database = self._cluster.fresh("ours", self._build)
        else:
            self._copy_sqlite()
        if provisioning:
            self._apply(self._database, provisioning)
        host, port = self.address
        listen = {"CUPS_SIP_LISTEN": f"udp:{host}:{port}:engine,tcp:{host}:{port}:engine"}
        for number in range(1, self._edges + 1):
            its = {"CUPS_EDGE_NAME": f"edge-{number}", "CUPS_EDGE_SHARE": f"{number}/{self._edges}"}
            self._run(
                [sys.executable, "manage.py", "run_sipedge"], self._environment(self._database, {**listen, **its})
            )
        self._wait(lambda: (self.directory / "log").read_text(errors="replace").count("edge ready") == self._edges)

    def _environment(self, database: str, more: Mapping[str, str]) -> dict[str, str]:
        own = {"CUPS_DATA_DIR": str(self.directory), "CUPS_DEMO": "0", "VALKEY_URL": self._bus}
        environment = {**os.environ, **own, **more}
        environment.pop("DATABASE_URL", None)
        environment.pop("REDIS_URL", None)
        if database:
            environment["DATABASE_URL"] = database
        return environment

    def _build(self, database: str) -> None:
        """Migrate, then provision the users of the load."""
        self._manage(database, "migrate", "--verbosity", "0")
        self._apply(
            database,
            f"domains: [{DOMAIN}]\n"
            f'users: [{{pattern: "user{{n}}", first: 0, count: {self._users}, domain: {DOMAIN}, password: bench}}]\n'
            "trusted_peers: [{address: 127.0.0.1}]\n",
        )
        # One generator speaks for all users: what is measured is the server, not the limits of a peer.
        exempt = "from provisioning.models import LimitExemption as E; E.objects.create(network='127.0.0.0/8')"
        self._manage(database, "shell", "-v0", "-c", exempt)

    def _apply(self, database: str, text: str) -> None:
        policy = self.directory / "bench.yaml"
        policy.write_text(text)
        self._manage(database, "apply", str(policy))

    def _manage(self, database: str, *command: str) -> None:
        words = [sys.executable, "manage.py", *command]
        environment = self._environment(database, {})
        done = subprocess.run(words, cwd=ROOT, env=environment, stdout=self._log, stderr=subprocess.STDOUT)
        if done.returncode:
            raise self._failed(f"manage.py {command[0]} failed")

    def _copy_sqlite(self) -> None:
        if self._sqlite_template is None:
            self._build("")
            self._sqlite_template = Path(tempfile.mkdtemp(prefix="bench-template-"))
            unlogged = shutil.ignore_patterns("log")
            shutil.copytree(self.directory, self._sqlite_template, dirs_exist_ok=True, ignore=unlogged)
        else:
            shutil.copytree(self._sqlite_template, self.directory, dirs_exist_ok=True)

    def close(self) -> None:
        """Remove the template."""
        if self._sqlite_template is not None:
            shutil.rmtree(self._sqlite_template, ignore_errors=True)


class Kamailio(_Process):
    """Debian's Kamailio with its presence modules on PostgreSQL."""

    def __init__(self, cluster: Cluster, *, durable: bool, children: int = CHILDREN) -> None:
        super().__init__(cluster)
        self.name = "kamailio" if durable else "kamailio-write-back"
        self._durable = durable
        self._children = children

    @staticmethod
    def problem() -> str | None:
        """Why it cannot be used here; None when it can."""
        if program() is None:
            return "kamailio is not installed"
        if modules() is None:
            return "kamailio's presence or PostgreSQL modules are not installed"
        if not (KAMAILIO_SCHEMA / "presence-create.sql").exists():
            return f"{KAMAILIO_SCHEMA} has no table definitions"
        return None

    def start(self, provisioning: str = "") -> None:
        """Start it with empty tables."""
        assert not provisioning, "nothing but users can be provisioned here"
        assert self._cluster is not None
        self._open()
        self._database = self._cluster.fresh("kamailio", kamailio_tables)
        parts = urlsplit(self._database)
        login = (parts.username or "postgres") + (f":{parts.password}" if parts.password else "")
        values = {
            "CHILDREN": str(self._children),
            "PORT": str(self.address[1]),
            "DOMAIN": DOMAIN,
            "MODULES": str(modules()),
            "DATABASE": f"postgres://{login}@{parts.hostname}:{parts.port or 5432}{parts.path}",
            "LOCATION_MODE": "1" if self._durable else "2",
            "SUBSCRIPTION_MODE": "3" if self._durable else "2",
            "PUBLISH_CACHE": "0" if self._durable else "1",
        }
        text = (Path(__file__).parent / "kamailio" / "kamailio.cfg").read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        config = self.directory / "kamailio.cfg"
        config.write_text(text)
        self._run(
            [
                str(program()),
                "-DD",
                "-E",
                *("-f", str(config)),
                *("-Y", str(self.directory)),
                *("-P", str(self.directory / "pid")),
                *("-m", str(SHARED_MEMORY)),
                *("-M", "16"),
            ]
        )
        self._wait(lambda: answers(self.address))


def program() -> Path | None:
    """Kamailio's executable."""
    found = shutil.which("kamailio") or shutil.which("/usr/sbin/kamailio")
    return Path(found) if found else None


def modules() -> Path | None:
    """The directory of Kamailio's modules, when it has all that are needed."""
    for directory in (*Path("/usr/lib").glob("*/kamailio/modules"), Path("/usr/lib/kamailio/modules")):
        if all((directory / f"{name}.so").exists() for name in ("presence", "presence_xml", "db_postgres")):
            return directory
    return None


def free_port() -> int:
    """A port of loopback that nobody uses now, for UDP and TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, socket.socket() as stream:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            with contextlib.suppress(OSError):
                stream.bind(("127.0.0.1", port))
                return port


def answers(address: tuple[str, int], patience: float = 0.2) -> bool:
    """Whether a server answers OPTIONS; waits `patience` seconds for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        probe.connect(address)
        probe.settimeout(patience)
        via = "{}:{}".format(*probe.getsockname())
        number = time.monotonic_ns()
        request = (
            head("OPTIONS", f"sip:{DOMAIN}", via)
            + (
                f"probe{number}\r\nMax-Forwards: 70\r\nFrom: <sip:user0@{DOMAIN}>;tag=probe\r\nTo: <sip:{DOMAIN}>\r\n"
                f"Call-ID: probe{number}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            ).encode()
        )
        try:
            probe.send(request)
            return probe.recv(65535).startswith(b"SIP/2.0")
        except OSError:
            time.sleep(patience)
            return False

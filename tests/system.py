"""The product's own processes for tests: a deployment of its own database and ports."""

import contextlib
import os
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.phone import DOMAIN, PASSWORD, Phone
from tests.services import free_port
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent

PROVISIONED = f"""
domains: [{DOMAIN}, example.org]
users:
  - {{pattern: "u{{n}}", first: 0, count: 1500, domain: {DOMAIN}, password: {PASSWORD}}}
  - {{uri: "xten3@{DOMAIN}", password: {PASSWORD}}}
  - {{uri: "xten4@{DOMAIN}", password: {PASSWORD}}}
  - {{uri: "ippm4@{DOMAIN}", password: {PASSWORD}}}
  - {{uri: "other@example.org", password: {PASSWORD}}}
aliases: [{{uri: "xten.three@{DOMAIN}", user: "xten3@{DOMAIN}"}}]
trusted_peers: [{{address: 127.0.0.1}}, {{address: "::1"}}]
"""


SQLITE = "cups.sqlite3"
"The database's file in the data directory."


class Deployment:
    """A database, provisioned; edges (and the web) are started on it, killed, started again."""

    def __init__(
        self,
        *,
        server: str | None = None,
        bus: str | None = None,
        provisioned: str = PROVISIONED,
        tls: bool = False,
        dns: str = "",
    ) -> None:
        """`server`: the URL of a PostgreSQL to make a database on, else DATABASE_URL's or SQLite; `bus`: a Valkey of
        its own, else that of the test run; `tls`: with listeners and development certificates for it; `dns`:
        its name server."""
        self._files = contextlib.ExitStack()
        self.folder = Path(self._files.enter_context(tempfile.TemporaryDirectory(prefix="cups-system-")))
        self.proxy = free_port()
        self.engine = free_port()
        self.proxy6 = free_port(host="::1")
        self.proxy_tls = free_port()
        self.engine_tls = free_port()
        self.proxy_ws = free_port()
        self.csta = free_port()
        self.csta_tls = free_port()
        self.proxy_wss = free_port()
        self.proxy6_tls = free_port(host="::1")
        self.proxy6_ws = free_port(host="::1")
        self.proxy6_wss = free_port(host="::1")
        self._processes: list[subprocess.Popen[bytes]] = []
        self._starting = threading.Lock()
        self.edge: subprocess.Popen[bytes]
        "The one that was started last."
        self.web: subprocess.Popen[bytes]
        self.environment = {
            **os.environ,
            "CUPS_DATA_DIR": str(self.folder),
            "CUPS_DEMO": "0",
            "CUPS_ADMIN_PASSWORD": "secret-admin",
            "PYTHONUNBUFFERED": "1",
            "CUPS_CSTA_LISTEN": f"tcp:127.0.0.1:{self.csta}" + (f",tls:127.0.0.1:{self.csta_tls}" if tls else ""),
            "CUPS_SIP_LISTEN": ",".join(
                [
                    *(f"{transport}:127.0.0.1:{self.proxy}:proxy" for transport in ("udp", "tcp")),
                    *(f"{transport}:127.0.0.1:{self.engine}:engine" for transport in ("udp", "tcp")),
                    *(f"{transport}:[::1]:{self.proxy6}:proxy" for transport in ("udp", "tcp")),
                    f"ws:127.0.0.1:{self.proxy_ws}:proxy",
                    f"ws:[::1]:{self.proxy6_ws}:proxy",
                    *(self._tls_listeners() if tls else ()),
                ]
            ),
        }
        self.environment.pop("CUPS_TEST_READY", None)
        if dns:
            self.environment["CUPS_DNS"] = dns
        if bus is not None:
            self.environment["VALKEY_URL"] = bus
        self._begin(server or os.environ.get("DATABASE_URL", ""), provisioned)
        if tls:
            self.manage("make_certificates")

    def _tls_listeners(self) -> list[str]:
        return [
            f"tls:127.0.0.1:{self.proxy_tls}:proxy",
            f"tls:127.0.0.1:{self.engine_tls}:engine",
            f"wss:127.0.0.1:{self.proxy_wss}:proxy",
            f"tls:[::1]:{self.proxy6_tls}:proxy",
            f"wss:[::1]:{self.proxy6_wss}:proxy",
        ]

    def _begin(self, server: str, provisioned: str) -> None:
        """A new database with these rows; most begin with a copy of what the first one of the run had."""
        begins = provisioned if provisioned == PROVISIONED else ""
        template = _templates.get((server, begins))
        if server:
            self.environment["DATABASE_URL"] = new_database(server, template)
        elif template is not None:
            shutil.copy(template, self.folder / SQLITE)
        if template is None:
            self.manage("prepare")
            if begins:
                self.apply(begins)
            _templates[server, begins] = self._kept()
        if begins != provisioned:
            self.apply(provisioned)

    def _kept(self) -> str:
        """A copy of the database as it is now: its name, or the file of SQLite."""
        url = self.environment.get("DATABASE_URL")
        if url is not None:
            server, _, name = url.rpartition("/")
            return new_database(server + "/postgres", name).rpartition("/")[2]
        kept = Path(_template_stack.enter_context(tempfile.TemporaryDirectory(prefix="cups-template-"))) / SQLITE
        shutil.copy(self.folder / SQLITE, kept)
        return str(kept)

    def manage(self, *words: str) -> str:
        """Run a management command; its output."""
        done = self._manage(words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def attempt(self, *words: str) -> tuple[str, int]:
        """Run a management command that may fail; what it says, and its exit status."""
        done = self._manage(words)
        return done.stdout + done.stderr, done.returncode

    def _manage(self, words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True)

    def apply(self, text: str) -> str:
        """Apply a provisioning file."""
        path = self.folder / f"{secrets.token_hex(4)}.yaml"
        path.write_text(text)
        return self.manage("apply", str(path))

    def start_edge(self, name: str = "edge-1", *, inside: Sequence[str] = (), **more: str) -> "subprocess.Popen[bytes]":
        """Start an edge and wait until it is ready; `inside`: words before its own; `more`: variables of its
        environment."""
        environment = {"CUPS_EDGE_NAME": name, **more}
        self.edge = self._start([*inside, sys.executable, "manage.py", "run_sipedge"], environment, "edge ready")
        return self.edge

    def start_edges(self, count: int, **more: str) -> "list[subprocess.Popen[bytes]]":
        """Start edges that share the addresses; `more`: variables of their environment."""
        return [
            self.start_edge(f"edge-{number}", CUPS_EDGE_SHARE=f"{number}/{count}", **more)
            for number in range(1, count + 1)
        ]

    def start_worker(
        self, name: str = "", *, beat: bool = True, inside: Sequence[str] = (), **more: str
    ) -> "subprocess.Popen[bytes]":
        """Start a Celery worker, with a beat in it unless there is another one; `name`: where there are several;
        `inside`: words before its own; `more`: variables of its environment."""
        words = [*inside, *self._celery, "worker", "-P", "solo"]
        words += ["-B", "-s", str(self.folder / "beat")] if beat else []
        words += ["-n", f"{name}@%h"] if name else []
        return self._start(words, more, "worker ready")

    def start_beat(self, *, inside: Sequence[str] = (), **more: str) -> None:
        """Start a beat of its own, for workers that have none in them."""
        words = [*inside, *self._celery, "beat", "-s", str(self.folder / "beat"), "--pidfile="]
        self._start(words, more, "beat v")

    @property
    def _celery(self) -> list[str]:
        return [sys.executable, "-m", "celery", "-A", "cups_site"]

    def restart_edge(self) -> None:
        """Stop the edge in order and start its successor."""
        self.edge.send_signal(signal.SIGTERM)
        self.edge.wait(20)
        self.start_edge()

    def start_web(self) -> str:
        """Start the web process; its address."""
        port = free_port()
        words = [
            sys.executable,
            "-m",
            "uvicorn",
            "cups_site.asgi:application",
            "--port",
            str(port),
            "--lifespan",
            "off",
        ]
        self.web = self._start(words, {}, "Uvicorn running")
        return f"http://127.0.0.1:{port}"

    def _start(self, words: list[str], more: dict[str, str], ready: str) -> "subprocess.Popen[bytes]":
        with self._starting:  # several may be started at once
            log = self.folder / f"log-{len(self._processes)}"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    words, cwd=ROOT, env={**self.environment, **more}, stdout=output, stderr=subprocess.STDOUT
                )
            self._processes.append(process)

        def started() -> bool:
            assert process.poll() is None, log.read_text()
            return ready in log.read_text()

        wait_until(started, f"“{ready}”", 240)
        return process

    def logs(self) -> str:
        """What all processes have said."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("log-*")))

    def close(self) -> None:
        """End what was started."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._files.close()

    def door(self, transport: str) -> tuple[int, Path | None]:
        """The proxy's port for a transport, and the file of the authority that a client has to believe there."""
        if transport == "tls":
            return self.proxy_tls, self.folder / "tls" / "development-ca.crt"
        return self.proxy, None

    def phone(self, user: str, **options: Any) -> Phone:
        """A client of this deployment's proxy."""
        return Phone(user, ("127.0.0.1", self.proxy), **options)

    def address(self, transport: str, host: str = "127.0.0.1") -> tuple[str, int]:
        """The proxy's address for a transport, over IPv4 or (`host` ::1) IPv6."""
        six = ":" in host
        ports = {
            "UDP": self.proxy6 if six else self.proxy,
            "TCP": self.proxy6 if six else self.proxy,
            "TLS": self.proxy6_tls if six else self.proxy_tls,
            "WS": self.proxy6_ws if six else self.proxy_ws,
            "WSS": self.proxy6_wss if six else self.proxy_wss,
        }
        return host, ports[transport]

    def trust(self) -> ssl.SSLContext:
        """A client's context that believes our development authority only."""
        return ssl.create_default_context(cafile=self.folder / "tls" / "development-ca.crt")

    def client(self, user: str, transport: str, host: str = "127.0.0.1", **options: Any) -> Phone:
        """A client of this deployment's proxy over any transport; a browser's Contact is one that nobody can reach."""
        if transport in ("TLS", "WSS"):
            options.update(tls=self.trust(), server_name=DOMAIN)
        made = Phone(user, self.address(transport, host), transport=transport, **options)
        if transport in ("WS", "WSS"):
            made.contact = f"<sip:{made.aor.user}@df7jal23ls0d.invalid;transport=ws>"
        return made

    def peer(self, user: str, **options: Any) -> Phone:
        """A trusted peer at the engine that asserts this user's identity."""
        return Phone(user, ("127.0.0.1", self.engine), asserted=True, **options)


_templates: dict[tuple[str, str], str] = {}
"Databases to copy, by the server that they are on (none for SQLite) and what is provisioned in them."
_template_stack = contextlib.ExitStack()


def new_database(server: str, template: str | None = None) -> str:
    """A database of its own on the server of this URL, empty or a copy of another one there."""
    import psycopg

    name = f"system_{secrets.token_hex(4)}"
    copied = f' TEMPLATE "{template}"' if template is not None else ""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"{copied}')  # type: ignore[call-overload]
    return f"{server.rpartition('/')[0]}/{name}"


@contextlib.contextmanager
def deployed(**options: Any) -> Iterator[Deployment]:
    """A deployment for one test."""
    deployment = Deployment(**options)
    try:
        yield deployment
    finally:
        deployment.close()

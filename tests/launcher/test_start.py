"""`./run start` as its users meet it: ready, alive when a child dies, gone in order."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.services import free_port
from tests.system import ROOT
from tests.waiting import wait_until

pytestmark = pytest.mark.system


class Started:
    """One run of the launcher."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.web = f"127.0.0.1:{free_port()}"
        self.sip = free_port()
        self._log = folder / "log"
        self.data = folder / "data"
        environment = {**os.environ, "CUPS_DATA_DIR": str(self.data), "CUPS_WEB_LISTEN": self.web}
        environment |= {"CUPS_SIP_LISTEN": f"udp:127.0.0.1:{self.sip}:proxy", "CUPS_ADMIN_PASSWORD": "secret-admin"}
        for name in ("VALKEY_URL", "DATABASE_URL", "CUPS_TEST_READY", "CUPS_DEMO"):
            environment.pop(name, None)
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cups_site.launcher"],
                cwd=ROOT, env={**environment, **more}, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def said(self) -> list[str]:
        """The lines so far."""
        return self._log.read_text().splitlines()

    def ready(self) -> None:
        """Wait for the line."""
        wait_until(lambda: self.process.poll() is not None or "ready" in self.said(), "ready", 120)
        assert "ready" in self.said(), "\n".join(self.said())

    def sweeps(self) -> None:
        """A publication that ran out long ago is removed by nobody but the worker."""
        with contextlib.closing(sqlite3.connect(self.data / "cups.sqlite3", timeout=20)) as database:
            database.execute(
                "INSERT INTO presence_publication SELECT 1, 1, '', '', '', 'sip', x'78', ?, ?, ?, ?, min(id) "
                "FROM provisioning_persona",
                ["2026-01-01 00:00:00"] * 4,
            )
            database.commit()
            wait_until(
                lambda: database.execute("SELECT count(*) FROM presence_publication").fetchone() == (0,), "a sweep", 90
            )

    def children(self) -> list[psutil.Process]:
        """Its processes."""
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A running product with an embedded Valkey."""
    run = Started(tmp_path_factory.mktemp("s"))
    yield run
    if run.process.poll() is None:
        run.process.kill()
        run.process.wait()


def test_everything_starts_restarts_and_stops(started: Started) -> None:
    """R-ARC-01, R-ARC-05, R-PUB-29: web, edge and worker of one command; a dead child comes back; beat sweeps what ran
    out; the stop is in order."""
    started.ready()
    said = "\n".join(started.said())
    assert "try     ./run manage try_it" in said
    assert "log-in  admin   password secret-admin" in said and "sip:xten3@compb.cisco.com   password" in said
    with urllib.request.urlopen(f"http://{started.web}/healthz", timeout=20) as answer:
        assert answer.read() == b'{"database": true, "bus": true}'
    with urllib.request.urlopen(f"http://{started.web}/static/cti/calls.css", timeout=20) as answer:
        assert answer.status == 200
    (edge,) = [child for child in started.children() if "run_sipedge" in child.cmdline()]
    edge.kill()

    def again() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("127.0.0.1", started.sip))
            probe.settimeout(0.2)
            try:
                probe.send(
                    b"OPTIONS sip:compb.cisco.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKa;rport\r\n"
                    b"From: <sip:a@b>;tag=1\r\nTo: <sip:compb.cisco.com>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"
                )
                return probe.recv(9999).startswith(b"SIP/2.0 407 ")
            except OSError:
                return False

    wait_until(again, "the edge that was started again", 60)
    started.sweeps()
    children = started.children()
    started.process.send_signal(signal.SIGTERM)
    assert started.process.wait(60) == 0
    assert started.said()[-1:] == ["stopping"] or "stopping" in started.said()
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert "Warning" not in "\n".join(started.said()), "of libraries, about nothing that an operator could change"


def test_two_edges_share_an_address(tmp_path_factory: pytest.TempPathFactory) -> None:
    """As docs/scaling.md says; a NOTIFY is delivered whichever of them has the users."""
    run = Started(tmp_path_factory.mktemp("s"), CUPS_EDGES="2")
    try:
        run.ready()
        assert len([child for child in run.children() if "run_sipedge" in child.cmdline()]) == 2
        words = ["-m", "cups_site.launcher.attach", "try_it", "--proxy", f"127.0.0.1:{run.sip}"]
        environment = {**os.environ, "CUPS_DATA_DIR": str(run.data)}
        for name in ("VALKEY_URL", "DATABASE_URL"):
            environment.pop(name, None)
        done = subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(60) == 0
    finally:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
    assert "Traceback" not in "\n".join(run.said())


def test_children_die_with_their_parent(started: Started) -> None:
    """R-ARC-01: no process is left behind, whatever happens to the launcher."""
    started.ready()
    children = started.children()
    assert len(children) >= 4
    started.process.kill()
    started.process.wait()

    def gone() -> bool:
        return not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]

    wait_until(gone, "the end of all children", 60)


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = "{}:{}".format(*other.getsockname())
        run = Started(tmp_path, CUPS_WEB_LISTEN=taken)
        assert run.process.wait(60) == 1
        assert run.said() == [
            f"./run start: the address {taken} cannot be used for the web (Address already in use); set CUPS_WEB_LISTEN"
        ]


def test_an_edge_that_cannot_listen_is_one_sentence(tmp_path: Path) -> None:
    run = Started(tmp_path, CUPS_SIP_LISTEN="udp:192.0.2.1:5060:proxy")
    assert run.process.wait(120) == 1
    assert any("udp 192.0.2.1:5060 cannot be opened" in line for line in run.said())


def test_a_command_beside_nothing_is_one_sentence(tmp_path: Path) -> None:
    """Most often CUPS_DATA_DIR was set for ./run start only."""
    environment = {**os.environ, "CUPS_DATA_DIR": str(tmp_path)}
    environment.pop("DATABASE_URL", None)
    done = subprocess.run(
        [sys.executable, "-m", "cups_site.launcher.attach", "apply", "x.yaml"],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    sentence = f"./run manage: no database in {tmp_path} yet; start once, or set CUPS_DATA_DIR as at the start\n"
    assert (done.returncode, done.stderr) == (1, sentence)
    assert not list(tmp_path.iterdir()), "nothing is made"


@pytest.mark.parametrize(
    ("words", "status", "about"), [([], 0, "start"), (["help"], 0, "bench"), (["dance"], 2, "start")]
)
def test_the_script_tells_what_it_can_do(words: list[str], status: int, about: str) -> None:
    done = subprocess.run([sys.executable, "run", *words], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, f"./run {about}" in done.stdout) == (status, True)

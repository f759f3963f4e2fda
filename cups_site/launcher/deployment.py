"""What `./run start` and `./run manage` agree on: the data directory, the addresses, the environment of children."""

import os
import secrets
import sys
from pathlib import Path

from cups_site.variables import declared
from cups_site.variables.declared import value

ROOT = Path(__file__).resolve().parent.parent.parent


MOST = 65535
"The highest port."


class Problem(Exception):
    """Something that a person has to put right; one sentence."""


def check_variables() -> None:
    """Every variable can be used; raises Problem."""
    try:
        declared.check()
    except declared.BadVariable as error:
        raise Problem(str(error)) from None


def data_dir() -> Path:
    """Where SQLite, Valkey's file, the key and the logs live (CUPS_DATA_DIR)."""
    path = Path(value("CUPS_DATA_DIR") or ROOT / "var").resolve()
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".{secrets.token_hex(4)}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Problem(f"the data directory {path} cannot be used: {error.strerror}") from None
    return path


def has_database(data: Path) -> bool:
    """Whether there is one to work on: one of DATABASE_URL, or SQLite's file."""
    return value("DATABASE_URL") is not None or (data / "cups.sqlite3").exists()


def web_address() -> tuple[str, int]:
    """Host and port of the web process (CUPS_WEB_LISTEN)."""
    address: tuple[str, int] = value("CUPS_WEB_LISTEN")
    return address


def metrics_address(process: int) -> dict[str, str]:
    """CUPS_METRICS_LISTEN for the edge or worker with this number: each takes the port after the one before it."""
    address = value("CUPS_METRICS_LISTEN")
    if address is None:
        return {}
    host, port = address[0], address[1] + process
    if port > MOST:
        raise Problem(f"CUPS_METRICS_LISTEN: there is no port {port} for one of the processes")
    return {"CUPS_METRICS_LISTEN": f"[{host}]:{port}" if ":" in host else f"{host}:{port}"}


def edges() -> int:
    """How many edge processes (CUPS_EDGES)."""
    count: int = value("CUPS_EDGES")
    return count


def edge(number: int, count: int) -> dict[str, str]:
    """Name and share of one of these edge processes."""
    return {"CUPS_EDGE_NAME": f"edge-{number}", "CUPS_EDGE_SHARE": f"{number}/{count}"}


def valkey_url() -> str:
    """The operator's own Valkey; empty: the embedded one."""
    return value("VALKEY_URL") or ""


def valkey_socket(data: Path) -> Path:
    """The embedded server's socket."""
    return data / "valkey.sock"


def environment(data: Path, valkey_url: str) -> dict[str, str]:
    """For every child."""
    return {
        **os.environ,
        "CUPS_DATA_DIR": str(data),
        "VALKEY_URL": valkey_url,
        "DJANGO_SETTINGS_MODULE": "cups_site.settings",
        "PYTHONUNBUFFERED": "1",
    }


def manage(*words: str) -> list[str]:
    """The words of a management command."""
    return [sys.executable, str(ROOT / "manage.py"), *words]

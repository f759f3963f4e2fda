"""What `./run start` and `./run manage` agree on: the data directory, the addresses, the environment of children."""

import os
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class Problem(Exception):
    """Something that a person has to put right; one sentence."""


def data_dir() -> Path:
    """Where SQLite, Valkey's file, the key and the logs live (CUPS_DATA_DIR)."""
    path = Path(os.environ.get("CUPS_DATA_DIR") or ROOT / "var").resolve()
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
    return bool(os.environ.get("DATABASE_URL")) or (data / "cups.sqlite3").exists()


def web_address() -> tuple[str, int]:
    """Host and port of the web process (CUPS_WEB_LISTEN)."""
    text = os.environ.get("CUPS_WEB_LISTEN") or "127.0.0.1:8000"
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise Problem(f"CUPS_WEB_LISTEN is {text!r}; expected host:port")
    return host.strip("[]"), int(port)


def metrics_address(process: int) -> dict[str, str]:
    """CUPS_METRICS_LISTEN for the edge or worker with this number: each takes the port after the one before it."""
    text = os.environ.get("CUPS_METRICS_LISTEN", "").strip()
    if not text:
        return {}
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) + process < 65536:
        raise Problem(f"CUPS_METRICS_LISTEN is {text!r}; expected host:port")
    return {"CUPS_METRICS_LISTEN": f"{host}:{int(port) + process}"}


def edges() -> int:
    """How many edge processes (CUPS_EDGES)."""
    text = os.environ.get("CUPS_EDGES") or "1"
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise Problem(f"CUPS_EDGES is {text!r}; expected a number from 1 to 64")
    return int(text)


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

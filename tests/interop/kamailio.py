"""Debian's Kamailio with its presence modules, as a foreign presence server."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.phone import Phone
from tests.programs import needs_program
from tests.services import free_port
from tests.waiting import wait_until

TABLES = Path("/usr/share/kamailio/dbtext/kamailio")
DOMAIN = "cm.example"
EXPIRES = 10
"Seconds that it grants at most."


def modules() -> Path:
    """The folder of Kamailio's modules; skips the test where it has no presence module."""
    for folder in (*Path("/usr/lib").glob("*/kamailio/modules"), Path("/usr/lib/kamailio/modules")):
        if (folder / "presence_xml.so").exists():
            return folder
    needs_program("kamailio with its presence modules")  # says what is missing, as for any other program
    raise pytest.skip.Exception


class Kamailio:
    """One server; it can be stopped, and started again on the same or on another port."""

    def __init__(self, folder: Path, *, transport: str, expires: int = EXPIRES) -> None:
        self._program = needs_program("kamailio")
        self._modules = modules()
        self._folder = folder
        self._transport = transport
        self._expires = expires
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, refuse: str = "") -> None:
        """Start with empty tables; `refuse`: the status by which every SUBSCRIBE is refused."""
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(TABLES, self._folder / "tables")
        values = {
            "PORT": str(self.port),
            "DOMAIN": DOMAIN,
            "MODULES": str(self._modules),
            "TABLES": str(self._folder / "tables"),
            "TRANSPORT": self._transport,
            "EXPIRES": str(self._expires),
            "REFUSE": refuse,
        }
        text = (Path(__file__).parent / "kamailio.cfg").read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        (self._folder / "kamailio.cfg").write_text(text)
        log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(
            [
                self._program, "-DD", "-E", "-m", "64", "-M", "8", "-f", str(self._folder / "kamailio.cfg"),
                "-Y", str(self._folder), "-P", str(self._folder / "pid"),
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        log.close()
        wait_until(self._answers, "Kamailio", 30)

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, (self._folder / "log").read_text()
        with Phone(f"probe@{DOMAIN}", ("127.0.0.1", self.port)) as probe:
            try:
                return probe.ask("OPTIONS", f"sip:{DOMAIN}", patience=0.3, login=False).status == 405
            except (AssertionError, OSError):
                return False

    def stop(self) -> None:
        """End it and its workers at once; its clients hear nothing."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def publisher(self, user: str) -> Phone:
        """A client of its own."""
        return Phone(f"{user}@{DOMAIN}", ("127.0.0.1", self.port))

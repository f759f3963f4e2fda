"""Debian's Kamailio, as a foreign presence server and as whatever else a configuration makes of it."""

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

TLS_CONFIGURATION = """\
[server:default]
method = TLSv1.2+
certificate = {certificate}
private_key = {certificate}
ca_list = {authority}

[client:default]
method = TLSv1.2+
certificate = {certificate}
private_key = {certificate}
ca_list = {authority}
verify_certificate = yes
require_certificate = yes
"""


def modules(needed: str = "presence_xml") -> Path:
    """The folder of Kamailio's modules; skips the test where the one that is needed is missing."""
    for folder in (*Path("/usr/lib").glob("*/kamailio/modules"), Path("/usr/lib/kamailio/modules")):
        if (folder / f"{needed}.so").exists():
            return folder
    needs_program(f"kamailio with its module {needed}")  # says what is missing, as for any other program
    raise pytest.skip.Exception


class Server:
    """One Kamailio by a configuration of ours; it can be stopped, and started again on the same or on another port."""

    template = ""
    "The file with its configuration."
    module = "tm"
    "One that not every installation has."
    sign_of_life = 405
    "The status by which it answers OPTIONS."

    def __init__(
        self,
        folder: Path,
        host: str = "127.0.0.1",
        *,
        certificate: Path | None = None,
        authority: Path | None = None,
        lifetime: int = 120,
    ) -> None:
        """`certificate`: speak TLS and show this one, to both sides, believing the `authority`; `lifetime`: seconds
        after which it closes a connection that nobody uses.
        """
        self._program = needs_program("kamailio")
        self._modules = modules(self.module)
        if certificate is not None:
            modules("tls")
        self.certificate = certificate
        self._authority = authority
        self._lifetime = lifetime
        self._folder = folder
        self.host = host
        self.port = free_port(host=host)
        self.tls_port = free_port(host=host)
        self._process: subprocess.Popen[bytes] | None = None

    def _start(self, values: dict[str, str]) -> None:
        """Start with empty tables; `values`: what stands in the configuration beside what all have."""
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(TABLES, self._folder / "tables")
        values = {
            "HOST": self.host,
            "PORT": str(self.port),
            "TLS_PORT": str(self.tls_port),
            "LIFETIME": str(self._lifetime),
            "MODULES": str(self._modules),
            "FOLDER": str(self._folder),
            "TABLES": str(self._folder / "tables"),
            **values,
        }
        (self._folder / "kamailio.cfg").write_text(self._configuration(values))
        more = []
        if self.certificate is not None:
            tls = TLS_CONFIGURATION.format(certificate=self.certificate, authority=self._authority)
            (self._folder / "tls.cfg").write_text(tls)
            more = ["-A", "TLS"]
        log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(
            [
                self._program, "-DD", "-E", "-m", "64", "-M", "8", "-f", str(self._folder / "kamailio.cfg"),
                "-Y", str(self._folder), "-P", str(self._folder / "pid"), *more,
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        log.close()
        wait_until(self._answers, "Kamailio", 30)

    def _configuration(self, values: dict[str, str]) -> str:
        """The text of its configuration, with these values in it."""
        text = Path(__file__).with_name(self.template).read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        return text

    @property
    def _probed(self) -> str:
        """The Request-URI by which it is asked whether it is there."""
        return f"sip:{DOMAIN}"

    def log(self) -> str:
        """What it has said."""
        return (self._folder / "log").read_text(errors="replace")

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, self.log()
        with self.phone(f"probe@{DOMAIN}") as probe:
            try:
                answer = probe.ask("OPTIONS", self._probed, patience=0.3, login=False)
                return answer.status == self.sign_of_life
            except (AssertionError, OSError):
                return False

    def stop(self) -> None:
        """End it and its workers at once; its clients hear nothing."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def phone(self, user: str, *, transport: str = "UDP") -> Phone:
        """A client of its own."""
        return Phone(user, (self.host, self.port), transport=transport)


class Kamailio(Server):
    """A foreign presence server."""

    template = "kamailio.cfg"
    module = "presence_xml"

    def __init__(self, folder: Path, *, transport: str, expires: int = EXPIRES) -> None:
        super().__init__(folder)
        self._transport = transport
        self._expires = expires

    def start(self, *, refuse: str = "") -> None:
        """Start with empty tables; `refuse`: the status by which every SUBSCRIBE is refused."""
        self._start({"DOMAIN": DOMAIN, "TRANSPORT": self._transport, "EXPIRES": str(self._expires), "REFUSE": refuse})

    def publisher(self, user: str) -> Phone:
        """A client of its own."""
        return self.phone(f"{user}@{DOMAIN}")

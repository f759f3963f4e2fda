"""baresip as a SIP user: configured in a folder of its own, driven over its control socket, read from its log."""

import json
import re
import socket
import subprocess
from pathlib import Path

from tests.programs import needs_program
from tests.services import free_port
from tests.waiting import wait_until

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
MODULES = "/usr/lib/baresip/modules"


class Baresip:
    """One running client."""

    def __init__(
        self,
        folder: Path,
        account: str,
        password: str,
        proxy: int,
        transport: str,
        buddy: str,
        authority: Path | None = None,
        others: tuple[str, ...] = (),
    ) -> None:
        """`authority`: the file of the certificate authority that it believes, for TLS; `others`: whom it can write to
        beside its buddy.
        """
        program = needs_program("baresip")
        self.folder = folder
        folder.mkdir()
        self._control = free_port()
        sip = _pair()
        (folder / "config").write_text(
            f"sip_listen 127.0.0.1:{sip}\nmodule_path {MODULES}\nnet_interface 127.0.0.1\n"
            f"module g711.so\nmodule stdio.so\nmodule_tmp uuid.so\nmodule_tmp account.so\nmodule_app auloop.so\n"
            f"module_app contact.so\nmodule_app menu.so\nmodule_app presence.so\n"
            + (f"sip_cafile {authority}\n" if authority is not None else "")
            + f"module ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{self._control}\n"
        )
        (folder / "accounts").write_text(
            f"<sip:{account};transport={transport}>;auth_pass={password};regint=600;pubint=600;"
            f'outbound="sip:127.0.0.1:{proxy};transport={transport}"\n'
        )
        contacts = [f'"Buddy" <sip:{buddy}>;presence=p2p', *(f'"Other" <sip:{other}>' for other in others)]
        (folder / "contacts").write_text("\n".join(contacts) + "\n")
        self._contacts = len(contacts)
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [program, "-f", str(folder)], stdin=subprocess.PIPE, stdout=self._log, stderr=subprocess.STDOUT
        )  # without an open input its module stdio shows no messages

    def log(self) -> str:
        """What it has said, without colours."""
        return COLOURS.sub("", (self.folder / "log").read_text(errors="replace"))

    def registered(self) -> None:
        """Wait until it is."""
        wait_until(lambda: "200 OK" in self.log() and "binding" in self.log(), "baresip's registration")

    def command(self, name: str, parameters: str = "") -> str:
        """Give a command; what it answers."""
        data = json.dumps({"command": name, "params": parameters}).encode()
        with socket.create_connection(("127.0.0.1", self._control), 10) as connection:
            connection.sendall(b"%d:%s," % (len(data), data))
            answer = connection.recv(65535)
        found = json.loads(answer.partition(b":")[2].rstrip(b","))
        return COLOURS.sub("", str(found.get("data", "")))

    def sees(self, status: str) -> None:
        """Wait until its contact list shows the buddy like this."""
        wait_until(lambda: f" {status} Buddy" in self.command("contacts"), f"{status} in baresip's contacts", 60)

    def message(self, to: str, text: str) -> None:
        """Send a message to one of its contacts: its command writes to the current one."""
        for _ in range(self._contacts):
            if re.search(f"^>.*<sip:{re.escape(to)}>", self.command("contacts"), re.MULTILINE):
                assert self.command("message", text) == ""
                return
            self.command("contact_next")
        raise AssertionError(f"{to} is no contact of this baresip")

    def reads(self, sender: str, text: str) -> None:
        """Wait until it has shown this message from this sender."""
        shown = f'sip:{sender}: "{text}"'.encode()
        wait_until(lambda: shown in (self.folder / "log").read_bytes(), f"{text!r} in what baresip shows")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def _pair() -> int:
    """A port whose successor is free too: baresip takes it for TLS."""
    while True:
        port = free_port()
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port

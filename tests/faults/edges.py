"""Several edges of one deployment, and clients that take what any of them says."""

import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import NamedTuple

from sipedge.sip.message import Request, Response
from tests.phone import Phone, Watch
from tests.services import free_port
from tests.system import Deployment
from tests.waiting import wait_until

LEASE = 6
"Seconds: a busy machine holds a process up for longer than one would think."


class Said(NamedTuple):
    """A NOTIFY as it came, repetitions included."""

    call_id: str
    cseq: int
    port: int
    "Of the edge that has sent it."
    host: str
    "The same edge's address."


class Roamer(Phone):
    """A client over UDP that answers whoever speaks to it, and asks one edge until it goes to another one."""

    def _connect(self, server: tuple[str, int]) -> None:
        self.server = server
        self.said: list[Said] = []
        self._from = server
        if not self.socket.getsockname()[1]:
            self.socket.bind(("127.0.0.1", 0))

    def send(self, data: bytes) -> None:
        """To the edge that it asks; an answer goes to the one that has asked."""
        self.socket.sendto(data, self._from if threading.current_thread() is self._thread else self.server)

    def _receive(self) -> bytes:
        data, self._from = self.socket.recvfrom(65535)
        return data

    def _take(self, message: Request | Response) -> None:
        if isinstance(message, Request) and message.method == "NOTIFY":
            self.said.append(Said(message.call_id, message.cseq.number, self._from[1], self._from[0]))
        super()._take(message)


class Edges:
    """Edges by number, from 1, each with an address for trusted peers; they are killed, stopped and started again."""

    source = "127.0.0.1"
    "Where clients speak from."

    def __init__(self, deployment: Deployment, number: int, **first: str) -> None:
        """`number`: 0 where each is started with variables of its own; `first`: more variables of the first one's."""
        self.deployment = deployment
        self.ports = {one: free_port() for one in range(1, number + 1)}
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self._clients = ExitStack()
        with ThreadPoolExecutor(max(1, number)) as starting:
            list(starting.map(lambda one: self.start(one, **(first if one == 1 else {})), self.ports))

    def address(self, number: int) -> tuple[str, int]:
        """Where it listens."""
        return "127.0.0.1", self.ports[number]

    def start(self, number: int, **more: str) -> None:
        """Start it, with a short lease."""
        host, port = self.address(number)
        variables = {
            "CUPS_SIP_LISTEN": ",".join(f"{transport}:{host}:{port}:engine" for transport in ("udp", "tcp")),
            "CUPS_CSTA_LISTEN": "",
            "CUPS_LEASE_SECONDS": str(LEASE),
            **self._surroundings(number),
            **more,
        }
        self.processes[number] = self.deployment.start_edge(f"edge-{number}", inside=self._inside(number), **variables)

    def _surroundings(self, number: int) -> dict[str, str]:
        """More of its environment."""
        return {}

    def _inside(self, number: int) -> list[str]:
        """Words before its own."""
        return []

    def kill(self, number: int) -> None:
        """kill -9."""
        self.processes[number].kill()
        self.processes[number].wait()

    def signal(self, number: int, what: signal.Signals) -> None:
        """Stop it in its tracks, or let it go on."""
        self.processes[number].send_signal(what)

    def roamer(self, user: str, number: int) -> Roamer:
        """A trusted peer over UDP that asks this edge."""
        made = Roamer(user, self.address(number), asserted=True, source=self.source)
        self._clients.callback(made.close)
        return made

    def connected(self, user: str, number: int) -> Phone:
        """One over TCP."""
        server = self.address(number)
        return self._clients.enter_context(Phone(user, server, asserted=True, transport="TCP", source=self.source))

    def logged(self, text: str, number: int = 1) -> None:
        """Wait until the edges have said this so many times."""
        wait_until(lambda: self.deployment.logs().count(text) >= number, f"“{text}” in the logs", 60, 0.1)

    def ask(self, code: str) -> str:
        """What this says in Django's shell."""
        return self.deployment.manage("shell", "-v0", "-c", code).strip()

    def close(self) -> None:
        """Hang all clients up."""
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
        self._clients.close()


def contact_of(watch: Watch) -> tuple[str, int]:
    """Where the watcher refreshes from now on: the Contact of the last NOTIFY."""
    contact = (watch.notifies[-1].get("Contact") or "").partition("<sip:")[2].partition(">")[0].partition(";")[0]
    host, _, port = contact.rpartition("@")[2].rpartition(":")
    return host, int(port)


def rises(watch: Watch) -> bool:
    """No CSeq comes twice or goes back."""
    numbers = [notify.cseq.number for notify in watch.notifies]
    return numbers == sorted(set(numbers))

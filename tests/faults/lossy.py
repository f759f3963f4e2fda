"""A bad network between clients and an edge: datagrams get lost, come twice, late and overtaken, in both directions.

A relay with one port for all clients. For each of them it has an address of its own towards the edge, which is the
client's Contact: so answers and NOTIFYs take the same way. What becomes of a datagram is drawn by a generator that has
a seed.
"""

import heapq
import random
import select
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from sipedge.sip.timers import T1, T2
from tests.phone import Phone

DATAGRAM: Final = 65535
"Bytes of the largest."

PAUSES: Final = (T1, 2 * T1, 4 * T1, T2)
"Seconds between two repetitions of a request other than INVITE (RFC 3261 17.1.2.2, timer E)."

TICK: Final = 0.05
"Seconds between two looks whether it is over."


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad it is."""

    loss: float
    "Share of datagrams that never arrive."
    twice: float
    "Share of those left that arrive a second time, late."
    late: float
    "Share of those left that are held up, and overtaken by others."
    delay: float
    "Seconds that a late one takes at most."


FAIR: Final = Weather(0.0, 0.0, 0.0, 0.0)
"Nothing happens to anything."


class Relay:
    """Between clients that speak to `address` and one edge."""

    def __init__(self, edge: tuple[str, int], weather: Weather, seed: int) -> None:
        self.weather = weather
        self.fates: Counter[str] = Counter()
        "Datagrams by what became of them."
        self._edge = edge
        self._random = random.Random(seed)
        self._front = _socket()
        self.address: tuple[str, int] = self._front.getsockname()
        "Where clients send to."
        self._towards: dict[tuple[str, int], socket.socket] = {}
        "For each client's address the socket that the edge hears it from."
        self._clients: dict[socket.socket, tuple[str, int]] = {}
        self._held: list[tuple[float, int, socket.socket, bytes, tuple[str, int]]] = []
        "What is under way: when it arrives, its number, from where, what, and where to."
        self._number = 0
        self._changing = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._closed.set()
        self._thread.join()
        for one in (self._front, *self._clients):
            one.close()

    def phone(self, user: str) -> Phone:
        """A trusted client behind it, which repeats its requests as the standard says."""
        made = Phone(user, self.address, asserted=True)
        made.pauses = PAUSES
        host, port = self._outside(made.socket.getsockname()).getsockname()
        made.contact = f"<sip:{made.aor.user}@{host}:{port};transport=udp>"
        return made

    def _outside(self, client: tuple[str, int]) -> socket.socket:
        """Where the edge hears this client from."""
        with self._changing:
            towards = self._towards.get(client)
            if towards is None:
                towards = self._towards[client] = _socket()
                self._clients[towards] = client
            return towards

    def _ends(self) -> list[socket.socket]:
        with self._changing:
            return [self._front, *self._clients]

    def _run(self) -> None:
        while not self._closed.is_set():
            wait = min(TICK, max(0.0, self._held[0][0] - time.monotonic())) if self._held else TICK
            for one in select.select(self._ends(), [], [], wait)[0]:
                self._take(one)
            while self._held and self._held[0][0] <= time.monotonic():
                _, _, source, data, target = heapq.heappop(self._held)
                source.sendto(data, target)

    def _take(self, one: socket.socket) -> None:
        data, sender = one.recvfrom(DATAGRAM)
        if one is not self._front:
            self._carry(self._front, data, self._clients[one])
        else:
            self._carry(self._outside(sender), data, self._edge)

    def _carry(self, source: socket.socket, data: bytes, target: tuple[str, int]) -> None:
        """Decide what becomes of it."""
        weather, draw = self.weather, self._random.random
        if draw() < weather.loss:
            self.fates["lost"] += 1
            return
        late = draw() < weather.late
        self.fates["late" if late else "in time"] += 1
        self._hold(source, data, target, draw() * weather.delay if late else 0.0)
        if draw() < weather.twice:
            self.fates["twice"] += 1
            self._hold(source, data, target, draw() * weather.delay)

    def _hold(self, source: socket.socket, data: bytes, target: tuple[str, int], seconds: float) -> None:
        self._number += 1
        heapq.heappush(self._held, (time.monotonic() + seconds, self._number, source, data, target))


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    return made

"""Publishers that go to another edge when theirs does not answer, and what watchers have to have heard of them.

Each change has a number, which is in the document, so that what somebody was told can be compared with what was
acknowledged, and the order in which it was told with the order in which it was said.
"""

import re
import threading
import time
from collections.abc import Sequence
from typing import Final

from sipedge.sip.message import Request
from tests.faults.edges import Edges, Roamer, rises
from tests.phone import Watch, pidf
from tests.waiting import wait_until

PAUSE: Final = 0.1
"Seconds between two changes of a publisher."

UNHEARD: Final = 2.0
"Seconds without an answer after which a publisher asks another edge."

AWAY: Final = 120.0
"Seconds to wait for what follows a fault, on a machine that does much else."

_NUMBER = re.compile(rb"n(\d{6})")


def token(number: int) -> str:
    """How a change is known in a document."""
    return f"n{number:06}"


def newest(notify: Request) -> int:
    """The newest change in a document; 0: none."""
    return max(map(int, _NUMBER.findall(notify.body)), default=0)


class Wanderer:
    """A client that publishes change after change; DNS has told it all edges (RFC 3263 4.3)."""

    def __init__(self, phone: Roamer, servers: Sequence[tuple[str, int]]) -> None:
        """It begins at the edge that its phone asks."""
        self.phone = phone
        self.number = self.acknowledged = 0
        "The change that was tried last, and the last one with a 200."
        self.began = 0
        "Publications that were begun and acknowledged."
        self.lost = 0
        "Entity tags that were acknowledged, and unknown when they were used."
        self.answers: list[tuple[float, float]] = []
        "Of each 200: when its change was tried for the first time, and when it came, by the monotonic clock."
        self.unsure = 0
        "Times that a change was not answered: it may have been made, as after any lost answer."
        self._servers = list(servers)
        self._tag: str | None = None
        self._unheard = False
        self._since = 0.0

    def step(self, patience: float = UNHEARD) -> bool:
        """One change; whether it was acknowledged."""
        self.number += 1
        self._since = self._since or time.monotonic()
        body = pidf(self.phone.aor, tuple_id=token(self.number))
        try:
            answer = self.phone.publish(body, tag=self._tag, patience=patience)
        except (AssertionError, OSError):
            self._nobody()
            return False
        if answer.status == 200:
            self.began += self._tag is None
            self._tag, self.acknowledged, self._unheard = answer.get("SIP-ETag"), self.number, False
            self.answers.append((self._since, time.monotonic()))
            self._since = 0.0
        elif answer.status == 412:
            self.lost += not self._unheard
            self._tag, self._unheard = None, False
        else:
            assert answer.status == 503, answer
            self._nobody()
        return answer.status == 200

    def _nobody(self) -> None:
        self.unsure += 1
        self._unheard = True
        at = self._servers.index(self.phone.server)
        self.phone.server = self._servers[(at + 1) % len(self._servers)]

    def resumed(self, moment: float) -> float:
        """Seconds from this moment to the first 200 of a change that was tried later."""
        return min((heard - moment for tried, heard in self.answers if tried >= moment), default=float("inf"))


class Crowd:
    """Wanderers at a bounded rate, spread over the edges."""

    def __init__(self, edges: Edges, number: int, first: int = 0) -> None:
        """`number` of them, users from `first` on."""
        servers = [edges.address(one) for one in edges.ports]
        self.wanderers = [
            Wanderer(edges.roamer(f"u{first + one}", one % len(servers) + 1), servers) for one in range(number)
        ]
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(one,)) for one in self.wanderers]
        for thread in self._threads:
            thread.start()

    def _run(self, one: Wanderer) -> None:
        while not self._stop.wait(PAUSE):
            one.step()

    def goes_on(self, more: int) -> None:
        """Wait until each has made so many more changes."""
        before = [len(one.answers) for one in self.wanderers]
        wait_until(
            lambda: all(len(one.answers) >= done + more for one, done in zip(self.wanderers, before, strict=True)),
            "a publishing load", AWAY, 0.1,
        )  # fmt: skip

    def resumed(self, moment: float) -> float:
        """Seconds from this moment until all of them had been answered again."""
        return max(one.resumed(moment) for one in self.wanderers)

    @property
    def longest(self) -> float:
        """Seconds that any change has waited for its 200, attempts at other edges included."""
        return max(heard - tried for one in self.wanderers for tried, heard in one.answers)

    def of(self, aor: str) -> Wanderer:
        """The one that is watched here."""
        return next(one for one in self.wanderers if one.phone.aor == aor)

    def stop(self) -> None:
        """No more changes."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def settle(self) -> None:
        """A last change of each, acknowledged."""
        for one in self.wanderers:
            wait_until(lambda one=one: one.step(), f"the last change of {one.phone.aor}", AWAY)


def in_order(watch: Watch) -> bool:
    """No CSeq comes twice or goes back, and no state goes back behind what the watcher knew."""
    numbers = [newest(notify) for notify in watch.notifies]
    return rises(watch) and numbers == sorted(numbers)


def spoken_once(phone: Roamer) -> bool:
    """Each NOTIFY has come from one edge only, however often it was repeated."""
    senders: dict[tuple[str, int], set[tuple[str, int]]] = {}
    for said in phone.said:
        senders.setdefault((said.call_id, said.cseq), set()).add((said.host, said.port))
    return all(len(found) == 1 for found in senders.values())

"""The load generator: many operations in flight over some pairs of UDP sockets, in one thread without an event loop.

A *window* of operations is out at any time. One that is complete (its 200 and all its NOTIFYs are there) makes
room for the next, so that the server is never asked to keep a backlog, and what was counted was delivered. With a
pace the operations begin at a fixed rate instead, as far as the window allows, to see latencies below saturation.
"""

import functools
import gc
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.bench import messages
from tests.bench.histogram import Histogram
from tests.bench.subjects import Subject, Watcher

LINES = 32
"Addresses that the load comes from: as from clients, so many that a kernel which spreads them spreads them evenly."

RECEIVE_BUFFER = 4 * 1024 * 1024
"Bytes that the kernel may keep for each socket: thousands of NOTIFYs, more than any window."

MAX_DATAGRAM = 65535
"Bytes of the largest message."

T1 = 0.5
"Seconds until the first retransmission of a request (RFC 3261 17.1.2.2); each further one waits twice as long."

GIVE_UP = 8.0
"Seconds after which an operation counts as lost: long enough for four retransmissions."

SCAN_INTERVAL = 0.1
"Seconds between two looks for operations that need a retransmission."


@dataclass(slots=True)
class Result:
    """What one run of the load has measured."""

    operations: int = 0
    seconds: float = 0.0
    answer: Histogram = field(default_factory=Histogram)
    "From sending the request to its final answer."
    complete: Histogram = field(default_factory=Histogram)
    "From sending the request to the last NOTIFY that it caused (or the answer, when that came later)."
    notifies: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    "Statuses other than 2xx; `lost`: no answer; `unnotified`: answered, but a NOTIFY is missing."
    retransmissions: int = 0

    @property
    def rate(self) -> float:
        """Complete operations per second."""
        return self.operations / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Pressure:
    """How hard and for how long."""

    window: int
    "Operations in flight."
    seconds: float | None = None
    "Counted time; None: count everything, until there are no more subjects."
    warm_up: float = 0.0
    "Seconds of load before counting begins."
    pace: float | None = None
    "Operations per second; None: as many as the server completes."


def _forget(subject: Subject) -> None:
    """A subject that makes one operation only."""


def nothing() -> None:
    """Nobody wants to know when counting begins or ends."""


class Line:
    """What some subjects speak through: a socket for their requests and one for what they are notified of."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.caller = _socket(server)
        self.listener = _socket(server)
        self.via = "{}:{}".format(*self.caller.getsockname())
        "host:port that requests come from."
        self.contact = "{}:{}".format(*self.listener.getsockname())
        "host:port that watchers are notified at."


class Load:
    """Sends requests to one server and answers its NOTIFYs."""

    def __init__(self, server: tuple[str, int], lines: int = LINES) -> None:
        self._lines = [Line(server) for _ in range(lines)]
        self._callers = {line.via: line.caller for line in self._lines}
        self.watchers: list[Watcher] = []
        "Every watcher, at the place that its number says."
        self._live: dict[bytes, Subject] = {}
        self._number = 0
        self._result = Result()
        self._counting = False
        self._done: Callable[[Subject], None] = _forget

    def close(self) -> None:
        """Close the sockets."""
        for line in self._lines:
            line.caller.close()
            line.listener.close()

    def via(self, number: int) -> str:
        """host:port that the subject of this number speaks from."""
        return self._lines[number % len(self._lines)].via

    def contact(self, number: int) -> str:
        """host:port that the watcher of this number is notified at."""
        return self._lines[number % len(self._lines)].contact

    def new_watcher(self, uri: str, presentity: str, *, listed: bool = False) -> Watcher:
        """A watcher of a presentity or (`listed`) a list that has not subscribed yet."""
        number = len(self.watchers)
        watcher = Watcher(number, uri, presentity, self.via(number), self.contact(number), listed=listed)
        self.watchers.append(watcher)
        return watcher

    def once(self, subjects: Iterable[Subject], window: int, pace: float | None = None) -> Result:
        """One operation of each subject; the result counts all of them."""
        waiting = iter(subjects)
        return self._run(lambda: next(waiting, None), _forget, Pressure(window, pace=pace))

    def timed(
        self,
        subjects: Iterable[Subject],
        pressure: Pressure,
        *,
        again: bool,
        begins: Callable[[], None] = nothing,
        ends: Callable[[], None] = nothing,
    ) -> Result:
        """Operations of the subjects in turn: each of them `again` and again, or only once.

        `begins` and `ends` are called at both ends of what is counted.
        """
        if not again:
            waiting = iter(subjects)
            return self._run(lambda: next(waiting, None), _forget, pressure, begins, ends)
        idle = deque(subjects)
        return self._run(lambda: idle.popleft() if idle else None, idle.append, pressure, begins, ends)

    def _run(
        self,
        take: Callable[[], Subject | None],
        done: Callable[[Subject], None],
        pressure: Pressure,
        begins: Callable[[], None] = nothing,
        ends: Callable[[], None] = nothing,
    ) -> Result:
        seconds, pace = pressure.seconds, pressure.pace
        clock = time.perf_counter
        self._result = result = Result()
        self._done = done
        self._counting = seconds is None
        poll = select.poll()
        drains = {}
        for line in self._lines:
            for sock, handle in ((line.caller, self._answer), (line.listener, self._notify)):
                poll.register(sock, select.POLLIN)
                drains[sock.fileno()] = (sock.recv, functools.partial(handle, sock))
        gc.collect()
        gc.disable()
        try:
            start = clock()
            counted_from = start
            paced = 0
            scan_at = start + SCAN_INTERVAL
            launching = True
            while launching or self._live:
                now = clock()
                if seconds is not None and launching:
                    if not self._counting and now >= start + pressure.warm_up:
                        begins()
                        self._counting = True
                        counted_from = clock()
                    elif self._counting and now >= counted_from + seconds:
                        self._counting = launching = False
                        result.seconds = now - counted_from
                        ends()
                room = pressure.window - len(self._live) if launching else 0
                if pace is not None:
                    room = min(room, int((now - start) * pace) - paced)
                while room > 0:
                    subject = take()
                    if subject is None:
                        launching = seconds is not None
                        break
                    self._launch(subject)
                    paced += 1
                    room -= 1
                for descriptor, _ in poll.poll(1 if pace is not None else 20):
                    receive, handle = drains[descriptor]
                    try:
                        while True:
                            handle(receive(MAX_DATAGRAM))
                    except OSError:  # nothing left to read; or ICMP says that the server is gone
                        pass
                if now >= scan_at:
                    scan_at = now + SCAN_INTERVAL
                    self._scan(now)
            if seconds is None:
                result.seconds = clock() - start
        finally:
            gc.enable()
        return result

    def _launch(self, subject: Subject) -> None:
        self._number += 1
        subject.branch = branch = messages.branch(self._number)
        subject.wire = subject.request(branch)
        subject.unanswered = True
        subject.repeats = 0
        self._live[branch] = subject
        subject.started = subject.sent = time.perf_counter()
        _send(self._callers[subject.via], subject.wire)

    def _answer(self, sock: socket.socket, data: bytes) -> None:
        if data.startswith(b"MESSAGE "):  # the requests of some come back to others, at the address they registered
            _send(sock, messages.accept(data))
            return
        subject = self._live.get(messages.branch_of(data))
        if subject is None or not subject.unanswered:
            return
        status = messages.status_of(data)
        if status < 200:
            return
        subject.unanswered = False
        if status >= 300:
            self._result.failures[str(status)] += 1
            subject.refused()
            self._finish(subject)
            return
        subject.answered(data)
        if self._counting:
            self._result.answer.add(time.perf_counter() - subject.started)
        subject.missing -= 1
        if not subject.missing:
            self._complete(subject)

    def _notify(self, sock: socket.socket, data: bytes) -> None:
        if not data.startswith(b"NOTIFY "):
            return
        _send(sock, messages.accept(data))
        number = messages.watcher_of(data)
        if not 0 <= number < len(self.watchers):
            return
        watcher = self.watchers[number]
        cseq = messages.cseq_of(data)
        if cseq <= watcher.notified:
            return
        watcher.notified = cseq
        self._result.notifies += self._counting
        subject = watcher.waits_for
        if subject is not None and subject.expected in data:
            watcher.waits_for = None
            subject.missing -= 1
            if not subject.missing:
                self._complete(subject)

    def _complete(self, subject: Subject) -> None:
        if self._counting:
            self._result.operations += 1
            self._result.complete.add(time.perf_counter() - subject.started)
        self._finish(subject)

    def _finish(self, subject: Subject) -> None:
        del self._live[subject.branch]
        self._done(subject)

    def _scan(self, now: float) -> None:
        """Repeat what has no answer yet; give up on what is too old."""
        for subject in list(self._live.values()):
            if now - subject.started > GIVE_UP:
                self._result.failures["lost" if subject.unanswered else "unnotified"] += 1
                if subject.unanswered:
                    subject.refused()
                self._finish(subject)
            elif subject.unanswered and now - subject.sent > T1 * 2**subject.repeats:
                subject.repeats += 1
                subject.sent = now
                self._result.retransmissions += 1
                _send(self._callers[subject.via], subject.wire)


def _socket(server: tuple[str, int]) -> socket.socket:
    """A UDP socket that talks to one server only."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    made.bind(("127.0.0.1", 0))
    made.connect(server)
    made.setblocking(False)
    return made


def _send(sock: socket.socket, data: bytes) -> None:
    """Send; what the kernel does not take is lost on the way, as UDP is, and repeated later."""
    try:
        sock.send(data)
    except OSError:
        pass

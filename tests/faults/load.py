"""A bounded load while something breaks, and what has to hold afterwards (D-11, R-PUB-29, R-NTF-05).

Each change has a number, which is its tuple's id, so that what somebody was told can be compared with what was
acknowledged, and the order in which it was told with the order in which it was said.
"""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from sipedge.sip.message import Request
from tests.faults.edges import rises
from tests.phone import Phone, Watch, pidf
from tests.system import Deployment
from tests.waiting import wait_until

ACTIVITIES = ("busy", "meeting", "away", "travel", "meal", "vacation")

PAUSE = 0.05
"Seconds between two changes of a publisher."

REFUSED_PAUSE = 0.1
"Seconds until a refused client comes again: much less than it is asked to wait, for there are few of them."

PATIENCE = 120.0
"Seconds that a busy machine is given to recover."

_NUMBER = re.compile(rb'"n(\d{6})"')


def token(number: int) -> str:
    """How a change is known in a document."""
    return f"n{number:06}"


def newest(notify: Request) -> int:
    """The newest change in a document; 0: none."""
    return max(map(int, _NUMBER.findall(notify.body)), default=0)


class Publisher:
    """Publishes change after change and remembers what was acknowledged."""

    def __init__(self, phone: Phone, *, servers: Sequence[tuple[str, int]] = (), extra: str = "") -> None:
        """`servers`: all edges, if DNS has told it more than its own (RFC 3263 4.3): it goes to the next one when
        nobody answers; `extra`: more XML in each document."""
        self.phone = phone
        self.tag: str | None = None
        self.number = 0
        "Of the last request, which may have been committed without its answer being heard."
        self.last = 0
        "The number of the last 200."
        self.acknowledged = ""
        "The activity of the last 200."
        self.attempted = ""
        "The activity of the last request."
        self.answers: Counter[int] = Counter()
        "By status; 0: there was none."
        self.retry_after: list[str | None] = []
        "What the answers 503 have said."
        self.began = 0
        "Publications that were begun and acknowledged."
        self.lost = 0
        "Entity tags that were acknowledged, and unknown when they were used."
        self.heard: list[tuple[float, float]] = []
        "Of each 200: when its change was tried for the first time, and when it came, by the monotonic clock."
        self._servers = list(servers)
        self._extra = extra
        self._unsure = False
        "The last request may have been done, though nobody has said so."
        self._since = 0.0

    @property
    def done(self) -> int:
        """Changes that were acknowledged."""
        return self.answers[200]

    @property
    def refused(self) -> int:
        """Times that it was asked to come later."""
        return self.answers[503]

    @property
    def unsure(self) -> int:
        """Changes that may have been made, though nobody has said so."""
        return self.answers[0] + self.refused

    def step(self, activity: str = "", patience: float = 20.0) -> int:
        """One change; the status, 0 when nobody has answered."""
        self.number += 1
        self._since = self._since or time.monotonic()
        self.attempted = activity or ACTIVITIES[self.number % len(ACTIVITIES)]
        body = pidf(self.phone.aor, activity=self.attempted, tuple_id=token(self.number), extra=self._extra)
        try:
            answer = self.phone.publish(body, tag=self.tag, patience=patience)
        except (AssertionError, OSError):  # the edge is dead
            self.answers[0] += 1
            self._nobody()
            return 0
        self.answers[answer.status] += 1
        if answer.status == 200:
            self.began += self.tag is None
            self.tag = answer.get("SIP-ETag")
            self.acknowledged, self.last = self.attempted, self.number
            self.heard.append((self._since, time.monotonic()))
            self._unsure, self._since = False, 0.0
        elif answer.status == 412:  # it begins anew, as clients do
            self.lost += not self._unsure
            self.tag, self._unsure = None, False
        else:
            self.retry_after.append(answer.get("Retry-After"))
            self._nobody()
        return answer.status

    def _nobody(self) -> None:
        self._unsure = True
        if self._servers:
            at = self._servers.index(self.phone.server)
            self.phone.server = self._servers[(at + 1) % len(self._servers)]

    def succeeds(self) -> None:
        """Change until it is acknowledged."""
        wait_until(lambda: self.step() == 200, f"a change of {self.phone.aor}", PATIENCE, REFUSED_PAUSE)


class Load:
    """Publishers at a bounded rate, until told to stop."""

    def __init__(self, publishers: Sequence[Publisher], *, pause: float = PAUSE, patience: float = 5.0) -> None:
        """`patience`: seconds for one answer; it is asked for again meanwhile, at another edge if there is one now."""
        self.publishers = publishers
        self._pause = pause
        self._patience = patience
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(one,)) for one in publishers]
        for thread in self._threads:
            thread.start()

    def _run(self, one: Publisher) -> None:
        while not self._stop.wait(self._pause):
            if one.step(patience=self._patience) == 503:
                time.sleep(REFUSED_PAUSE)

    def stop(self) -> None:
        """No more changes."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def goes_on(self, more: int, patience: float = PATIENCE) -> None:
        """Wait until each has had so many more changes acknowledged."""
        before = [one.done for one in self.publishers]
        wait_until(
            lambda: all(one.done >= done + more for one, done in zip(self.publishers, before, strict=True)),
            f"a publishing load; answers: {[dict(one.answers) for one in self.publishers]}", patience,
        )  # fmt: skip

    @property
    def answers(self) -> Counter[int]:
        """Of all, by status."""
        return sum((one.answers for one in self.publishers), Counter())

    @property
    def longest(self) -> float:
        """Seconds that any change has waited for its 200, attempts at other edges included."""
        return max(heard - tried for one in self.publishers for tried, heard in one.heard)

    def resumed(self, moment: float) -> float:
        """Seconds from this moment until each has had a 200 to a change that it tried later."""
        return max(
            min((heard - moment for tried, heard in one.heard if tried >= moment), default=float("inf"))
            for one in self.publishers
        )


def figure(what: str, seconds: float) -> None:
    """For people who read the output, and for the documents; no test depends on it."""
    print(f"figure: {what}: {seconds:.1f} s")


class Recovery:
    """Says how long something took until it had recovered."""

    def __init__(self, of: str) -> None:
        self._of = of
        self._began = time.monotonic()

    def over(self) -> None:
        """It has recovered now."""
        figure(self._of, time.monotonic() - self._began)


def in_order(watch: Watch) -> bool:
    """No CSeq comes twice or goes back, and no state goes back behind what the watcher knew."""
    numbers = [newest(notify) for notify in watch.notifies]
    return rises(watch) and numbers == sorted(numbers)


def holds(
    deployment: Deployment, publishers: Iterable[Publisher], watches: Callable[[Publisher], Sequence[Watch]], at: Phone
) -> None:
    """What has to hold when a fault is over and the load has stopped.

    What was acknowledged is there, also in the rows, and its entity tag counted wherever it was used; nothing was done
    twice; each watcher ends with the final state, and was told in order. `at`: where a fresh watcher asks.
    """
    publishers = list(publishers)
    for one in publishers:
        assert set(one.answers) <= {0, 200, 412, 503}, one.answers
        assert one.lost == 0, "an entity tag that was acknowledged is known"
        _sees(at.subscribe(one.phone.aor), one.last, one.number)
    rows = written(deployment)
    for one in publishers:
        versions = rows[one.phone.aor]
        assert one.done <= sum(versions) <= one.done + one.unsure, (versions, one.answers)
        assert one.began <= len(versions) <= one.began + one.unsure, (versions, one.answers)
    for one in publishers:
        one.succeeds()
        for watch in watches(one):
            _sees(watch, one.last)
            assert in_order(watch)


def _sees(watch: Watch, *numbers: int) -> None:
    """Wait until the watcher is shown one of these changes."""
    wait_until(
        lambda: watch.notifies and newest(watch.notifies[-1]) in numbers,
        f"one of the changes {numbers} of {watch.target} at {watch.phone.aor}", PATIENCE,
    )  # fmt: skip


def written(deployment: Deployment) -> dict[str, list[int]]:
    """The versions of each user's publications: how often each was written."""
    text = deployment.manage(
        "shell", "-v0", "-c",
        "import json; from presence.models import Publication; rows = {}\n"
        "for aor, version in Publication.objects.values_list('persona__aor', 'version'):\n"
        "    rows.setdefault(aor, []).append(version)\n"
        "print(json.dumps(rows))",
    )  # fmt: skip
    found: dict[str, list[int]] = json.loads(text)
    return found

"""A bounded load while something breaks, and what has to hold afterwards (D-11, R-PUB-29, R-NTF-05).

Each change has a number, which is its tuple's id, so that a document tells which changes it shows.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

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


class Publisher:
    """Publishes change after change and remembers what was acknowledged."""

    def __init__(self, phone: Phone, *, afresh: bool = False, extra: str = "") -> None:
        """`afresh`: begins a new publication when its tag is unknown, as clients do after an answer that was lost;
        `extra`: more XML in each document."""
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
        self.done = 0
        self.answers: Counter[int] = Counter()
        "By status; 0: there was none."
        self.retry_after: list[str | None] = []
        "What the answers 503 have said."
        self._afresh = afresh
        self._extra = extra

    @property
    def mismatches(self) -> int:
        """Times that its tag was unknown."""
        return self.answers[412]

    @property
    def refused(self) -> int:
        """Times that it was asked to come later."""
        return self.answers[503]

    def step(self, activity: str = "", patience: float = 20.0) -> int:
        """One change; the status, 0 when nobody has answered."""
        self.number += 1
        self.attempted = activity or ACTIVITIES[self.number % len(ACTIVITIES)]
        body = pidf(self.phone.aor, activity=self.attempted, tuple_id=f"t{self.number}", extra=self._extra)
        try:
            answer = self.phone.publish(body, tag=self.tag, patience=patience)
        except (AssertionError, OSError):  # the edge is dead
            self.answers[0] += 1
            return 0
        self.answers[answer.status] += 1
        if answer.status == 200:
            self.tag = answer.get("SIP-ETag")
            self.acknowledged, self.last = self.attempted, self.number
            self.done += 1
        elif answer.status == 503:
            self.retry_after.append(answer.get("Retry-After"))
        elif answer.status == 412 and self._afresh:
            self.tag = None
        return answer.status

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


class Recovery:
    """Says how long something took, for people who read the output; no test asserts it."""

    def __init__(self, of: str) -> None:
        self._of = of
        self._began = time.monotonic()

    def over(self) -> None:
        """It has recovered now."""
        print(f"{self._of}: recovered in {time.monotonic() - self._began:.1f} s")


def holds(
    deployment: Deployment, publishers: Iterable[Publisher], watches: Callable[[Publisher], Sequence[Watch]], at: Phone
) -> None:
    """What has to hold when a fault is over and the load has stopped.

    What was acknowledged is there, also in the rows; nothing was done twice; each watcher ends with the final state,
    and its CSeq only rises. `at`: where a fresh watcher asks.
    """
    publishers = list(publishers)
    for one in publishers:
        _sees(at.subscribe(one.phone.aor), one.last, one.number)
    rows = written(deployment)
    for one in publishers:
        versions = rows[one.phone.aor]
        lost = one.number - one.done  # may have been written without an answer being heard
        assert one.done <= sum(versions) <= one.done + lost, (versions, one.answers)
        assert len(versions) <= 1 + one.mismatches, (versions, one.answers)
    for one in publishers:
        one.succeeds()
        for watch in watches(one):
            _sees(watch, one.last)
            assert rises(watch)


def _sees(watch: Watch, *numbers: int) -> None:
    """Wait until the watcher is shown one of these changes."""
    texts = [f'"t{number}"'.encode() for number in numbers]
    wait_until(
        lambda: watch.notifies and any(text in watch.notifies[-1].body for text in texts),
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

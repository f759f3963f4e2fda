"""The last minutes of the whole system, for the curves of the first page.

Kept in this process, as long as somebody looks: what edges report and what the database counts, a look every few
seconds, and no more of them than are drawn. Nothing is asked of an edge.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from cups_site.metrics.database import Figures
from presence.models import EdgeLease

POINTS: Final = 60
"Looks that are kept: ten minutes at one every ten seconds, some 30 kB."

APART: Final = 4.0
"Seconds between two looks that are kept; whoever asks sooner is shown the last one."

WORST: Final = 8
"Codes of error answers that are named, the most frequent first."


CHALLENGES: Final = ("401", "407")
"Answers that ask for credentials: every client is given them, and nothing is wrong."


class Count(NamedTuple):
    """What one edge has counted since it began."""

    at: float
    "When it said so, in seconds."
    received: int
    answers: dict[str, int]
    "Code -> answers."


class Look(NamedTuple):
    """The system at one moment."""

    at: float
    received: float
    "Messages a second."
    answers: dict[str, float]
    "Class (2xx to 6xx) -> answers a second."
    errors: dict[str, int]
    "Code from 400 on -> answers since the look before."
    registered: int
    subscriptions: int
    queues: int
    "What waits in all edges."
    late: float
    "Seconds for which the sweep is late."


class Rate(NamedTuple):
    """What went on at one edge between its last two reports."""

    received: float = 0.0
    answers: dict[str, float] = {}
    errors: dict[str, int] = {}


class Pulse:
    """Looks at the running edges and at the figures, the newest last; any thread may ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[str, Count] = {}
        self._rates: dict[str, Rate] = {}
        self._looks: deque[Look] = deque(maxlen=POINTS)

    def look(self, running: Iterable[EdgeLease], figures: Figures | None) -> list[Look]:
        """All looks that are kept, with one at this moment."""
        with self._lock:
            now = self._clock()
            if not self._looks or now - self._looks[-1].at >= APART:
                self._looks.append(self._new(now, list(running), figures))
            return list(self._looks)

    def _new(self, now: float, running: list[EdgeLease], figures: Figures | None) -> Look:
        errors = self._report({f"{lease.edge} {lease.started_at.isoformat()}": _count(lease) for lease in running})
        answers: dict[str, float] = {}
        for rate in self._rates.values():
            for name, number in rate.answers.items():
                answers[name] = answers.get(name, 0.0) + number
        return Look(
            now,
            sum(rate.received for rate in self._rates.values()),
            answers,
            errors,
            figures.bindings if figures is not None else 0,
            sum(figures.subscriptions.values()) if figures is not None else 0,
            sum(sum(lease.report.get("queues", {}).values()) for lease in running),
            max(figures.sweep_lag.values(), default=0.0) if figures is not None else 0.0,
        )

    def _report(self, counts: dict[str, Count]) -> dict[str, int]:
        """Take what edges say now; error answers that are new. An edge that has begun anew counts from there."""
        errors: Counter[str] = Counter()
        rates = {}
        for key, count in counts.items():
            before = self._counts.get(key)
            if before is not None and count.at <= before.at:
                rates[key] = self._rates.get(key, Rate())  # it has said nothing new
                counts[key] = before
            elif before is not None:
                rates[key] = _rate(before, count)
                errors.update(rates[key].errors)
        self._counts, self._rates = counts, rates
        return dict(errors)


def _rate(before: Count, after: Count) -> Rate:
    seconds = after.at - before.at
    more = {code: number - before.answers.get(code, 0) for code, number in after.answers.items()}
    classes: dict[str, float] = {}
    for code, number in more.items():
        classes[f"{code[0]}xx"] = classes.get(f"{code[0]}xx", 0.0) + number / seconds
    errors = {code: number for code, number in more.items() if code >= "4" and code not in CHALLENGES and number > 0}
    return Rate((after.received - before.received) / seconds, classes, errors)


PULSE: Final = Pulse()
"One for all who look."


def _count(lease: EdgeLease) -> Count:
    report = lease.report
    return Count(
        lease.renewed_at.timestamp(), report.get("transactions", {}).get("received", 0), report.get("answers", {})
    )


def curves(looks: list[Look]) -> dict[str, Any]:
    """What the page draws: the same number of points for each curve, the last one being now."""
    now = looks[-1].at
    classes = sorted({name for look in looks for name in look.answers} | {"2xx"})
    return {
        "seconds": [round(look.at - now) for look in looks],
        "received": [round(look.received, 2) for look in looks],
        "answers": {name: [round(look.answers.get(name, 0.0), 2) for look in looks] for name in classes},
        "registered": [look.registered for look in looks],
        "subscriptions": [look.subscriptions for look in looks],
        "queues": [look.queues for look in looks],
        "late": [round(look.late) for look in looks],
    }


def errors(looks: list[Look]) -> list[tuple[str, int]]:
    """Codes of error answers in these minutes, with their number."""
    found = Counter[str]()
    for look in looks:
        found.update(look.errors)
    return found.most_common(WORST)

"""What was refused or dropped: counted by reason and by address, so that an operator sees who was turned away, why.

Memory is bounded whoever comes: of many addresses those with the most refusals are kept. The log tells of the first
time of each address and reason, and of failed TLS handshakes, a few lines a minute.
"""

from collections import Counter, OrderedDict
from collections.abc import Hashable
from datetime import datetime
from typing import Any, TypeVar

import structlog

log = structlog.get_logger(__name__)

CONNECTIONS = "too many connections"
HALF_OPEN = "too many half-open connections"
TRANSACTIONS = "too many requests at once"
OVERLOAD = "too many transactions"
THROTTLED = "credentials not looked at"
WRONG_CREDENTIALS = "wrong credentials"
UNTRUSTED = "untrusted peer"
PUBLISH_RATE = "publish rate"
MESSAGE_RATE = "message rate"
MALFORMED = "malformed"
OVERSIZED = "oversized"
SLOW = "slow message"
UNREAD = "not read by the peer"
QUEUE_FULL = "send queue full"
UNREACHABLE = "unreachable"
TLS = "TLS: "
"Begins the reasons of handshakes that failed; OpenSSL's words follow."

MAX_KEPT = 1_000
"Addresses with their reasons, or names, that are counted each; then the half with fewer refusals is forgotten."

MAX_ERRORS = 20
"Different TLS errors that are kept, the newest."

SHOWN = 20
"Addresses and names in a report."

LINES = 10
"Log lines in a minute: a flood of refusals is no flood of lines."

MINUTE = 60.0
"Seconds."

LONGEST_TEXT = 200
"Characters of a peer's words that are kept."

K = TypeVar("K", bound=Hashable)


class Refusals:
    """The counts of one edge since it was started."""

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        self.peers: Counter[tuple[str, str]] = Counter()
        "By address and reason."
        self.names: Counter[str] = Counter()
        "Names in certificates of peers that are not trusted."
        self._errors: OrderedDict[tuple[str, str, str], tuple[int, datetime]] = OrderedDict()
        self._minute: datetime | None = None
        self._lines = 0

    def count(self, reason: str, peer: str, now: datetime) -> None:
        """Something of this address was refused or dropped."""
        self.reasons[reason] += 1
        if _add(self.peers, (peer, reason)) == 1 and self._may_log(now):
            log.info("refused", reason=reason, peer=peer)

    def untrusted(self, peer: str, names: frozenset[str], now: datetime) -> None:
        """A peer of the engine is not trusted; `names`: the domains in its certificate."""
        self.count(UNTRUSTED, peer, now)
        for name in names:
            _add(self.names, printable(name))

    def tls_failed(self, peer: str, listener: str, why: str, now: datetime) -> None:
        """A handshake failed, or TLS broke later; `listener`: its address and port."""
        why = printable(why)
        self.reasons[TLS + why] += 1
        _add(self.peers, (peer, TLS + why))
        times, _ = self._errors.pop((peer, listener, why), (0, now))
        self._errors[peer, listener, why] = (times + 1, now)
        if len(self._errors) > MAX_ERRORS:
            self._errors.popitem(last=False)
        if self._may_log(now):
            log.warning("TLS failed", peer=peer, listener=listener, why=why)

    def report(self) -> dict[str, Any]:
        """The counts as JSON, the greatest first."""
        return {
            "reasons": [{"reason": reason, "count": count} for reason, count in self.reasons.most_common()],
            "peers": [
                {"address": address, "reason": reason, "count": count}
                for (address, reason), count in self.peers.most_common(SHOWN)
            ],
            "names": [{"name": name, "count": count} for name, count in self.names.most_common(SHOWN)],
        }

    def errors(self) -> list[dict[str, Any]]:
        """The last TLS errors as JSON, the newest first; an equal one again is one entry."""
        return [
            {"at": at.isoformat(), "peer": peer, "listener": listener, "why": why, "count": times}
            for (peer, listener, why), (times, at) in reversed(self._errors.items())
        ]

    def _may_log(self, now: datetime) -> bool:
        if self._minute is None or (now - self._minute).total_seconds() >= MINUTE:
            if self._lines > LINES:
                log.info("refusals without a line of their own", count=self._lines - LINES)
            self._minute, self._lines = now, 0
        self._lines += 1
        return self._lines <= LINES


def printable(text: str) -> str:
    """A peer's words for logs and columns: no control characters, no NUL, not endless."""
    return "".join(one if one.isprintable() else "?" for one in text[:LONGEST_TEXT])


def _add(counts: Counter[K], key: K) -> int:
    """Count; the number that it has now."""
    counts[key] += 1
    times = counts[key]
    if len(counts) > MAX_KEPT:
        kept = counts.most_common(MAX_KEPT // 2)
        counts.clear()
        counts.update(dict(kept))
    return times

"""What another policy would do to live subscriptions: who stops seeing whom, and who sees something else.

Nothing is decided here: both policies are put to the functions that serve SIP watchers (`presence.access`, the engine's
composition), and the two answers are compared. No I/O: `presence.previewing` brings policies and rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from presence.access import sight
from presence.engine import media, reading
from presence.engine.authorization import Effect
from presence.engine.differences import differences
from presence.engine.errors import DomainError
from presence.engine.filtering import PENDING, POLITE, View
from presence.explanation import told
from presence.lists import may_subscribe, members_of
from presence.presentity import Presentity
from presence.rows import LIST, SubscriptionRow
from provisioning.policy import Policy
from provisioning.uri import Aor

ENDED = "ended"
BLOCKED_POLITELY = "politely_blocked"
WAITS = "pending"
CHANGED = "changed"
ALLOWED = "allowed"

OUTCOMES = {
    ENDED: "cut off",
    BLOCKED_POLITELY: "blocked politely",
    WAITS: "waiting for a decision",
    CHANGED: "seeing something else",
    ALLOWED: "let in",
}
"What can become of a watcher, the worst first, in words that stand behind a number."

REJECTED, NO_RESOURCE = "rejected", "noresource"
"Reasons of an end (D-13)."

_OPEN = ""
_HOW = {POLITE: BLOCKED_POLITELY, PENDING: WAITS}


class Look(NamedTuple):
    """What a watcher is shown of an address under one policy."""

    how: str
    "ENDED, BLOCKED_POLITELY, WAITS, or empty: the state, through the view."
    reason: str = ""
    "Of the end."
    key: int = 0
    "Whose state it is, where it is not ended."
    view: View = View()


class Pair(NamedTuple):
    """A subscription and one address that it tells about, under both policies."""

    row: SubscriptionRow
    uri: Aor
    before: Look
    after: Look

    @property
    def through(self) -> str:
        """The list that it is told through; empty for a subscription of its own."""
        return self.row.uri if self.row.kind == LIST and self.row.uri != self.uri else ""


@dataclass(frozen=True, slots=True)
class Affected:
    """Somebody for whom something changes."""

    outcome: str
    "Of OUTCOMES."
    reason: str
    "Of an end (D-13)."
    watcher: Aor
    presentity: Aor
    through: str
    user_agent: str
    before: str
    "The state that the watcher is shown, in words; empty when it is shown none."
    after: str
    differences: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """In one sentence."""
        whom = f"{self.presentity} through the list {self.through}" if self.through else self.presentity
        if self.outcome == ENDED:
            return f"{self.watcher} stops seeing {whom} ({self.reason})."
        if self.outcome == BLOCKED_POLITELY:
            return f"{self.watcher} is blocked politely: it only sees {whom} as {self.after}."
        if self.outcome == WAITS:
            return f"{self.watcher} has to wait until {whom} has decided: it only sees {self.after}."
        if self.outcome == ALLOWED:
            return f"{self.watcher} may see {whom} now{f', as {self.after}' if self.after else ''}."
        return f"{self.watcher} sees {whom} differently: {'; '.join(self.differences)}."


@dataclass(frozen=True, slots=True)
class Impact:
    """What becomes of all live subscriptions that a change can touch."""

    affected: tuple[Affected, ...]
    "The worst first."
    unchanged: int
    "Pairs of watcher and presentity for whom nothing changes."
    looked_at: int
    "Subscriptions."
    live: int
    "Subscriptions that the change can touch: more than were looked at, when there are too many."

    @property
    def complete(self) -> bool:
        """All of them were looked at."""
        return self.looked_at >= self.live

    def counts(self) -> dict[str, int]:
        """How many there are of each outcome."""
        return {name: sum(one.outcome == name for one in self.affected) for name in OUTCOMES}


def asked_for(policy: Policy, row: SubscriptionRow) -> list[Aor]:
    """The addresses that a subscription tells about; none for a list that is gone or refused."""
    if row.kind != LIST:
        return [Aor(row.uri)]
    if _list_end(policy, row):
        return []
    found = policy.lists.get(Aor(row.uri))
    uris: Iterable[Aor] = map(Aor, row.members.split("\n")) if row.members or found is None else found.members
    return members_of(policy, uris, Aor(row.watcher))


def pairs(before: Policy, after: Policy, rows: Iterable[SubscriptionRow]) -> Iterator[Pair]:
    """Each subscription with all that it tells about."""
    for row in rows:
        if row.kind != LIST:
            uri = Aor(row.uri)
            yield Pair(row, uri, _look(before, row, uri), _look(after, row, uri))
            continue
        ends = _list_end(before, row), _list_end(after, row)
        if any(ends):
            uri = Aor(row.uri)
            yield Pair(row, uri, *(Look(ENDED, end) if end else Look(_OPEN) for end in ends))
            continue
        for uri in dict.fromkeys([*asked_for(before, row), *asked_for(after, row)]):
            yield Pair(row, uri, _look(before, row, uri), _look(after, row, uri))


def touched(found: Sequence[Pair], before: Policy, after: Policy) -> list[Pair]:
    """Those of whom the documents have to be compared, or who get another answer."""
    composed_alike = _same_composition(before, after)
    return [
        one
        for one in found
        if one.before != one.after
        or (one.before.how == _OPEN and one.before.key and not (composed_alike and _same_mappings(one, before, after)))
    ]


def affected(
    found: Iterable[Pair],
    before: Policy,
    after: Policy,
    held_before: Mapping[int, Presentity],
    held_after: Mapping[int, Presentity],
    now: datetime,
) -> list[Affected]:
    """What becomes of the touched ones; `held_…` have the components of everybody that they are shown, by key."""
    made = []
    for one in found:
        old = _said(one, one.before, before, held_before, now)
        new = _said(one, one.after, after, held_after, now)
        outcome = one.after.how or (CHANGED if one.before.how == _OPEN else ALLOWED)
        if one.before.how == one.after.how and (outcome != CHANGED or old is None or new is None or old[0] == new[0]):
            continue
        apart: tuple[str, ...] = ()
        if outcome == CHANGED and old is not None and new is not None:
            apart = differences(old[1], new[1])
        row = one.row
        made.append(
            Affected(
                outcome, one.after.reason, Aor(row.watcher), one.uri, one.through, row.user_agent,
                old[1].state.label if old is not None else "", new[1].state.label if new is not None else "", apart,
            )
        )  # fmt: skip
    order = list(OUTCOMES)
    made.sort(key=lambda one: (order.index(one.outcome), one.watcher, one.presentity))
    return made


def _look(policy: Policy, row: SubscriptionRow, uri: Aor) -> Look:
    found = sight(policy, uri, Aor(row.watcher), row.user_agent)
    if found is None or found[0].kind == LIST:
        return Look(ENDED, NO_RESOURCE)
    target, judgement = found
    if row.kind != LIST and (target.kind, target.key) != (row.kind, row.key):  # the address leads to somebody else now
        return Look(ENDED, NO_RESOURCE)
    if judgement.effect is Effect.BLOCK:
        return Look(ENDED, REJECTED)
    return Look(_HOW.get(judgement.view.mask, _OPEN), "", target.key, judgement.view)


def _list_end(policy: Policy, row: SubscriptionRow) -> str:
    """Why a subscription to a list cannot go on; empty when it can."""
    if row.members:
        return ""
    found = policy.lists.get(Aor(row.uri))
    if found is None:
        return NO_RESOURCE
    return "" if may_subscribe(found, Aor(row.watcher), policy) else REJECTED


def _same_composition(before: Policy, after: Policy) -> bool:
    names = ("sources", "capabilities", "rules", "settings", "device_types", "device_sources", "servers")
    return all(getattr(before, name) == getattr(after, name) for name in names)


def _same_mappings(one: Pair, before: Policy, after: Policy) -> bool:
    return before.mappings.get(one.before.key) == after.mappings.get(one.after.key)


def _said(
    one: Pair, look: Look, policy: Policy, held: Mapping[int, Presentity], now: datetime
) -> tuple[str, reading.Shown] | None:
    """(the document's digest, what a client shows of it); None when nothing is shown."""
    presentity = held.get(look.key)
    if look.how == ENDED or presentity is None:
        return None
    accept = media.for_members(one.row.accept) if one.row.kind == LIST else one.row.accept
    sources = presentity.sources_for(one.row.watcher, accept)
    body, state = told(presentity, one.uri, look.view, policy, now, sources)
    digest = presentity.document(one.uri, look.view, policy, now, sources).digest
    try:
        shown = reading.read(body)
    except DomainError:  # many devices together can say more than is read (D-39)
        return digest, reading.Shown(state, (), "", ())
    return digest, reading.Shown(state, shown.activities, shown.note, shown.devices)

"""Time lines: what happened to a user's state, which component did it, and who was told; only while that is wanted.

Edges and the door for programs hand in entries; the sweep adds what ran out unnoticed and deletes what is old. The
number of an entry is made from what it says, so that several edges that see the same thing write it once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

import structlog

from presence import store
from presence.engine import pidf
from presence.engine.errors import DomainError
from presence.engine.types import Document
from presence.models import Publication, TimelineEntry
from presence.presentity import Presentity, from_loaded
from presence.rows import BackendRow, PublicationRow
from provisioning.models import EngineSettings, Persona
from provisioning.policy import PersonaFacts, Policy

log = structlog.get_logger(__name__)

MADE, CHANGED, ENDED = TimelineEntry.MADE, TimelineEntry.CHANGED, TimelineEntry.ENDED
BACKEND, POLICY = TimelineEntry.BACKEND, TimelineEntry.POLICY
TOLD, CUT_OFF = TimelineEntry.TOLD, TimelineEntry.CUT_OFF

WEB = "web"
"In place of an edge's name: REST."

SWEEP = "sweep"
"In place of an edge's name: no edge had the user in memory when it happened."

DETAIL = 300
"Characters of what an entry says: names of clients come from anywhere."

ADDRESSES = 20
"Watchers that an entry names; the number is of all."

SHOWN = 500
"Entries in one answer: more than anybody reads."

FOLLOWS = timedelta(minutes=1)
"How long after a change those who are told are told because of it."


class Entry(NamedTuple):
    """A row of `presence.models.TimelineEntry`, in the order of its columns."""

    id: int
    at: datetime
    key: int
    aor: str
    edge: str
    what: str
    detail: str
    before: str = ""
    "The composed state in words; empty where it is not known or not concerned."
    after: str = ""
    count: int = 0
    "Notifications."
    watchers: str = ""
    "Addresses, one a line."


def number(*said: object) -> int:
    """The id of an entry that says this."""
    return int.from_bytes(blake2b("\x01".join(map(str, said)).encode("utf-8", "replace"), digest_size=8).digest()) >> 1


def clean(text: str) -> str:
    """Text that every database takes and every page shows."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:DETAIL])


def of_publication(row: PublicationRow) -> str | None:
    """What became of a publication that was committed like this; None for a refresh, which changes nothing."""
    if not row.body:
        return ENDED
    if row.version == 1:
        return MADE
    return CHANGED if row.changed_at == row.updated_at else None


def described(row: PublicationRow, document: Document | None) -> str:
    """A publication in words: whose, by which client and source, and what it says of the person."""
    words = f"{row.user_agent or 'unknown client'} of {row.publisher or 'nobody known'} by {row.door}"
    if document is None and row.body:
        try:
            document = pidf.parse(row.body, dialects=True)
        except DomainError:  # it was accepted once, and is not read any more
            return clean(words)
    if document is not None:
        if document.sources:
            words += ", source " + ", ".join(f"“{source}”" for source in dict.fromkeys(document.sources))
        said = dict.fromkeys(one.name.rpartition("}")[2] for one in document.activities)
        words += f": {', '.join(said)}" if said else ""
        words += f"; {sum(one.basic == 'open' for one in document.tuples)} of {len(document.tuples)} devices open"
    return clean(words)


def described_backend(row: BackendRow) -> str:
    """A foreign state in words."""
    said = f"{row.foreign}: subscription {row.state}" + (f" ({row.reason})" if row.reason else "")
    return clean(said if row.body else f"{said}, no state")


def write(entries: Sequence[Entry]) -> None:
    """Keep entries; those that are there already stay as they are. Raises DatabaseAway."""
    with store.away_when_lost():
        rows = [TimelineEntry(**entry._asdict()) for entry in entries]
        TimelineEntry.objects.bulk_create(rows, ignore_conflicts=True)


def wanted(persona_id: int, policy: Policy) -> bool:
    """This user's time line is kept; `policy` need not know all users."""
    return policy.settings.timeline or Persona.objects.filter(pk=persona_id, timeline=True).exists()


def published(
    persona: PersonaFacts, row: PublicationRow, before: Presentity | None, policy: Policy, now: datetime
) -> None:
    """A publication was committed by the door for programs; `before` has the components of before.

    It is durable already, so a database that goes away meanwhile is no error of the caller's.
    """
    what = of_publication(row)
    if what is None:
        return
    try:
        with store.away_when_lost():
            if not wanted(persona.id, policy):
                return
            after = from_loaded(store.load([persona.id], now))
            entry = Entry(
                number(row.id, row.version, what), now, persona.id, persona.aor, WEB, what, described(row, None),
                before.composed(policy, now).state.label if before is not None else "",
                after[0].composed(policy, now).state.label if after else "",
            )  # fmt: skip
            write([entry])
    except store.DatabaseAway:
        log.error("an entry of a time line is lost", user=persona.aor)


def note_ran_out(ids: Sequence[int]) -> None:
    """Of these publications, which are about to be deleted, write down those that ran out, unless an edge has."""
    of_all = EngineSettings.objects.filter(timeline=True).exists()
    if not ids or not (of_all or Persona.objects.filter(timeline=True).exists()):
        return
    for part in _parts(ids):
        rows = Publication.objects.filter(pk__in=part).exclude(body=b"").select_related("persona").order_by()
        entries = []
        for one in rows if of_all else rows.filter(persona__timeline=True):
            row = PublicationRow(*(getattr(one, name) for name in PublicationRow._fields))
            entries.append(ran_out(row._replace(body=bytes(row.body)), one.persona.aor, SWEEP))
        write(entries)


def ran_out(row: PublicationRow, aor: str, edge: str, before: str = "", after: str = "") -> Entry:
    """The end of a publication that was not refreshed in time."""
    said = clean(f"ran out: {described(row, None)}")
    name = number(row.id, row.version, "ran out")
    return Entry(name, row.expires_at, row.persona_id, aor, edge, ENDED, said, before, after)


def sweep(now: datetime, most: int) -> int:
    """Delete the oldest entries beyond what the operator keeps; their number."""
    days = EngineSettings.objects.values_list("timeline_days", flat=True).first()
    if days is None:  # nothing is provisioned yet
        return 0
    old = TimelineEntry.objects.filter(at__lt=now - timedelta(days=days)).order_by("at")
    ids = list(old.values_list("pk", flat=True)[:most])
    return sum(TimelineEntry.objects.filter(pk__in=part).delete()[0] for part in _parts(ids))


def _parts(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    """For one statement each, so that other writers have their turn."""
    return (ids[start : start + store.LOADED_AT_ONCE] for start in range(0, len(ids), store.LOADED_AT_ONCE))


@dataclass(frozen=True, slots=True)
class Moment:
    """A user's state at a time."""

    at: datetime
    state: str
    "In words; empty when nothing is known of that time."
    since: datetime | None
    cause: TimelineEntry | None
    "What made it so."
    told: TimelineEntry | None
    "Who was told of it first."


def state_at(persona_id: int, at: datetime) -> Moment:
    """The state at a time, what made it so, and who was told."""
    rows = TimelineEntry.objects.filter(key=persona_id)
    cause = rows.filter(at__lte=at).exclude(after="").order_by("-at", "-id").first()
    if cause is None:
        return Moment(at, "", None, None, None)
    told = rows.filter(what=TOLD, at__gte=cause.at, at__lte=cause.at + FOLLOWS).order_by("at", "id").first()
    following = rows.filter(at__gt=cause.at).exclude(after="").order_by("at", "id").first()
    if told is not None and following is not None and told.at >= following.at:
        told = None  # they were told of the next one
    return Moment(at, cause.after, cause.at, cause, told)


def between(persona_id: int, since: datetime | None, until: datetime | None) -> tuple[list[TimelineEntry], bool]:
    """(entries of a time, the newest first, whether there are older ones that are left off)."""
    rows = TimelineEntry.objects.filter(key=persona_id)
    if since is not None:
        rows = rows.filter(at__gte=since)
    if until is not None:
        rows = rows.filter(at__lte=until)
    found = list(rows.order_by("-at", "-id")[: SHOWN + 1])
    return found[:SHOWN], len(found) > SHOWN

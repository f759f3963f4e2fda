"""Acting on live objects, from every door: the edge that has them is asked (DESIGN section 15); who did it is noted.

An edge answers row by row (`sipedge.live_objects`). No answer is never a success: those rows are refused with 503.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import structlog
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError
from django.utils import timezone

from presence.models import EdgeLease
from provisioning import asking
from provisioning.history.doors import author

log = structlog.get_logger(__name__)

PATIENCE: Final = 10.0
"Seconds for an answer: what is ended is written down first, and foreign servers may have to be reached."

NAME: Final = 200
"Characters of what a row is called in the admin's log."

AWAY: Final = 503
"Status of rows whose edge has not answered."


@dataclass(frozen=True, slots=True)
class Act:
    """Something that is done to rows of one table."""

    command: str
    said: str
    "In the admin's log."
    ends: bool = True
    anywhere: bool = False
    "Any edge can do it; else only the one that the row names."


END_SUBSCRIPTION: Final = Act("subscription.end", "Ended")
RESEND: Final = Act("subscription.resend", "The state was sent again", ends=False)
END_PUBLICATION: Final = Act("publication.end", "Ended", anywhere=True)
END_BINDING: Final = Act("binding.end", "Ended", anywhere=True)
REFRESH_BACKEND: Final = Act("backend.refresh", "Refreshed", ends=False)
END_BACKEND: Final = Act("backend.end", "Ended")


class Refusal(NamedTuple):
    """A row that nothing was done to, or of which that is not known (503)."""

    id: int
    status: int
    why: str
    "A sentence."


@dataclass(frozen=True, slots=True)
class Result:
    """What became of each row."""

    done: list[int]
    refused: list[Refusal]


def perform(act: Act, rows: Sequence[Any], **arguments: Any) -> Result:
    """Ask the edges to do this to these rows of one table, and note who has done it."""
    result = Result([], [])
    for edges, ids in _edges(act, rows, timezone.now()):
        _ask(edges, act.command, ids, arguments, result)
    done = set(result.done)
    _note(act, [row for row in rows if row.pk in done], arguments)
    return result


def _edges(act: Act, rows: Iterable[Any], now: datetime) -> list[tuple[list[str], list[int]]]:
    """(the edges to be asked, one after the other until one listens, ids of rows)."""
    running = []
    if act.anywhere:
        leases = list(EdgeLease.running(now).order_by("-renewed_at"))
        running = [lease.edge for lease in sorted(leases, key=lambda lease: lease.draining)]
    by_edge: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        by_edge[getattr(row, "edge", "")].append(row.pk)
    if not act.anywhere:
        return [([edge], ids) for edge, ids in by_edge.items()]
    # First the one that the row names, if it runs: there it counts at once.
    return [(sorted(running, key=lambda one, own=edge: one != own), ids) for edge, ids in by_edge.items()]


def _ask(edges: Sequence[str], command: str, ids: list[int], arguments: dict[str, Any], result: Result) -> None:
    why = "No edge runs."
    for edge in edges:
        try:
            answer = asking.ask_now(edge, command, patience=PATIENCE, ids=ids, **arguments)
        except asking.NotHeard:
            why = f"Edge {edge} does not listen; nothing was done."
            continue
        except asking.NoAnswer:
            why = f"Edge {edge} has not answered; whether it was done is not known."
            break
        except asking.Refused as refused:
            result.refused.extend(Refusal(id, refused.status, refused.reason) for id in ids)
            return
        result.done.extend(answer["done"])
        result.refused.extend(Refusal(*one) for one in answer["refused"])
        return
    result.refused.extend(Refusal(id, AWAY, why) for id in ids)


def _note(act: Act, rows: Sequence[Any], arguments: dict[str, Any]) -> None:
    """In the log of the process, and in the admin's log, under the account."""
    if not rows:
        return
    who = author()
    log.info(
        "live objects were acted on", command=act.command, ids=[row.pk for row in rows], account=who.name,
        door=str(who.door), **arguments,
    )  # fmt: skip
    if who.account is None:
        return
    said = " ".join([act.said, *(f"({value})" for value in arguments.values()), f"by {who.door.label}"])
    kind = ContentType.objects.get_for_model(rows[0])
    flag = DELETION if act.ends else CHANGE
    entries = [
        LogEntry(
            user_id=who.account, content_type=kind, object_id=str(row.pk), object_repr=_named(row)[:NAME],
            action_flag=flag, change_message=said,
        )
        for row in rows
    ]  # fmt: skip
    try:
        LogEntry.objects.bulk_create(entries)
    except DatabaseError:  # it was done all the same, and the line above says by whom
        log.error("the admin's log could not be written", command=act.command)


def _named(row: Any) -> str:
    """What people know it by: a contact or a publication says nothing without its user."""
    text, persona = str(row), getattr(row, "persona", None)
    return text if persona is None or persona.aor in text else f"{text} of {persona.aor}"

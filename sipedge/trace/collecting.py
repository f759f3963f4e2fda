"""The trace of all edges as one: each is asked for its page, and the pages are put together by time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from presence.engine.errors import TryAgainLater
from presence.models import EdgeLease
from provisioning import asking
from sipedge.trace import export
from sipedge.trace.answers import MAX_PAGE
from sipedge.trace.filters import Filter

COMMAND = "trace"

RETRY_AFTER = 5
"Seconds until somebody may try again while no edge answers."

EXPORTED = 20_000
"Messages of one file: all that two edges keep as they are installed."


@dataclass(frozen=True, slots=True)
class Page:
    """What the edges have answered."""

    entries: list[dict[str, Any]]
    "Oldest first, each with its `edge`, and its `time` in words."
    until: int
    "The page has everything up to this number: whoever follows goes on from here."
    more: bool
    "A limit has ended it: at its newer end where something after a number was asked for, else at its older end."
    on: bool
    "Some edge keeps a trace."
    silent: list[str]
    "Edges that run, but have not answered."


def page(
    wanted: Mapping[str, str], *, since: int | None = None, before: int | None = None, limit: int, full: bool
) -> Page:
    """A page of what is kept and wanted (`filters`). Raises BadFilter, or TryAgainLater when no edge answers."""
    Filter.parse(wanted)
    given = {"wanted": dict(wanted), "since": since, "before": before, "limit": limit, "full": full}
    answers = asking.ask_all_now(_running(), COMMAND, **given)
    heard = {edge: answer for edge, answer in answers.items() if answer is not None}
    if not heard:
        raise TryAgainLater(RETRY_AFTER)
    return _merged(heard, since, limit, sorted(answers.keys() - heard.keys()))


def _merged(heard: Mapping[str, Mapping[str, Any]], since: int | None, limit: int, silent: list[str]) -> Page:
    """Of the edges' pages what is complete: nothing of one is shown where another's has ended already."""
    until = max(since or 0, min(answer["until"] for answer in heard.values()))
    cut = [answer["entries"][0]["number"] for answer in heard.values() if answer["more"]]
    begin = max(cut, default=0) if since is None else 0
    entries = [
        {"edge": edge, "time": export.time_of(one["number"]), **one}
        for edge, answer in heard.items()
        for one in answer["entries"]
        if begin <= one["number"] <= until
    ]
    entries.sort(key=lambda one: (one["number"], one["edge"]))
    more = len(entries) > limit or any(answer["more"] for answer in heard.values())
    if since is not None and len(entries) > limit:
        until = entries[limit - 1]["number"]
    entries = entries[-limit:] if since is None else entries[:limit]
    return Page(entries, until, more, any(answer["on"] for answer in heard.values()), silent)


def everything(wanted: Mapping[str, str], *, since: int = 0) -> list[dict[str, Any]]:
    """The messages after a number that are kept and wanted, the oldest EXPORTED. Raises as `page` does."""
    found: list[dict[str, Any]] = []
    more = True
    while more and len(found) < EXPORTED:
        one = page(wanted, since=since, limit=MAX_PAGE, full=True)
        found += one.entries
        since, more = one.until, one.more and bool(one.entries)
    return found[:EXPORTED]


def message(edge: str, number: int) -> dict[str, Any] | None:
    """One entry with its message; None when it is kept no more. Raises TryAgainLater."""
    given = {"wanted": {}, "since": number - 1, "limit": 1, "full": True}
    try:
        answer = asking.ask_now(edge, COMMAND, **given)
    except (asking.NoAnswer, asking.Refused):
        raise TryAgainLater(RETRY_AFTER) from None
    entries = [one for one in answer["entries"] if one["number"] == number]
    return {"edge": edge, "time": export.time_of(number), **entries[0]} if entries else None


def _running() -> list[str]:
    return list(EdgeLease.running(timezone.now()).values_list("edge", flat=True))

"""The edge's answer to the command `trace`: a page of the ring, with secrets out of sight (DESIGN section 15)."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sipedge.sip.flow import Address
from sipedge.trace import masking, reading
from sipedge.trace.filters import Filter
from sipedge.trace.reading import Facts
from sipedge.trace.ring import Entry

if TYPE_CHECKING:
    from sipedge.worker import Edge

MAX_PAGE = 500
"Entries of one answer."

MAX_OCTETS = 524_288
"Octets of the messages in one answer: the bus carries it whole, and the web side holds one for each edge."

TURN = 0.002
"Seconds of reading in one turn of the loop; messages are handled in between."


class Teller:
    """Answers from the ring."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge

    async def trace(
        self, *, wanted: dict[str, str], since: int | None = None, before: int | None = None, limit: int, full: bool
    ) -> dict[str, Any]:
        """A page of what is kept and wanted (`filters`), oldest first.

        `since`: what comes after this number, from there on; without it the newest, those before `before` where it is
        given. `full`: with the messages themselves. In the answer, `until` is the number that the page is complete up
        to, and `more` says that the limits ended it, at its newer end with `since`, else at its older end.
        """
        ring, filter = self._edge.trace, Filter.parse(wanted)
        until, kept = ring.settled(), ring.entries()
        candidates = [
            one
            for one in kept
            if (since is None or one.number > since)
            and (before is None or one.number < before)
            and filter.may_match(one)
        ]
        page, more = await self._page(
            candidates if since is not None else reversed(candidates), filter, min(limit, MAX_PAGE), full
        )
        if more and since is not None:
            until = page[-1]["number"]
        if since is None:
            page.reverse()
        return {"on": ring.on, "entries": page, "until": until, "more": more}

    async def _page(
        self, entries: Iterable[Entry], filter: Filter, limit: int, full: bool
    ) -> tuple[list[dict[str, Any]], bool]:
        bodies = self._edge.policy.settings.trace_bodies
        loop = self._edge.loop
        turn_ends = loop.time() + TURN
        page: list[dict[str, Any]] = []
        octets = 0
        for entry in entries:
            if loop.time() >= turn_ends:
                await asyncio.sleep(0)
                turn_ends = loop.time() + TURN
            facts = reading.read(entry)
            if not filter.matches(facts):
                continue
            if len(page) >= limit or octets >= MAX_OCTETS:
                return page, True
            page.append(row(entry, facts))
            if full:
                page[-1]["message"] = shown(entry, bodies=bodies)
                octets += len(page[-1]["message"])
        return page, False


def row(entry: Entry, facts: Facts) -> dict[str, Any]:
    """An entry without its message."""
    return {
        "number": entry.number,
        "direction": "out" if entry.outgoing else "in",
        "transport": entry.flow.transport,
        "local": _text(entry.flow.local),
        "remote": _text(entry.flow.remote),
        "protocol": facts.protocol,
        "first_line": facts.first_line,
        "method": facts.method,
        "status": facts.status,
        "call_id": facts.call_id,
        "cseq": facts.cseq,
        "from": facts.from_,
        "to": facts.to,
        "user": entry.user or "",
        "invoke": entry.invoke,
        "document": facts.document,
        "device": facts.devices[0] if facts.devices else "",
        "octets": entry.octets,
        "cut": len(entry.data) < entry.octets,
    }


def shown(entry: Entry, *, bodies: bool) -> str:
    """The message of an entry, as people may see it."""
    show = masking.message if entry.invoke is None else masking.document
    return show(entry.data, bodies=bodies)


def _text(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""Time lines at an edge: what happens is noted in memory, and written in batches by a thread of its own.

Nobody waits for it: a state is composed when the answer has left, as for watchers, and what is more than memory holds
while the database is away is lost, with a line in the edge's log. While no time line is kept, each place that notes
something asks `on`, and that is all.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from presence import timeline
from presence.rows import BackendRow, PublicationRow
from presence.store import DatabaseAway
from presence.timeline import ADDRESSES, BACKEND, CUT_OFF, POLICY, TOLD, Entry
from provisioning.policy import Policy

if TYPE_CHECKING:
    from presence.publications import PublishPlan
    from sipedge.dialogs import Content, LiveSubscription
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

INTERVAL = 1.0
"Seconds between two batches; those who are told of one change within one are one entry."

BATCH = 1_000
"Entries in one transaction: a few hundredths of a second."

MAX_WAITING = 20_000
"Entries in memory while the database is away, some 10 MB; what comes then is lost."

MAX_KNOWN = 50_000
"Users whose last state is remembered, so that an entry can say what it was before."

LOOKED_AT = 100
"States composed in one turn of the loop after a change of policy: some hundredths of a second."

CUTTING = frozenset({"rejected", "noresource"})
"Ends of subscriptions that a user's time line tells of: others are the watcher's own affair."


class _Told:
    """Those who were told about one user since the last batch."""

    __slots__ = ("at", "count", "watchers")

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.count = 0
        self.watchers: dict[str, None] = {}


class Timeline:
    """What this edge has to say for time lines."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge
        self.on = False
        "Somebody's time line is kept."
        self._all = False
        self._chosen: frozenset[int] = frozenset()
        self._states: dict[int, str] = {}
        "The last state that is known, in words, by user; the oldest first."
        self._entries: deque[Entry] = deque()
        self._told: dict[int, _Told] = {}
        self._writer = ThreadPoolExecutor(1, "timeline")
        self.lost = 0
        "Entries that were not written."

    def switch(self, policy: Policy) -> None:
        """Take what is wanted from the policy."""
        self._all, self._chosen = policy.settings.timeline, policy.timelines
        self.on = self._all or bool(self._chosen)
        if not self.on:
            self._states.clear()
            self._told.clear()

    def published(self, planned: "PublishPlan") -> None:
        """A publication was committed here."""
        row = planned.row
        if row is None or not self._wants(row.persona_id):
            return
        what = timeline.of_publication(row)
        if what is not None:
            name = timeline.number(row.id, row.version, what)
            said = timeline.described(row, planned.document)
            self._soon(row.persona_id, Entry(name, self._edge.now(), row.persona_id, "", "", what, said))

    def ran_out(self, row: PublicationRow) -> None:
        """A publication was not refreshed in time."""
        if self._wants(row.persona_id) and row.body:
            self._soon(row.persona_id, timeline.ran_out(row, "", ""))

    def backend(self, row: BackendRow, old: BackendRow | None) -> None:
        """A back-end subscription was committed here; told when its state, or what it holds, is another one."""
        same = old is not None and (old.state, old.body) == (row.state, row.body)
        if not same and self._wants(row.key):
            name = timeline.number(row.id, row.version, BACKEND)
            said = timeline.described_backend(row)
            self._soon(row.key, Entry(name, self._edge.now(), row.key, "", "", BACKEND, said))

    def told(self, live: "LiveSubscription", content: "Content | None") -> None:
        """A NOTIFY is on its way."""
        for key in live.about(content):
            if not self._wants(key):
                continue
            if live.ended:
                if live.reason in CUTTING:
                    said = f"{live.row.watcher} was told that it may not see the state any more: {live.reason}"
                    entry = Entry(self._edge.new_id(), self._edge.now(), key, "", "", CUT_OFF, timeline.clean(said))
                    self._add(entry._replace(count=1, watchers=live.row.watcher))
                continue
            found = self._told.get(key)
            if found is None:
                found = self._told[key] = _Told(self._edge.now())
            found.count += 1
            if len(found.watchers) < ADDRESSES:
                found.watchers[live.row.watcher] = None

    def reloaded(self, keys: Iterable[int]) -> None:
        """Another process has changed these, and writes that down itself."""
        for key in keys:
            if key in self._states:
                self._states[key] = self._state(key)

    async def policy_changed(self) -> None:
        """States may be other ones now: write down which; requests are answered in between."""
        for index, key in enumerate(list(self._states), 1):
            if index % LOOKED_AT == 0:
                await asyncio.sleep(0)
            before, after = self._states.get(key, ""), self._state(key)
            if before and after and before != after and self._wants(key):
                now = self._edge.now()
                name = timeline.number(key, before, after, int(now.timestamp()) // 10)  # other edges see it too
                said = "sources, rules, capabilities or other provisioning"
                self._states[key] = after
                self._add(Entry(name, now, key, "", "", POLICY, said, before, after))

    async def keep(self) -> None:
        """Write what was noted, for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self._write()

    async def close(self) -> None:
        """Write what is left."""
        await self._write()
        if self._entries:
            log.error("entries of time lines are lost", entries=len(self._entries))
        self._writer.shutdown(wait=False, cancel_futures=True)

    def _wants(self, key: int) -> bool:
        return key > 0 and (self._all or key in self._chosen)

    def _soon(self, key: int, entry: Entry) -> None:
        """Note it with the state that follows, when the answer has left: two turns of the loop later."""
        loop = self._edge.loop
        loop.call_soon(loop.call_soon, self._note, key, entry)

    def _note(self, key: int, entry: Entry) -> None:
        self._close(key)  # who is told from now on is told of this
        after = self._state(key)
        before = self._states.pop(key, "")
        self._states[key] = after
        if len(self._states) > MAX_KNOWN:
            del self._states[next(iter(self._states))]
        self._add(entry._replace(before=before, after=after))

    def _state(self, key: int) -> str:
        """In words; empty when the user is not in memory."""
        held = self._edge.personas.held(key)
        return held.composed(self._edge.policy, self._edge.now()).state.label if held is not None else ""

    def _add(self, entry: Entry) -> None:
        if len(self._entries) >= MAX_WAITING:
            self.lost += 1
            return
        persona = self._edge.policy.personas.get(entry.key)
        aor = persona.aor if persona is not None else ""
        self._entries.append(entry._replace(aor=aor, edge=self._edge.name))

    def _close(self, key: int) -> None:
        """Make an entry of those who were told about a user."""
        one = self._told.pop(key, None)
        if one is not None:
            named = "\n".join(one.watchers)
            self._add(Entry(self._edge.new_id(), one.at, key, "", "", TOLD, "", count=one.count, watchers=named))

    async def _write(self) -> None:
        for key in list(self._told):
            self._close(key)
        while self._entries:
            batch = [self._entries.popleft() for _ in range(min(BATCH, len(self._entries)))]
            try:
                await self._edge.loop.run_in_executor(self._writer, timeline.write, batch)
            except DatabaseAway:
                self._entries.extendleft(reversed(batch))
                return
            except Exception:
                self.lost += len(batch)
                log.exception("entries of time lines could not be written", entries=len(batch))
        if self.lost:
            log.error("entries of time lines are lost", entries=self.lost)
            self.lost = 0

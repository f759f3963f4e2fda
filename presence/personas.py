"""The working set: components of the presentities that this process serves, and their documents (DESIGN section 4).

A copy of the database that can be thrown away at any time. A document is composed once for each change and
rendered once for each view and address; whoever watches shares its bytes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

from presence.deadlines import Deadlines
from presence.engine.composition import Rendered
from presence.engine.errors import UnknownPresentity
from presence.engine.filtering import View
from presence.engine.types import Document
from presence.presentity import Presentity
from presence.publications import PublishPlan
from presence.rows import BackendRow, PublicationRow
from presence.store import LOADED_AT_ONCE, Loaded
from provisioning.policy import Policy

MAX_HELD = 50_000
"Presentities in memory that nobody watches, some 10 kB each with a document; the least recently used go."

YOUNG = 120.0
"Seconds for which a presentity stays in memory after its last use: a plan for it may still be on its way."

Load = Callable[[list[int]], Awaitable[list[Loaded]]]


class Personas:
    """All presentities in memory.

    `load` reads presentities from the database, `policy` gives the policy in force, `pinned` says whether somebody
    here watches a presentity, `clock` is the loop's time in seconds.
    """

    def __init__(
        self,
        load: Load,
        policy: Callable[[], Policy],
        *,
        pinned: Callable[[int], bool],
        clock: Callable[[], float],
    ) -> None:
        self._load = load
        self._policy = policy
        self._pinned = pinned
        self._clock = clock
        self._held: OrderedDict[int, Presentity] = OrderedDict()
        self._wanted: dict[int, asyncio.Future[Presentity]] = {}
        self._loading: dict[int, asyncio.Future[Presentity]] = {}
        self._applied: dict[int, set[int]] = {}
        "Publications written by this process while their presentity is being read again."
        self._reloading = asyncio.Lock()
        self._forgotten = 0
        "Times that nothing in memory could be trusted any more."
        self._deadlines = Deadlines()
        self._owner: dict[int, int] = {}
        "Whose publication a deadline belongs to."

    async def get(self, persona_id: int) -> Presentity:
        """A presentity, loaded when it is not in memory; raises UnknownPresentity when it does not exist.

        All that are asked for in one turn of the loop are loaded by one query.
        """
        held = self._held.get(persona_id)
        if held is not None:
            held.used_at = self._clock()
            self._held.move_to_end(persona_id)
            return held
        waiting = self._loading.get(persona_id) or self._wanted.get(persona_id)
        if waiting is None:
            loop = asyncio.get_running_loop()
            waiting = loop.create_future()
            if not self._wanted:
                loop.call_soon(lambda: loop.create_task(self._fetch()))
            self._wanted[persona_id] = waiting
        return await asyncio.shield(waiting)

    def held(self, persona_id: int) -> Presentity | None:
        """A presentity if it is in memory."""
        return self._held.get(persona_id)

    def holds(self, persona_id: int) -> bool:
        """It is in memory."""
        return persona_id in self._held

    def concerns(self, persona_id: int) -> bool:
        """It is in memory, or is just being read."""
        return persona_id in self._held or persona_id in self._loading

    def held_ids(self) -> list[int]:
        """All that are in memory."""
        return list(self._held)

    def __len__(self) -> int:
        return len(self._held)

    @property
    def publications(self) -> int:
        """How many there are in memory."""
        return sum(len(one.publications) for one in self._held.values())

    def apply(self, planned: PublishPlan) -> None:
        """A publication has been committed by this process."""
        row = planned.row
        if row is None:
            return
        if row.persona_id in self._applied:
            self._applied[row.persona_id].add(row.id)
        held = self._held.get(row.persona_id)
        if held is not None:
            held.ever_published = True
            held.put(row, planned.document)
            self._watch(row)

    def apply_backend(self, row: BackendRow, document: Document | None) -> None:
        """A back-end subscription has been committed by this process."""
        if row.key in self._applied:
            self._applied[row.key].add(row.id)
        held = self._held.get(row.key)
        if held is not None:
            held.ever_published = held.ever_published or bool(row.body)
            held.put_backend(row, document)
            self._watch_backend(row)

    def remove_backend(self, row: BackendRow) -> None:
        """A back-end subscription has been deleted by this process."""
        if row.key in self._applied:
            self._applied[row.key].add(row.id)
        held = self._held.get(row.key)
        if held is not None:
            held.discard_backend(row.id)
            self._forget(row.id)

    def document(
        self, key: int, uri: str, view: View, now: datetime, watcher: str = "", accept: str = ""
    ) -> Rendered | None:
        """What watchers with this view see who asked for `uri`; None when the presentity is not in memory.

        `watcher` and `accept` tell which back-end states are for the watcher (D-30).
        """
        held = self._held.get(key)
        if held is None:
            return None
        sources = held.sources_for(watcher, accept) if held.backends else ()
        return held.document(uri, view, self._policy(), now, sources)

    async def reload(self, persona_ids: Iterable[int]) -> None:
        """Another process has changed these; those in memory are read again, those that are gone are dropped.

        What is just being read may be what was there before the change: it is read again after that.
        """
        async with self._reloading:
            wanted = list(persona_ids)
            loading = [self._loading[id] for id in wanted if id in self._loading]
            if loading:
                await asyncio.wait(loading)
            held = [id for id in wanted if id in self._held]
            for start in range(0, len(held), LOADED_AT_ONCE):
                await self._read_again(held[start : start + LOADED_AT_ONCE])

    def forget(self) -> None:
        """Changes may have been missed: nothing in memory is trusted any more, what is needed is read anew."""
        self._forgotten += 1
        for id in list(self._held):
            self._drop(id)

    async def _load_trusted(self, ids: list[int]) -> list[Loaded]:
        """Read these; once more when everything was forgotten meanwhile, since the answer may be older than that."""
        while True:
            forgotten = self._forgotten
            loaded = await self._load(ids)
            if forgotten == self._forgotten:
                return loaded

    async def _read_again(self, ids: list[int]) -> None:
        for id in ids:
            self._applied[id] = set()
        try:
            loaded = {one.persona_id: one for one in await self._load_trusted(ids)}
            for id in ids:
                held = self._held.get(id)
                if held is None:
                    continue
                if id not in loaded:
                    self._drop(id)
                else:
                    self._merge(held, loaded[id], self._applied[id])
        finally:
            for id in ids:
                self._applied.pop(id, None)

    def _merge(self, held: Presentity, loaded: Loaded, applied: set[int]) -> None:
        """Take what was read, except where this process has written something newer meanwhile."""
        rows = {row.id: row for row in loaded.publications}
        for id in list(held.publications):
            if id not in rows and id not in applied:
                held.discard(id)
                self._forget(id)
        for id, row in rows.items():
            if id not in applied or id in held.publications:  # else it was removed here meanwhile
                held.put(row, None)
                self._watch(held.publications[id])
        states = {row.id: row for row in loaded.backends}
        for id in list(held.backends):
            if id not in states and id not in applied:
                held.discard_backend(id)
                self._forget(id)
        for id, state in states.items():
            if id not in applied or id in held.backends:
                held.put_backend(state, None)
                self._watch_backend(held.backends[id])
        held.ever_published = held.ever_published or loaded.ever_published
        held.stale()

    def expired(self, now: datetime, gone: Callable[[PublicationRow], None] | None = None) -> list[int]:
        """Presentities of which a component has run out since the last call; `gone` hears of each publication."""
        found: dict[int, None] = {}
        for publication_id in self._deadlines.due(now):
            persona_id = self._owner.pop(publication_id, None)
            held = self._held.get(persona_id) if persona_id is not None else None
            if held is not None and persona_id is not None:
                if publication_id in held.backends:
                    held.stale()  # the subscription goes on; its state counts no more (D-32)
                else:
                    if gone is not None and publication_id in held.publications:
                        gone(held.publications[publication_id])
                    held.discard(publication_id)
                found[persona_id] = None
        return list(found)

    def policy_changed(self) -> None:
        """Documents may be different under the new policy."""
        for held in self._held.values():
            held.policy_changed()

    async def _fetch(self) -> None:
        self._loading.update(self._wanted)
        wanted, self._wanted = self._wanted, {}
        try:
            loaded = {one.persona_id: one for one in await self._load_trusted(list(wanted))}
        except Exception as error:
            for id, future in wanted.items():
                del self._loading[id]
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # nobody may be waiting any more
            return
        for id, future in wanted.items():
            del self._loading[id]
            if id not in loaded:
                if not future.done():
                    future.set_exception(UnknownPresentity("the user has been deleted"))
                    future.exception()
                continue
            held = Presentity(id, loaded[id].ever_published)
            held.used_at = self._clock()
            for row in loaded[id].publications:
                held.put(row, None)
                self._watch(row)
            for state in loaded[id].backends:
                held.put_backend(state, None)
                self._watch_backend(state)
            self._held[id] = held
            if not future.done():
                future.set_result(held)
        self._evict()

    def _watch(self, row: PublicationRow) -> None:
        if row.body:
            self._owner[row.id] = row.persona_id
            self._deadlines.set(row.id, row.expires_at)
        else:
            self._forget(row.id)

    def _watch_backend(self, row: BackendRow) -> None:
        self._owner[row.id] = row.key
        self._deadlines.set(row.id, row.expires_at)

    def _forget(self, publication_id: int) -> None:
        self._owner.pop(publication_id, None)
        self._deadlines.discard(publication_id)

    def _drop(self, persona_id: int) -> None:
        held = self._held.pop(persona_id, None)
        if held is not None:
            for component_id in (*held.publications, *held.backends):
                self._forget(component_id)

    def _evict(self) -> None:
        """Keep memory bounded: the least recently used presentities that nobody watches go."""
        young = self._clock() - YOUNG
        looked_at = len(self._held) - MAX_HELD
        while looked_at > 0:
            looked_at -= 1
            persona_id, held = next(iter(self._held.items()))
            if held.used_at > young:
                return
            if self._pinned(persona_id):
                self._held.move_to_end(persona_id)
            else:
                self._drop(persona_id)

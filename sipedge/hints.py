"""What edges, web and worker tell each other over the bus: whose state has changed, and which part of the policy.

A hint only says where to look: the database has the truth, and after every connection everything is looked at again;
while there is none, what has changed is looked for.
"""

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from concurrent.futures import Executor
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from presence import store, webhooks
from presence.access import COMPOSING, JUDGING
from presence.engine.errors import TryAgainLater
from presence.unheard import Looks
from provisioning import bus, snapshot
from provisioning.policy import Policy
from sipedge.committer import RETRY_AFTER
from sipedge.dialogs import LiveSubscription
from sipedge.models import Binding

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

SHORTEST_PAUSE = 0.01
"Seconds between two announcements, each of a change or two: what others then do for each is no burden yet."

PAUSE_EACH = 0.001
"Seconds more for each change in an announcement: the more there are, the longer the next ones are gathered."

LONGEST_PAUSE = 0.1
"Seconds for which changes are gathered at most before other processes hear of them."

UNHEARD_PAUSE = 1.0
"Seconds until what the bus has not heard is announced again."

LOOKED_AT = 500
"Subscriptions looked at in one turn of the loop after a change of policy; requests are answered in between."

POLL_INTERVAL = 30.0
"Seconds between two readings of the policy where there is no bus to announce changes."


def pause_after(changes: int) -> float:
    """Seconds until the next announcement, after one of so many changes."""
    return min(SHORTEST_PAUSE + PAUSE_EACH * changes, LONGEST_PAUSE)


class Hints:
    """Those of one edge, in both directions."""

    def __init__(self, edge: "Edge", readers: Executor) -> None:
        self._edge = edge
        self._readers = readers
        self._changed: set[int] = set()
        "Personas whose state has changed here, and nobody else knows."
        self._registered: set[int] = set()
        "Those of them whose contacts have changed."
        self._news = asyncio.Event()
        self._reading = asyncio.Lock()
        "The policy is being read."
        self._hooked: tuple[Policy, frozenset[int]] | None = None
        "The presentities that webhooks are told about, under which policy."
        self.up = False
        "The bus is heard."
        self._looks = Looks(self._look_at_changes, self.look_at_all)
        self._behind = False
        "Something was missed while the database was away."
        self._catching_up = False
        "One look at everything is to come for it, however much there is."

    def changed(self, persona_id: int) -> None:
        """The others will hear of it at once, or in a moment."""
        self._changed.add(persona_id)
        self._news.set()

    def registered(self, persona_id: int) -> None:
        """So will they of contacts that have changed."""
        self._registered.add(persona_id)
        self.changed(persona_id)

    async def announce(self) -> None:
        """Tell the other processes whose state has changed: at once while little happens, else gathered for a moment.

        Whoever hears it reads those presentities again, and that costs the less the more are read together.
        """
        edge = self._edge
        while True:
            await self._news.wait()
            self._news.clear()
            personas, self._changed = list(self._changed), set()
            registered, self._registered = list(self._registered), set()
            if self._hooked is None or self._hooked[0] is not edge.policy:
                self._hooked = edge.policy, webhooks.hooked(edge.policy)
            heard = await edge.loop.run_in_executor(
                self._readers, webhooks.announce, personas, edge.name, self._hooked[1], registered
            )
            if heard:
                await asyncio.sleep(pause_after(len(personas)))
                continue
            self._changed.update(personas)  # others may hear the bus while we are not heard there
            self._registered.update(registered)
            self._news.set()
            await asyncio.sleep(UNHEARD_PAUSE)

    async def listen(self) -> None:
        """Follow the bus; look by ourselves while it is away; after every connection catch up with what was missed."""
        while not bus.configured():
            await asyncio.sleep(POLL_INTERVAL)
            with contextlib.suppress(TryAgainLater):  # the next look will do
                await self.look_at_all()
        async for hint in bus.listen():
            self.up = hint.kind != bus.AWAY
            try:
                if hint.kind == bus.AWAY:
                    await self._looks.look(self._edge.loop.time(), self._edge.now())
                elif hint.kind == bus.CONNECTED:
                    await self._look_at_missed()
                elif hint.kind == bus.POLICY:
                    await self._change_policy(hint.parts)
                elif hint.kind == bus.STATE and hint.origin != self._edge.name:
                    await self._reload(list(hint.personas), self._rebound(hint))
            except TryAgainLater:
                if hint.kind == bus.AWAY:
                    continue  # the next look goes as far back
                self._behind = True
                self._looks.missed(self._edge.now())
                if not self._catching_up:
                    log.warning("a hint came while the database was away; caught up with later")
                    self._catching_up = True
                    self._edge.background(self._catch_up())

    async def _catch_up(self) -> None:
        while self._behind:
            await asyncio.sleep(RETRY_AFTER)
            self._behind = False  # what is missed from now on, this look may not see
            try:
                await self._look_at_missed()
            except TryAgainLater:
                self._behind = True
        self._catching_up = False

    async def _look_at_missed(self) -> None:
        """Whatever was missed, contacts of users who had none among it."""
        await self._looks.heard(self._edge.now())
        await self.look_at_all()

    async def _look_at_changes(self, since: datetime) -> None:
        """Whatever was written since then."""
        edge = self._edge
        personas = await edge.read(store.changed_since, since)
        await self._reload(list(personas), await edge.read(_registered_since, since))

    async def look_at_all(self) -> None:
        """The policy, and all that is in memory; raises TryAgainLater."""
        await self._change_policy(None)
        held = self._edge.personas.held_ids()
        await self._reload(held, self._bound(held))

    def _rebound(self, hint: bus.Hint) -> Collection[int]:
        """Those whose contacts have to be read again: an edge says who they are; of others that is not known."""
        siblings = self._edge.siblings
        if siblings is not None and hint.origin in siblings.names:
            return ()  # a process beside this one has told us of contacts itself
        return hint.registered if hint.origin else self._bound(list(hint.personas)) | {*hint.registered}

    def _bound(self, persona_ids: list[int]) -> set[int]:
        """Those of them who have contacts, as far as is known here."""
        return {id for id in persona_ids if id in self._edge.registrar}

    async def _reload(self, persona_ids: list[int], bound: Collection[int]) -> None:
        """Read these users' states anew, where they are held here, and the contacts of those who are `bound`."""
        edge = self._edge
        known = list(bound)
        for start in range(0, len(known), store.LOADED_AT_ONCE):  # those of many users change while they are read
            await edge.reload_bindings(*known[start : start + store.LOADED_AT_ONCE])
        persona_ids = [id for id in persona_ids if edge.personas.concerns(id)]
        if persona_ids:
            await edge.personas.reload(persona_ids)
            if edge.timeline.on:
                edge.timeline.reloaded(persona_ids)
            for persona_id in persona_ids:
                edge.notifier.changed(persona_id)
            edge.backends.look(persona_ids)

    async def _change_policy(self, parts: Sequence[str] | None) -> None:
        """Take a new policy (None: all of it) and look at every live subscription again."""
        edge = self._edge
        async with self._reading:  # else what was read first might be taken last
            if parts is None:
                edge.policy = await edge.read(snapshot.load)
            else:
                edge.policy = await edge.read(snapshot.refresh, edge.policy, parts)
        edge.network.take_options(edge.policy)
        edge.trace.switch(edge.policy.settings.trace)
        edge.timeline.switch(edge.policy)
        edge.guests.look_again()
        edge.agents.policy_changed()
        await edge.telephony.policy_changed(parts)
        if parts is None or not JUDGING.isdisjoint(parts):
            edge.backends.policy_changed()
            for index, live in enumerate(edge.subscriptions):
                if not live.ended:
                    self._look_again(live)
                if index % LOOKED_AT == LOOKED_AT - 1:
                    await asyncio.sleep(0)
        if parts is None or not COMPOSING.isdisjoint(parts):
            edge.personas.policy_changed()
            if edge.timeline.on:
                edge.background(edge.timeline.policy_changed())
            for key in edge.subscriptions.watched():
                edge.notifier.changed(key)
        if parts is not None and edge.policy.hooked:
            await edge.loop.run_in_executor(self._readers, webhooks.look_at, None)

    def _look_again(self, live: LiveSubscription) -> None:
        """End a subscription that the policy does not allow any more (D-13); else see whether its view has changed."""
        edge = self._edge
        before = live.keys
        reason = live.judged(edge.policy)
        if reason:
            edge.notifier.end(live, reason)
            return
        edge.subscriptions.unwatch(live, set(before) - set(live.keys))
        edge.subscriptions.add(live)
        edge.backends.follow(live)
        edge.notifier.look_again(live)


def _registered_since(moment: datetime) -> set[int]:
    """The users with contacts that were written since then."""
    return set(Binding.objects.filter(updated_at__gte=moment).order_by().values_list("persona_id", flat=True))

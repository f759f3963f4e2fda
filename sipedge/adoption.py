"""Other edges that are gone: the survivors share what those have left, in paced steps beside the requests (DESIGN 9).

A subscription without a connection goes on in its dialog, and its NOTIFY brings the watcher our Contact; one over a
connection that went with its edge ends with `deactivated`, which its watcher hears where it can be reached by another
connection, and subscribes anew. Back-end subscriptions go on with the watchers that need them; registrations over
connections end, as those over lost connections of our own do (`departures`); what the lines of the edge said of their
owners is taken back. Log-ins to the messenger come by themselves, with the next sign of life of their page.

`presence.leases` sees to it that each row is taken over once, and that an edge which is back keeps what is left.
`let_go` is the other side: what an edge does that was cut off and finds its rows taken.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from presence import leases
from presence.backend import Want
from presence.engine.errors import DomainError
from presence.leases import Gone
from presence.rows import SubscriptionRow
from presence.store import load_handed_over
from sipedge import registrar
from sipedge.dialogs import CSEQ_BLOCK, LiveSubscription
from sipedge.models import Binding
from sipedge.resume import claim, live_again
from sipedge.rows import BindingRow
from sipedge.sip.flow import Flow, flow_of_text

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

AT_ONCE: Final = 200
"Rows taken over in one transaction; requests are answered in between."

PAUSE: Final = 0.05
"Seconds between two such steps: 4,000 subscriptions a second and edge at most, which leaves room for requests."

SUBSCRIPTIONS: Final = "subscriptions"
ENDED: Final = "ended"
BACKENDS: Final = "backends"
BINDINGS: Final = "bindings"
"What is counted: subscriptions that go on and that ended, back-end subscriptions, registrations that ended."


class Adoption:
    """What one edge takes over from others, and has to leave to them."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge
        self._looking = False
        self._finished: dict[str, datetime] = {}
        "Edges that have left nothing any more, with the end of their lease."
        self._unsure: list[int] = []
        "Subscriptions that may have been written as ours when the database went away."
        self.numbers: Counter[str] = Counter()
        "Taken over since the start, by kind."

    def look(self) -> None:
        """The lease was renewed: see whether others have failed to, unless we are about to leave ourselves."""
        if not self._looking and not self._edge.drain.begun:
            self._looking = True
            self._edge.background(self._look())

    async def _look(self) -> None:
        edge, lease = self._edge, self._edge.lease
        try:
            if self._unsure:
                await self._take_up(await edge.read(load_handed_over, edge.name, self._unsure), {}, Counter(), "")
                self._unsure = []
            for gone in await edge.read(leases.gone, edge.name, lease.lifetime, lease.interval):
                if edge.name in gone.survivors and self._finished.get(gone.edge) != gone.expired_at:
                    await self._take_over(gone)
        except DomainError as error:
            log.warning("taking over was cut short; it goes on when the database is back", error=str(error))
        finally:
            self._looking = False

    async def _take_over(self, gone: Gone) -> None:
        """Our share of what one edge has left."""
        edge, margin = self._edge, self._edge.lease.interval
        taken: Counter[str] = Counter()
        try:
            left = await self._subscriptions(gone, taken)
            if left is None:
                log.info("an edge is back and keeps what it has left", edge=gone.edge)
                return
            await self._bindings(gone, taken)
            if gone.survivors[0] == edge.name:
                await edge.telephony.states.take_back(gone.edge)
            if not left and not await self._backends(gone, taken) and gone.late:
                self._finished[gone.edge] = gone.expired_at
        finally:
            self.numbers.update(taken)
            if taken:
                log.info("took over from an edge whose lease ran out", gone=gone.edge, **taken)
        if taken:
            await edge.read(leases.note, gone.edge, edge.name, taken, margin)

    # Subscriptions of watchers

    async def _subscriptions(self, gone: Gone, taken: Counter[str]) -> int | None:
        """Take over our share of them; how many are left, for others or for a later look. None: the edge is back."""
        edge, margin = self._edge, self._edge.lease.interval
        ids = gone.share(await edge.read(leases.subscriptions_of, gone.edge), edge.name)
        orphans = dict(await edge.read(leases.backends_of, gone.edge)) if ids else {}
        for start in range(0, len(ids), AT_ONCE):
            if not edge.lease_held or edge.drain.begun:
                break
            batch = ids[start : start + AT_ONCE]
            self._unsure = batch
            rows = await edge.read(
                leases.take_subscriptions, gone.edge, edge.name, batch, margin=margin, reserved=CSEQ_BLOCK
            )
            if rows is None:
                self._unsure = []
                return None
            await self._take_up(rows, orphans, taken, gone.edge)
            self._unsure = []
            await asyncio.sleep(PAUSE)
        return len(await edge.read(leases.subscriptions_of, gone.edge))

    async def _take_up(
        self, rows: Sequence[SubscriptionRow], orphans: dict[Want, int], taken: Counter[str], gone: str
    ) -> None:
        """Go on with subscriptions that are ours now."""
        edge = self._edge
        claim(edge, [row.id for row in rows])
        lives, held = [], []
        for row in rows:
            known = edge.subscriptions.get(row.id)
            if known is not None:
                held.append(known)  # the database went away in the middle of this
                continue
            live = live_again(edge, row, cseq=row.cseq - CSEQ_BLOCK)
            if live is None:
                continue
            edge.subscriptions.add(live)
            reason = live.judged(edge.policy)
            if not edge.network.alive(live.dialog.flow):
                taken[ENDED] += 1
                self._end(live, reason or "deactivated")
            elif reason:
                taken[ENDED] += 1
                edge.notifier.end(live, reason)
            else:
                taken[SUBSCRIPTIONS] += 1
                lives.append(live)
        keys = {key for live in lives for key in live.keys}
        await asyncio.gather(*map(edge.personas.get, keys), return_exceptions=True)
        for live in lives:
            edge.notifier.first(live)
        await self._backends_for([*lives, *held], orphans, taken, gone)

    def _end(self, live: LiveSubscription, reason: str) -> None:
        """Its connection went with its edge; only who listens somewhere can be told."""
        dialog = live.dialog
        if self._edge.network.reachable(dialog.flow, dialog.remote_target, by_proxy=bool(dialog.route_set)):
            self._edge.notifier.end(live, reason)
        else:
            self._edge.notifier.leave(live, reason)

    # Subscriptions at foreign servers

    async def _backends_for(
        self, lives: Sequence[LiveSubscription], orphans: dict[Want, int], taken: Counter[str], gone: str
    ) -> None:
        """What these watchers need from foreign servers: what the other edge had goes on, the rest begins."""
        edge = self._edge
        wanted = {want for live in lives for want in edge.backends.missing(live)}
        ids = [orphans.pop(want) for want in wanted if want in orphans]
        keys = [want.key for want in wanted]
        for start in range(0, len(ids), AT_ONCE):
            batch = ids[start : start + AT_ONCE]
            rows = await edge.read(leases.take_backends, gone, edge.name, batch, margin=edge.lease.interval)
            taken[BACKENDS] += len(rows)
            claim(edge, [row.id for row in rows])
            edge.backends.adopt(rows)
        for live in lives:
            edge.backends.follow(live)
        edge.backends.drop_unneeded()
        edge.backends.look(keys)
        for key in keys:
            edge.hints.changed(key)

    async def _backends(self, gone: Gone, taken: Counter[str]) -> int:
        """No watcher of its is left: end what it had at foreign servers; how many others have still to end."""
        edge = self._edge
        found = await edge.read(leases.backends_of, gone.edge)
        ids = gone.share([id for _, id in found], edge.name)
        for start in range(0, len(ids), AT_ONCE):
            batch = ids[start : start + AT_ONCE]
            rows = await edge.read(leases.take_backends, gone.edge, edge.name, batch, margin=edge.lease.interval)
            taken[BACKENDS] += len(rows)
            claim(edge, [row.id for row in rows])
            edge.backends.adopt(rows)
            edge.backends.drop_unneeded()
            await asyncio.sleep(PAUSE)
        return len(found) - len(ids)

    # Registrations

    async def _bindings(self, gone: Gone, taken: Counter[str]) -> None:
        """End our share of those that nobody can reach any more."""
        edge = self._edge
        found = await edge.read(_over_connections, gone.edge, edge.now())
        mine = set(gone.share([row.id for row in found], edge.name))
        lost = [row for row in found if row.id in mine and not self._reachable(row)]
        for start in range(0, len(lost), AT_ONCE):
            batch = lost[start : start + AT_ONCE]
            ended = await edge.read(_end, gone.edge, batch, edge.now(), edge.lease.interval)
            taken[BINDINGS] += len(ended)
            for row in ended:
                edge.registrar.discard(row)
                edge.hints.changed(row.persona_id)
            await asyncio.sleep(PAUSE)

    def _reachable(self, row: BindingRow) -> bool:
        flow = flow_of_text(row.flow)
        return flow is not None and self._edge.network.reachable(flow, row.contact, by_proxy=bool(row.path))

    # The other side

    async def let_go(self) -> None:
        """Our lease had run out, and is written anew: leave what others have taken over; raises TryAgainLater.

        Nobody is told anything: whoever has a subscription now tells its watcher. Connections whose subscriptions
        have ended elsewhere are closed, so that their clients notice. Whoever was cut off from the database was so from
        the bus as a rule: what is in memory, states and policy, may be older than what others have told meanwhile.
        """
        edge = self._edge
        held, held_backends = [live.row.id for live in edge.subscriptions], edge.backends.written()
        ours, our_backends = await edge.read(leases.owned, edge.name)
        edge.backends.forget(held_backends - our_backends)
        lost = [live for id in held if id not in ours and (live := edge.subscriptions.get(id)) is not None]
        flows: set[Flow] = set()
        for live in lost:
            live.moved = True
            edge.notifier.abandon(live)
            edge.subscriptions.remove(live)
            edge.backends.release(live)
            if live.dialog.flow.reliable:
                flows.add(live.dialog.flow)
        for flow in flows:
            edge.agents.cut_off(flow)
            connection = edge.network.connections.get(flow)
            if connection is not None:
                connection.close()
        if held_backends - our_backends:
            for live in edge.subscriptions:
                edge.backends.follow(live)
        edge.personas.forget()
        await edge.hints.look_at_all()
        log.warning("the lease had run out", lost=len(lost), kept=len(edge.subscriptions))


def _over_connections(gone: str, now: datetime) -> list[BindingRow]:
    """The registrations over connections of an edge."""
    rows = Binding.objects.filter(edge=gone, expires_at__gt=now).exclude(flow__startswith="UDP ").order_by()
    return [BindingRow(*row) for row in rows.values_list(*BindingRow._fields)]


def _end(gone: str, rows: Sequence[BindingRow], now: datetime, margin: timedelta) -> list[BindingRow]:
    """End these registrations unless they were renewed, or their edge is back; those that have ended."""
    ended = []
    with leases.run_out(gone, margin) as lease:
        for row in rows if lease is not None else ():
            after = registrar.ended(row, now)
            same = Binding.objects.filter(id=row.id, version=row.version)
            if same.update(version=after.version, updated_at=now, expires_at=now):
                ended.append(after)
    return ended

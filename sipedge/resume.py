"""After a restart: every live subscription goes on where its row says it was (DESIGN: the working set).

Dialogs, CSeq blocks and the digest of the last document come from the rows. Those whose document differs are told
the new one; after a crash also those who watch somebody that changed since the rows were last known to agree. What
ran out while nobody was there gets its last NOTIFY now.

All of them are in memory before anything is received, so that a refresh finds its dialog (`resume`). Whom they watch is
loaded, and they are told, beside the requests that then come (`tell`).
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import structlog
from django.db.models import Q

from presence import store
from presence.engine.errors import TryAgainLater
from presence.leases import Before
from presence.models import Publication
from presence.rows import BackendRow, SubscriptionRow
from sipedge.committer import RETRY_AFTER
from sipedge.dialogs import LiveSubscription
from sipedge.models import Binding
from sipedge.partial import live_of
from sipedge.rows import BindingRow
from sipedge.sip.dialog import Dialog
from sipedge.sip.flow import flow_of_text

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

AT_ONCE = 100
"Presentities loaded in one step; requests are answered in between."

RATE = 1_000
"NOTIFYs a second while a restart is told: some 10 Mbit/s, and a third of what one process can send."

TURN = 0.01
"Seconds in which the watchers of one step have their turn, before what they were sent is counted."


async def resume(edge: "Edge", before: Before | None) -> None:
    """Take up the subscriptions and bindings of the rows.

    `before`: what the lease said of the predecessor of the same name, if there was one.
    """
    found = await edge.read(_load, edge.name, before, edge.now())
    edge.registrar.replace(found.bindings)
    edge.backends.resume(found.backends)
    ended: list[tuple[LiveSubscription, str]] = []
    for index, row in enumerate(found.subscriptions):
        if index % AT_ONCE == 0:
            await asyncio.sleep(0)  # the lease has to be renewed meanwhile
        live = live_again(edge, row)
        if live is None:
            continue
        reason = live.judged(edge.policy)
        if not found.unsettled.isdisjoint(live.keys):
            live.unknown()
        edge.subscriptions.add(live)
        if reason:
            ended.append((live, reason))
        else:
            edge.backends.follow(live)
    edge.backends.drop_unneeded()
    claim(edge, [*(row.id for row in found.subscriptions), *(row.id for row in found.backends)])
    _lost_connections(edge, found)
    for live, reason in ended:
        edge.notifier.end(live, reason)
    if found.subscriptions or found.bindings:
        log.info(
            "resumed",
            subscriptions=len(found.subscriptions),
            bindings=len(found.bindings),
            presentities_in_doubt=len(found.unsettled),
        )


async def tell(edge: "Edge") -> None:
    """Look at each watcher that was taken up, step by step and paced; NOTIFYs go out by the usual road."""
    began, sent = edge.loop.time(), edge.notifier.sent
    waiting = edge.subscriptions.watched()
    while waiting:
        keys, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
        loaded = await asyncio.gather(*map(edge.personas.get, keys), return_exceptions=True)
        away = [key for key, one in zip(keys, loaded, strict=True) if isinstance(one, TryAgainLater)]
        for key in set(keys).difference(away):
            edge.notifier.changed(key)
        waiting += away
        await asyncio.sleep(RETRY_AFTER if away else TURN)
        await asyncio.sleep(began + (edge.notifier.sent - sent) / RATE - edge.loop.time())


async def adopt(edge: "Edge", ids: list[int]) -> int:
    """Go on with subscriptions that another edge has handed over; the number of those that go on.

    Each watcher is told at once: the NOTIFY brings it our Contact, where it refreshes from now on.
    """
    count = 0
    for row in await edge.read(store.load_handed_over, edge.name, ids):
        held = edge.subscriptions.get(row.id)
        if held is not None and held.row.version >= row.version:
            continue  # asked twice
        if held is not None:  # it was here before, and elsewhere since
            held.moved = True
            edge.notifier.abandon(held)
        live = live_again(edge, row)
        if live is None:
            continue
        live.unknown()
        reason = live.judged(edge.policy)
        edge.subscriptions.add(live)
        if reason:
            edge.notifier.end(live, reason)
        else:
            edge.backends.follow(live)
            edge.notifier.first(live)
        count += 1
    claim(edge, ids)
    log.info("adopted", subscriptions=count)
    return count


def claim(edge: "Edge", ids: Iterable[int]) -> None:
    """Processes beside this one send us what belongs to these."""
    if edge.siblings is not None:
        edge.siblings.has(ids)


def live_again(edge: "Edge", row: SubscriptionRow, cseq: int | None = None) -> LiveSubscription | None:
    """The subscription of a row, with its dialog as the row says; None where that cannot be read.

    `cseq`: the last number that may have been used; None: all that are reserved.
    """
    try:
        dialog = Dialog.loads(row.dialog)
    except ValueError:
        log.error("a subscription's dialog cannot be read", subscription=row.id)
        return None
    dialog.local_cseq = row.cseq if cseq is None else cseq
    return live_of(row, dialog, edge.network.flow_again(dialog))


def _lost_connections(edge: "Edge", found: "_Found") -> None:
    """Our connections did not survive: what went over them ends, unless their clients come back soon."""
    flows = {live.dialog.flow for live in edge.subscriptions if live.dialog.flow.reliable}
    flows |= {
        flow
        for row in found.bindings
        if row.edge == edge.name and (flow := flow_of_text(row.flow)) is not None and flow.reliable
    }
    for flow in flows:
        edge.departures.lost(flow)


class _Found(NamedTuple):
    bindings: list[BindingRow]
    subscriptions: list[SubscriptionRow]
    backends: list[BackendRow]
    unsettled: frozenset[int]
    "Presentities that changed after rows and watchers were last known to agree."


def _load(name: str, before: Before | None, now: datetime) -> _Found:
    bindings = Binding.objects.filter(expires_at__gt=now).values_list(*BindingRow._fields)
    unsettled: frozenset[int] = frozenset()
    if before is not None and not before.clean:
        changed = Q(updated_at__gte=before.settled_at) | Q(expires_at__gte=before.settled_at, expires_at__lte=now)
        unsettled = frozenset(Publication.objects.filter(changed).values_list("persona_id", flat=True).distinct())
    return _Found(
        [BindingRow(*row) for row in bindings],
        store.load_subscriptions(name),
        store.load_backends(name),
        unsettled,
    )

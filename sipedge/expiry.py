"""What runs out at an edge while nobody asks: subscriptions, components of state, registrations, lost connections."""

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sipedge.worker import Edge

INTERVAL: Final = 0.5
"Seconds between two looks: half the unit in which SIP counts expiry."


async def watch(edge: "Edge") -> None:
    """Look for ever."""
    while True:
        await asyncio.sleep(INTERVAL)
        now = edge.now()
        for subscription_id in edge.subscriptions.deadlines.due(now):
            live = edge.subscriptions.get(subscription_id)
            if live is not None and not live.ended:
                edge.metrics.overdue.observe((now - live.row.expires_at).total_seconds())
                edge.notifier.end(live, "timeout")
        for key in edge.personas.expired(now, edge.timeline.ran_out if edge.timeline.on else None):
            edge.notifier.changed(key)
        edge.backends.look()
        edge.registrar.expire(now)
        edge.departures.end()

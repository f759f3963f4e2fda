"""What runs out at an edge while nobody asks: subscriptions, components of state, registrations, lost connections."""

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from sipedge.clocks import Comparison, elapsed

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

INTERVAL: Final = 0.5
"Seconds between two looks: half the unit in which SIP counts expiry."

JUMP: Final = 5.0
"Seconds by which a clock has to be set at once to be worth a line in the log."


async def watch(edge: "Edge") -> None:
    """Look for ever."""
    clock = Comparison(JUMP)
    while True:
        begun, now = elapsed(), edge.now()
        if jump := clock.jumped(now.timestamp(), begun, elapsed()):
            log.warning(
                "the clock of this machine was set: what runs out by it does so earlier, or later", seconds=round(jump)
            )
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
        await asyncio.sleep(INTERVAL)

"""What the edge writes about itself: the lease that says it lives, its report, and what its watchers were told.

A NOTIFY costs no database write; the digest of the document that a watcher has follows into its row here, in paced
batches. `settled_at` is the moment up to which rows and watchers agree: after a crash only those who watch
somebody that has changed since then are told again.

While the lease is not `held`, others may have taken over this edge's subscriptions: it tells its watchers nothing, and
asks foreign servers nothing. Whether it is held is a question to a clock of this machine, begun before the lease was
written, so the answer is never later than what others see. After a lapse it is held again once the edge has written
it anew, has read which rows are still its own, and has let go of the rest (`adoption.let_go`).

When the database's clock is set forward, all leases seem to have run out at once. So an edge that notices it looks for
others that are gone only when these have had the time to renew theirs.
"""

import asyncio
import os
import socket
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog
from django.conf import settings
from django.db import Error, connection

from presence import leases
from presence.engine.errors import DomainError, TryAgainLater
from presence.rows import SUBSCRIPTION
from presence.store import Outcome, Plan, Put
from sipedge.clocks import Comparison, elapsed
from sipedge.dialogs import LiveSubscription
from sipedge.report import report

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

RENEWALS: Final = 6
"Times that a lease is renewed within its lifetime: several may fail before others take over."

AT_ONCE = 2000
"Rows written in one round: a wide fan-out is written down over several rounds, beside the requests."

TOGETHER = 100
"Rows handed to the commit at once: requests that come meanwhile share it, and wait for no more than these."


class Lease:
    """Keeps the edge's row alive and its subscriptions' rows up to date."""

    def __init__(self, edge: "Edge", executor: Executor) -> None:
        self._edge = edge
        self._executor = executor
        self._task: asyncio.Task[None] | None = None
        self._started_at = edge.now()
        self.lifetime = timedelta(seconds=settings.CUPS_LEASE_SECONDS)
        self.interval = self.lifetime / RENEWALS
        "Between two renewals; also how long a lease must have run out before others take over."
        self._held_until = float("-inf")
        "By the clock `elapsed`."
        self._database_clock = Comparison(self.interval.total_seconds())
        self._look_from = float("-inf")
        "By the clock `elapsed`: before that nobody is taken for dead."
        self._resuming: datetime | None = None
        "Up to when rows and watchers agreed before this start, until all is resumed."
        self._writing = asyncio.Lock()

    @property
    def held(self) -> bool:
        """Others know that this edge lives, and leave alone what is its own."""
        return elapsed() < self._held_until

    async def take(self) -> leases.Before | None:
        """The edge starts: what it had left is its own again, as far as nobody has taken it over; keep the lease."""
        begun = elapsed()
        before = await self._edge.read(leases.take, self._edge.name, self.lifetime, **self._columns())
        self._held_until = begun + self.lifetime.total_seconds()
        self._resuming = before.settled_at if before is not None else self._edge.now()
        self._task = asyncio.create_task(self._keep())
        return before

    async def resumed(self) -> None:
        """All that it had left has been looked at: from now on rows and watchers agree as far as `settle` says."""
        self._resuming = None
        await self.renew()

    async def stop(self) -> None:
        """Write everything down and leave in order."""
        async with self._writing:  # what is being written must not be written last
            if self._task is not None:
                self._task.cancel()
        settled_at = await self.settle(limit=None)
        clean = self._resuming is None and not self._edge.subscriptions.unwritten
        await self._renew(self._resuming or settled_at, clean=clean)

    async def settle(self, limit: int | None = AT_ONCE) -> datetime:
        """Write what watchers were told; returns the moment up to which the rows now know it."""
        edge = self._edge
        asked_at = edge.now()
        unwritten = edge.subscriptions.unwritten
        ids = list(unwritten)[:limit]
        for start in range(0, len(ids), TOGETHER):
            found = (edge.subscriptions.get(id) for id in ids[start : start + TOGETHER])
            if not all(await asyncio.gather(*(self._write(live) for live in found if live is not None))):
                break  # the database is away; they are written in a later round
        return min([asked_at, *unwritten.values()])

    async def _write(self, live: LiveSubscription) -> bool:
        """Write its row, unless that is done anyway; whether the database was there."""
        if live.ended or live.reserving:
            return True
        row = live.record()

        def applied(outcome: Outcome) -> None:
            if outcome is Outcome.COMMITTED and live.row.version == row.version:
                live.row = row._replace(state=live.row.state)
                self._edge.subscriptions.written(live)

        try:
            await self._edge.commit(Plan(row.key, (Put(SUBSCRIPTION, row, row.version),)), applied)
        except DomainError:
            return False
        return True

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self.interval.total_seconds())
            await self.renew()
            if not self.held:
                self._edge.notifier.hold_back()
            elif self._resuming is None and elapsed() >= self._look_from:
                self._edge.adoption.look()

    async def renew(self) -> None:
        """Write the row now."""
        await self._renew(self._resuming or await self.settle(), clean=False)

    async def _renew(self, settled_at: datetime, *, clean: bool) -> None:
        async with self._writing:
            begun = elapsed()
            row = {**self._columns(), "settled_at": settled_at, "clean": clean}
            loop = asyncio.get_running_loop()
            renewed_at = await loop.run_in_executor(self._executor, _write, self._edge.name, self.lifetime, row)
            if renewed_at is None:
                return
            if jump := self._database_clock.jumped(renewed_at.timestamp(), begun, elapsed()):
                log.warning("the database's clock was set", seconds=round(jump))
                self._look_from = elapsed() + self.lifetime.total_seconds()
            lapsed = not self.held
            if lapsed and not clean:
                try:
                    await self._edge.adoption.let_go()
                except TryAgainLater:
                    return  # the next renewal looks again
            self._held_until = begun + self.lifetime.total_seconds()
        if lapsed and not clean:
            self._edge.background(self._edge.notifier.go_on())

    def _columns(self) -> dict[str, Any]:
        """What the row says beside its times."""
        return {
            "host": f"{socket.gethostname()}:{os.getpid()}",
            "started_at": self._started_at,
            "report": report(self._edge),
        }


def _write(name: str, lifetime: timedelta, row: dict[str, Any]) -> datetime | None:
    """Write the lease; when, by the database's clock, or None where that was not possible."""
    try:
        return leases.renew(name, lifetime, **row)
    except Error as error:
        connection.close()
        log.warning("the lease could not be renewed", error=str(error).splitlines()[0])
        return None

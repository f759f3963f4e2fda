"""What the edge writes about itself: the lease that says it lives, its report, and what its watchers were told.

A NOTIFY costs no database write; the digest of the document that a watcher has follows into its row here, in paced
batches. `settled_at` is the moment up to which rows and watchers agree: after a crash only those who watch
somebody that has changed since then are told again.
"""

import asyncio
import os
import socket
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from django.db import Error, connection

from presence.engine.errors import DomainError
from presence.models import EdgeLease
from presence.rows import SUBSCRIPTION
from presence.store import Outcome, Plan, Put
from sipedge.dialogs import LiveSubscription
from sipedge.report import report

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

INTERVAL = 5.0
"Seconds between two renewals."

LIFETIME = timedelta(seconds=30)
"A lease not renewed for so long is a dead edge's: several renewals may fail before."

AT_ONCE = 2000
"Rows written in one round: a wide fan-out is written down over several rounds, beside the requests."


class Lease:
    """Keeps the edge's row alive and its subscriptions' rows up to date."""

    def __init__(self, edge: "Edge", executor: Executor) -> None:
        self._edge = edge
        self._executor = executor
        self._task: asyncio.Task[None] | None = None
        self._started_at = edge.now()
        self._held_until = self._started_at

    @property
    def held(self) -> bool:
        """Others know that this edge lives."""
        return self._edge.now() < self._held_until

    def start(self) -> None:
        """Renew from now on."""
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Write everything down and leave in order."""
        if self._task is not None:
            self._task.cancel()
        settled_at = await self.settle(limit=None)
        await self._renew(settled_at, clean=not self._edge.subscriptions.unwritten)

    async def settle(self, limit: int | None = AT_ONCE) -> datetime:
        """Write what watchers were told; returns the moment up to which the rows now know it."""
        edge = self._edge
        asked_at = edge.now()
        unwritten = edge.subscriptions.unwritten
        ids = list(unwritten)[:limit]
        await asyncio.gather(*(self._write(live) for id in ids if (live := edge.subscriptions.get(id)) is not None))
        return min([asked_at, *unwritten.values()])

    async def _write(self, live: LiveSubscription) -> None:
        if live.ended or live.reserving:
            return
        row = live.record()

        def applied(outcome: Outcome) -> None:
            if outcome is Outcome.COMMITTED and live.row.version == row.version:
                live.row = row._replace(state=live.row.state)
                self._edge.subscriptions.written(live)

        try:
            await self._edge.commit(Plan(row.key, (Put(SUBSCRIPTION, row, row.version),)), applied)
        except DomainError:
            pass  # the database is away; it is written in a later round

    async def _keep(self) -> None:
        while True:
            settled_at = await self.settle()
            await self._renew(settled_at, clean=False)
            await asyncio.sleep(INTERVAL)

    async def _renew(self, settled_at: datetime, *, clean: bool) -> None:
        row: dict[str, Any] = {
            "host": f"{socket.gethostname()}:{os.getpid()}",
            "started_at": self._started_at,
            "renewed_at": self._edge.now(),
            "settled_at": settled_at,
            "clean": clean,
            "expires_at": self._edge.now() + LIFETIME,
            "report": report(self._edge),
        }
        loop = asyncio.get_running_loop()
        if await loop.run_in_executor(self._executor, _upsert, self._edge.name, row):
            self._held_until = row["expires_at"]


def _upsert(name: str, row: dict[str, Any]) -> bool:
    """Write the lease; whether that was possible."""
    try:
        EdgeLease.objects.update_or_create(edge=name, defaults=row)
    except Error as error:
        connection.close()
        log.warning("the lease could not be renewed", error=str(error).splitlines()[0])
        return False
    return True

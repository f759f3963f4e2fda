"""Group commit: many requests, one transaction, one writer thread (DESIGN: plan, commit, announce).

Plans that arrive while a transaction is being written wait in line and go together in the next one, so the
batch sizes itself: one plan when the edge is idle, hundreds under load, and no timer adds delay. All
bookkeeping lives in the event loop's thread; the writer thread only ever sees a batch and hands back its
outcomes. A request is answered only after its plan is durable.
"""

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from presence.engine.errors import TryAgainLater
from presence.store import DatabaseAway, Outcome, Plan
from sipedge import exhaustion
from sipedge.metrics.histogram import Histogram

log = structlog.get_logger(__name__)

MAX_BATCH = 500
"Plans in one transaction: beyond this the rate no longer grows, while the first in line waits longer."

PATIENCE = 4.0
"Seconds that a request waits for a database that is away; well below the 32 s of a client's Timer F."

RETRY_AFTER = 5
"Seconds that a refused client is asked to wait: long enough for a database to fail over or to restart."

RETRY_PAUSE = 0.25
"Seconds between two attempts to write a batch while the database is away."

SIZES = (1, 2, 5, 10, 20, 50, 100, 200, MAX_BATCH)
"Plans of a batch, as they are counted."

DURATIONS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, PATIENCE)
"Seconds of a batch: half a millisecond on a fast disk, and what a request waits at most."

MAX_WAITING = 20_000
"Plans in line; more than any database drains within PATIENCE, so a longer line only costs memory."


class Committer:
    """Collects plans and writes them in batches; `submit` returns a future of the plan's outcome.

    `write` is called in the writer thread with a batch and says for each plan whether it was committed or lost
    its race; `applied` is called in the loop, once for each written plan, before the waiting request goes on,
    also when that request has been told to try again later: what is durable must be known.
    """

    def __init__(self, write: Callable[[Sequence[Plan]], list[Outcome]], *, pause: float = 0.0) -> None:
        self.pause = pause
        "Seconds of rest between two batches, so that other writers of a SQLite file get their turn."
        self.healthy = True
        self.batches = self.plans = 0
        self.sizes = Histogram(SIZES)
        "Plans of the batches that were written."
        self.durations = Histogram(DURATIONS)
        "Seconds that they took."
        self.conflicts = 0
        "Plans that lost their race."
        self._write = write
        self._waiting: deque[_Entry] = deque()
        self._writing: list[_Entry] = []
        self._scheduled = False
        self._batches: queue.SimpleQueue[list[_Entry] | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="committer", daemon=True)
        self._thread.start()
        self._idle = asyncio.Event()
        self._idle.set()
        self._patience = self._loop.call_later(PATIENCE / 4, self._lose_patience)

    def submit(self, plan: Plan, applied: Callable[[Outcome], None] | None = None) -> "asyncio.Future[Outcome]":
        """Queue one plan; the future ends with its outcome or with TryAgainLater."""
        future: asyncio.Future[Outcome] = self._loop.create_future()
        if len(self._waiting) >= MAX_WAITING:
            future.set_exception(TryAgainLater(RETRY_AFTER))
            return future
        self._waiting.append(_Entry(plan, future, applied, self._loop.time() + PATIENCE))
        self._idle.clear()
        self._schedule()
        return future

    def __len__(self) -> int:
        """Plans that are not written yet."""
        return len(self._waiting) + len(self._writing)

    async def drain(self) -> None:
        """Wait until everything that was submitted is written."""
        await self._idle.wait()

    async def close(self, patience: float = PATIENCE) -> None:
        """Write what waits, as far as `patience` (seconds) allows, and end the thread."""
        try:
            await asyncio.wait_for(self.drain(), patience)
        except TimeoutError:
            log.warning("closed with unwritten plans", plans=len(self))
        self._patience.cancel()
        self._batches.put(None)

    def _schedule(self) -> None:
        if not self._scheduled and not self._writing:
            self._scheduled = True
            self._loop.call_soon(self._start)  # after this turn of the loop: one drain of a socket is one batch

    def _start(self) -> None:
        self._scheduled = False
        waiting = self._waiting
        if self._writing:
            return
        if not waiting:  # they have lost their patience since this was scheduled
            self._idle.set()
            return
        if len(waiting) <= MAX_BATCH:
            self._writing = list(waiting)
            waiting.clear()
        else:
            self._writing = [waiting.popleft() for _ in range(MAX_BATCH)]
        self._batches.put(self._writing)

    def _work(self) -> None:
        """The writer thread: one batch after the other until told to end."""
        while (batch := self._batches.get()) is not None:
            began = time.perf_counter()
            try:
                outcomes: list[Outcome] | Exception = self._write([entry.plan for entry in batch])
            except MemoryError:
                exhaustion.end()
            except Exception as error:
                outcomes = error
            try:
                self._loop.call_soon_threadsafe(self._finish, outcomes, time.perf_counter() - began)
            except RuntimeError:  # the loop has been closed in an emergency stop
                return

    def _finish(self, outcomes: list[Outcome] | Exception, seconds: float) -> None:
        batch, self._writing = self._writing, []
        if isinstance(outcomes, DatabaseAway):
            if self.healthy:
                log.error("database away", waiting=len(batch) + len(self._waiting), error=str(outcomes))
            self.healthy = False
            self._waiting.extendleft(reversed([entry for entry in batch if not entry.future.done()]))
            self._loop.call_later(RETRY_PAUSE, self._resume)
            return
        if isinstance(outcomes, Exception):
            log.error("a batch could not be written", plans=len(batch), exc_info=outcomes)
            for entry in batch:
                if not entry.future.done():
                    entry.future.set_exception(TryAgainLater(RETRY_AFTER))
        else:
            if not self.healthy:
                log.info("database is back")
            self.healthy = True
            self.batches += 1
            self.plans += len(batch)
            self.sizes.observe(len(batch))
            self.durations.observe(seconds)
            self.conflicts += outcomes.count(Outcome.CONFLICT)
            for entry, outcome in zip(batch, outcomes, strict=True):
                if entry.applied is not None:
                    entry.applied(outcome)
                if not entry.future.done():
                    entry.future.set_result(outcome)
        if not self._waiting:
            self._idle.set()
        elif self.pause:
            self._loop.call_later(self.pause, self._resume)
        else:
            self._schedule()

    def _resume(self) -> None:
        if self._waiting:
            self._schedule()
        elif not self._writing:
            self._idle.set()

    def _lose_patience(self) -> None:
        """Tell those who have waited too long to try again; an unwritten plan of theirs is dropped."""
        now = self._loop.time()
        for entry in self._writing:  # a hanging database: it may still be written, and is then applied
            if entry.deadline <= now and not entry.future.done():
                self.healthy = False
                entry.future.set_exception(TryAgainLater(RETRY_AFTER))
        while self._waiting and self._waiting[0].deadline <= now:
            entry = self._waiting.popleft()
            if not entry.future.done():
                entry.future.set_exception(TryAgainLater(RETRY_AFTER))
        self._patience = self._loop.call_later(PATIENCE / 4, self._lose_patience)


class _Entry:
    __slots__ = ("applied", "deadline", "future", "plan")

    def __init__(
        self,
        plan: Plan,
        future: "asyncio.Future[Outcome]",
        applied: Callable[[Outcome], None] | None,
        deadline: float,
    ) -> None:
        self.plan = plan
        self.future = future
        self.applied = applied
        self.deadline = deadline

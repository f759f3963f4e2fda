"""Draining an edge: it takes nothing new, hands its watchers over to the others, lets what runs end, and goes.

Subscriptions of watchers without a connection go on at another edge, in the same dialog (DESIGN section 9); those that
depend on a connection end with `deactivated`, so that their clients subscribe anew, elsewhere (RFC 6665 4.2.2).
Where no other edge runs, the first ones stay in the database for this edge's successor.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import structlog

from presence.engine.errors import DomainError, TryAgainLater
from presence.models import EdgeLease
from presence.rows import SUBSCRIPTION
from presence.store import Outcome, Plan, Put
from provisioning import asking
from sipedge.dialogs import LiveSubscription
from sipedge.sip.message import Request

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

COMMAND: Final = "drain"
ADOPT: Final = "adopt"

DRAINED: Final = 3
"Exit status of an edge that was drained and is not wanted back: whoever supervises it leaves it down."

RETRY_AFTER: Final = 5
"Seconds until a client that knows no other edge may ask again."

OPENING: Final = frozenset({"REGISTER", "SUBSCRIBE", "INVITE", "REFER", "OPTIONS"})
"Methods that begin something, or ask whether something can be begun: load balancers ask by OPTIONS."

AT_ONCE: Final = 200
"Subscriptions in one step; requests are answered in between."

LOOK: Final = 0.1
"Seconds between two looks at what is still under way."

MOST_RACES: Final = 5
"Times that a row is written anew when its watcher has refreshed it meanwhile."


class Drain:
    """Of one edge; nothing happens before `begin`."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge
        self.begun = False
        self.done = asyncio.Event()
        "The edge can be stopped."
        self.restart = False
        self._step = ""
        self._handed = self._ended = self._kept = 0
        self._moved: set[int] = set()
        self._others: deque[str] = deque()

    async def begin(self, *, seconds: float, restart: bool) -> dict[str, Any]:
        """Begin, unless that was done; how far it is. Answers the command `drain`."""
        if not self.begun:
            self.begun, self.restart = True, restart
            if self._edge.siblings is not None:
                self._edge.siblings.drain()
            log.info("draining", seconds=seconds, restart=restart)
            self._edge.background(self._run(seconds))
        return self.report()

    def report(self) -> dict[str, Any]:
        """How far it is; empty before it has begun."""
        if not self.begun:
            return {}
        edge = self._edge
        return {
            "step": self._step,
            "handed_over": self._handed,
            "ended": self._ended,
            "kept": self._kept,
            "subscriptions": len(edge.subscriptions),
            "calls": len(edge.legs),
            "transactions": len(edge.stack),
            "restart": self.restart,
        }

    def check(self, request: Request) -> None:
        """Nothing new; raises TryAgainLater. What takes something back is welcome."""
        if self.begun and request.method in OPENING and request.to.tag is None:
            if request.method != "REGISTER" or request.expires != 0:
                raise TryAgainLater(RETRY_AFTER)

    def check_moved(self, tag: str | None) -> None:
        """A subscription that another edge has now, whose NOTIFY tells the watcher so; raises TryAgainLater."""
        try:
            moved = int(tag or "", 16) in self._moved
        except ValueError:
            return
        if moved:
            raise TryAgainLater(1)

    async def _run(self, seconds: float) -> None:
        edge = self._edge
        ends = edge.loop.time() + seconds
        try:
            self._step = "handing over"
            await edge.lease.renew()  # so that nobody hands anything over to us
            self._others = deque(await edge.read(_others, edge.name, edge.now()))
            await self._leave(ends)
            self._step = "waiting for calls and transactions"
            while edge.loop.time() < ends and self._under_way():
                await asyncio.sleep(LOOK)
        except DomainError as error:
            log.error("draining was cut short", error=str(error))  # the successor resumes what is left
        self._step = "done"
        log.info("drained", **{name: value for name, value in self.report().items() if name != "step"})
        self.done.set()

    async def _leave(self, ends: float) -> None:
        edge = self._edge
        connectionless = []
        for live in edge.subscriptions:
            if live.ended:
                continue
            if live.dialog.flow.reliable:
                self._ended += 1
                edge.notifier.end(live, "deactivated")
            else:
                connectionless.append(live)
        for start in range(0, len(connectionless), AT_ONCE):
            if not self._others or edge.loop.time() >= ends:
                self._kept = len(connectionless) - start
                return
            await self._hand_over(connectionless[start : start + AT_ONCE])

    async def _hand_over(self, lives: Sequence[LiveSubscription]) -> None:
        """Give these to the next edge that takes them; else they stay where they are."""
        edge = self._edge
        for live in lives:
            live.moved = True  # nothing is sent or written here any more
            self._moved.add(live.row.id)
        while self._others:
            other = self._others[0]
            self._others.rotate(-1)
            written = await asyncio.gather(*(self._assign(live, other) for live in lives))
            given = [live for live, done in zip(lives, written, strict=True) if done]
            try:
                await asking.ask(other, ADOPT, ids=[live.row.id for live in given])
            except (asking.NoAnswer, asking.Refused) as error:
                log.warning("an edge does not take subscriptions over", edge=other, why=str(error))
                self._others.remove(other)
                continue
            for live in given:
                edge.subscriptions.remove(live)
                edge.backends.release(live)  # the other one has begun its own by now
            self._handed += len(given)
            return
        for live in lives:
            await self._assign(live, edge.name)
            live.moved = False
            self._moved.discard(live.row.id)
            edge.notifier.look_again(live)
        self._kept += len(lives)

    async def _assign(self, live: LiveSubscription, name: str) -> bool:
        """Write whose subscription it is; False when it has ended."""
        for _ in range(MOST_RACES):
            if live.ended:
                return False
            row = live.record()
            moved = row._replace(version=row.version + 1, edge=name, sent_digest="", updated_at=self._edge.now())
            outcome = await self._edge.commit(Plan(row.key, (Put(SUBSCRIPTION, moved, row.version),)))
            if outcome is Outcome.COMMITTED:
                live.row = moved
                return True
        return False

    def _under_way(self) -> bool:
        """Something would be cut off: a call, a request in work, a NOTIFY that nobody has answered yet."""
        edge = self._edge
        last = any(live.ended or live.outstanding is not None for live in edge.subscriptions)
        return bool(last or len(edge.legs) or edge.dispatcher.busy)


def _others(name: str, now: datetime) -> list[str]:
    """The edges that run and stay."""
    return [lease.edge for lease in EdgeLease.running(now).exclude(edge=name) if not lease.draining]

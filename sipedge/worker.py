"""The edge: one loop that owns the stack, the sockets, the working set and everything that is sent.

Bytes come in through `network`, become events in `sip.stack`, are answered by `dispatch` and its handlers, and
what watchers are due goes out through `senders.notify`. This file starts those parts in order, carries events
between them, and stops them so that nothing acknowledged is lost. It holds no rule of its own.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import structlog
from django.conf import settings
from django.db import connection

from presence import store
from presence.engine.errors import TryAgainLater
from presence.personas import Personas
from presence.publications import PublishPlan
from presence.sending import COMMAND
from presence.store import DatabaseAway, Loaded, Outcome, Plan
from provisioning import snapshot
from provisioning.policy import Policy
from provisioning.uri import SipUri, Uri
from sipedge import exhaustion, expiry
from sipedge.adoption import Adoption
from sipedge.b2bua.legs import Legs
from sipedge.b2bua.mixer import Ports
from sipedge.b2bua.sip_switch import SipSwitch
from sipedge.commands import Commands
from sipedge.committer import PATIENCE, RETRY_AFTER, Committer
from sipedge.console import Console
from sipedge.departures import Departures
from sipedge.dialogs import Subscriptions
from sipedge.dispatch import Dispatcher, Handler
from sipedge.draining import ADOPT, Drain
from sipedge.draining import COMMAND as DRAIN
from sipedge.guests import Guests
from sipedge.handlers import csta, message, notify, options, publish, register, relay, subscribe
from sipedge.hints import Hints
from sipedge.integrators import Courier
from sipedge.lease import Lease
from sipedge.listeners import Listener
from sipedge.live_objects import LiveObjects
from sipedge.locate import Locator
from sipedge.lookup import Lookup
from sipedge.messenger.agents import Agents
from sipedge.metrics.edge import Metrics
from sipedge.models import Binding
from sipedge.network import Network
from sipedge.offline import OfflineMessages
from sipedge.peers import Peers
from sipedge.record_route import Tickets
from sipedge.refusals import MALFORMED, OVERLOAD, OVERSIZED
from sipedge.registrar import Registrar
from sipedge.resume import adopt, resume, tell
from sipedge.rows import BindingRow
from sipedge.selfservice.ends import Ends
from sipedge.senders.backend import Backends
from sipedge.senders.notify import Notifier
from sipedge.senders.relay import Relay
from sipedge.sharing.home import ALONE, Share, mark, numbered
from sipedge.sharing.siblings import Siblings
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.flow import Flow
from sipedge.sip.stack import (
    AckReceived,
    Overloaded,
    RequestReceived,
    ResponseReceived,
    Stack,
    TransactionFailed,
    Unacceptable,
)
from sipedge.sip.transaction import ClientTransaction, ServerTransaction
from sipedge.telephony import Telephony
from sipedge.timeline import Timeline
from sipedge.trace.answers import Teller
from sipedge.trace.ring import Ring
from sipedge.trust import Gatekeeper

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

HANDLERS: dict[str, Handler] = {
    "MESSAGE": message.handle,
    "NOTIFY": notify.handle,
    "OPTIONS": options.handle,
    "PUBLISH": publish.handle,
    "REGISTER": register.handle,
    "SUBSCRIBE": subscribe.handle,
}
"Method -> what answers it."

SQLITE_PAUSE = 0.002
"Seconds between two batches on SQLite: without it a writer that never rests starves the web side for seconds."

READERS = 2
"Threads, each with a database connection of its own, for loading what is not in memory."

READ_RETRY = 0.2
"Seconds between two attempts to read while the database is away."

CANCEL_AGAIN = 0.2
"Seconds after which a task that has not ended is cancelled again."

MOST_CANCELS = 10
"Times that tasks are cancelled; then the process ends with them."

MAX_NOTICED = 10_000
"Different things that are counted."


class Edge:
    """One edge process. Everything but database threads runs in its loop."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.loop = asyncio.get_running_loop()
        self.share = Share(*settings.CUPS_EDGE_SHARE)
        self.siblings = self._meet() if self.share != ALONE else None
        "The other processes with our addresses."
        self._token = mark(self.share.index) + secrets.token_hex(4)
        "Tells this run from others in branches and nonces, and this process from those beside it."
        self.stack = Stack(self._token, secrets.token_bytes(32))
        self.peers = Peers()
        self.network = Network(
            self.loop,
            peers=self.peers,
            certificates=Path(settings.DATA_DIR) / "tls",
            received=self._received,
            drained=self._pump,
            broken=self._broken,
            lost=self._lost,
            siblings=self.siblings,
        )
        self.registrar = Registrar(self._registered)
        self.subscriptions = Subscriptions()
        self.personas = Personas(
            self._load, lambda: self.policy, pinned=self.subscriptions.watches, clock=self.loop.time
        )
        self.notifier = Notifier(self)
        self.backends = Backends(self)
        self.relay = Relay(self)
        self.legs = Legs(self)
        self.switch = SipSwitch(self, Ports(*settings.CUPS_RTP_PORTS), f"{self._token}.")
        self.offline = OfflineMessages(self)
        self.departures = Departures(self)
        self.drain = Drain(self)
        self.adoption = Adoption(self)
        self.locator = Locator(Lookup(settings.CUPS_DNS, self.loop.time), self.loop.time)
        self.guests = Guests(self.locator)
        self.agents = Agents(self)
        self.courier = Courier(self)
        self.trace = Ring(settings.CUPS_TRACE_MESSAGES, settings.CUPS_TRACE_BYTES, time.time_ns)
        self.timeline = Timeline(self)
        self.console = Console(self)
        self.commands = Commands(
            self,
            {
                "messenger.log_in": self.agents.log_in,
                "messenger.log_out": self.agents.log_out,
                "messenger.snapshot": self.agents.snapshot,
                "messenger.alive": self.agents.alive,
                "messenger.status": self.agents.status,
                "messenger.idle": self.agents.idle,
                "messenger.send": self.agents.send,
                "messenger.typing": self.agents.typing,
                "messenger.confirm": self.agents.confirm,
                COMMAND: self.courier.message,
                DRAIN: self.drain.begin,
                ADOPT: self._adopt,
                "trace": Teller(self).trace,
                "own.end_watcher": Ends(self).watcher,
                **self.console.commands,
                **LiveObjects(self).commands,
            },
        )
        self.telephony = Telephony(self)
        self.metrics = Metrics(self)
        self.dispatcher = Dispatcher(self, HANDLERS, relay.handle, relay.is_passed_on, relay.acknowledge, csta)
        self.tickets: Tickets
        self.policy: Policy
        self.gatekeeper: Gatekeeper
        self.committer: Committer
        self._readers = ThreadPoolExecutor(READERS, "reader")
        self.lease = Lease(self, self._readers)
        self.hints = Hints(self, self._readers)
        self.noticed: Counter[tuple[str, str, str]] = Counter()
        "Legacy dialects and sources without a priority, by kind, name and peer."
        self.resuming = True
        "Watchers of the predecessor are still being looked at, one after the other."
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")

    # Starting and stopping

    async def start(self, listeners: Sequence[Listener] | None) -> None:
        """Load the policy, take up what a predecessor left, open the sockets (None: those of the policy)."""
        self.policy = await self.read(snapshot.load)
        self.trace.switch(self.policy.settings.trace)
        self.timeline.switch(self.policy)
        self.gatekeeper = Gatekeeper(self.policy.settings.nonce_key, self._token, self.guests, self.peers)
        self.tickets = Tickets(self.policy.settings.nonce_key)
        pause = SQLITE_PAUSE if connection.vendor == "sqlite" else 0.0
        self.committer = Committer(store.commit, pause=pause)
        await self.network.open(listeners, self.policy)
        await resume(self, await self.lease.take())
        await self.telephony.start()
        await self.telephony.states.start()
        self.network.accept()
        await self.metrics.open()
        for keep in (
            self._tell_all(),
            expiry.watch(self),
            self.hints.listen(),
            self.hints.announce(),
            self.guests.keep(lambda: self.policy),
            self.telephony.states.keep(),
            self.agents.keep(),
            self.commands.listen(),
            self.metrics.keep(),
            self.timeline.keep(),
        ):
            self.background(keep)
        await self.commands.wait_until_heard()

    async def _tell_all(self) -> None:
        """Tell the watchers of the predecessor what they have missed."""
        await tell(self)
        self.resuming = False
        await self.lease.resumed()

    async def stop(self) -> None:
        """Answer what is being handled, write everything down, close."""
        await self.switch.stop()
        self.network.refuse()
        self.metrics.close()
        self.telephony.close()
        await self.dispatcher.drain(PATIENCE)
        await self.commands.finish(PATIENCE)
        await self.agents.close()
        await self._cancel_tasks()
        await self.lease.stop()
        await self.committer.close()
        await self.timeline.close()
        self.flush()
        await self.network.close()
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def _cancel_tasks(self) -> None:
        """End what runs beside everything else; a client of the bus that is just connecting has to be told twice."""
        for _ in range(MOST_CANCELS):
            if not self._tasks:
                return
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=CANCEL_AGAIN)
        log.warning("background tasks do not end", tasks=len(self._tasks))

    @property
    def lease_held(self) -> bool:
        """Others know that this edge lives, and leave its subscriptions alone."""
        return self.lease.held

    async def _adopt(self, ids: list[int]) -> dict[str, Any]:
        """Another edge hands these subscriptions over. Answers the command `adopt`."""
        if self.drain.begun:
            raise TryAgainLater(RETRY_AFTER)
        return {"adopted": await adopt(self, ids)}

    def _meet(self) -> Siblings:
        return Siblings(
            self.loop,
            self.name,
            self.share,
            Path(settings.DATA_DIR) / "edges",
            received=self._received,
            drained=self._pump,
            registered=lambda persona_id, bindings: self.registrar.heard(persona_id, bindings),
        )

    def _registered(self, persona_id: int, bindings: tuple[BindingRow, ...]) -> None:
        """Contacts have changed here: the others will hear of it, those beside us before anybody can ask for them."""
        self.hints.registered(persona_id)
        if self.siblings is not None:
            self.siblings.registered(persona_id, bindings)

    def background(self, work: Any) -> None:
        """Run a coroutine beside everything else; what it raises is logged."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            if isinstance(error, MemoryError):
                exhaustion.end()
            log.error("a background task failed", exc_info=error)

    # The wire

    def _received(self, data: bytes, flow: Flow) -> None:
        self.trace.sip(data, flow, outgoing=False)
        self.stack.receive(data, flow, self.loop.time())

    def _broken(self, error: MalformedMessage, flow: Flow) -> None:
        self.stack.refuse(error, flow)
        self._pump()

    def _lost(self, flow: Flow) -> None:
        self.stack.flow_failed(flow)
        self.departures.lost(flow)
        self.telephony.sessions.lost(flow)
        self._pump()

    def _pump(self) -> None:
        """Carry the stack's events to those who wait for them, then send."""
        events = self.stack.events
        while events:
            event = events.popleft()
            if isinstance(event, RequestReceived):
                self.dispatcher.received(event)
            elif isinstance(event, ResponseReceived):
                event.transaction.user.answered(event.transaction, event.response)
            elif isinstance(event, AckReceived):
                self.dispatcher.acknowledged(event)
            elif isinstance(event, TransactionFailed) and isinstance(event.transaction, ClientTransaction):
                event.transaction.user.failed(event.transaction, event.status)
            elif isinstance(event, Unacceptable):
                self.peers.refused(OVERSIZED if event.status == 513 else MALFORMED, event.flow.remote[0])
            elif isinstance(event, Overloaded):
                self.peers.refused(OVERLOAD, event.flow.remote[0])
        self.flush()

    def flush(self) -> None:
        """Send what the stack has made, and wake up for its next deadline."""
        transmissions = self.stack.transmissions
        while transmissions:
            data, flow = transmissions.popleft()
            kept = self.trace.sip(data, flow, outgoing=True)  # before the other side can answer
            if not self.network.send(data, flow) and kept:
                self.trace.take_back()
        deadline = self.stack.next_deadline()
        if deadline is not None and deadline < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = deadline
            self._timer = self.loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._timer_at = float("inf")
        if not self.lease.held:
            self.notifier.hold_back()
        self.stack.timeout(self.loop.time())
        self._pump()

    def respond(self, transaction: ServerTransaction, response: Any) -> None:
        """Answer a request."""
        self.stack.respond(transaction, response, self.loop.time())
        self.flush()

    # What handlers and senders ask for

    def now(self) -> datetime:
        """The time of day; the only clock that rules ever see."""
        return datetime.now(UTC)

    def new_id(self) -> int:
        """A random id for a row, unique without asking the database."""
        return numbered(secrets.randbits(62) | 1 << 62, self.share.index)

    def commit(self, plan: Plan, applied: Callable[[Outcome], None] | None = None) -> "asyncio.Future[Outcome]":
        """Make a plan durable; others hear of it afterwards."""

        def announced(outcome: Outcome) -> None:
            if applied is not None:
                applied(outcome)
            if outcome is Outcome.COMMITTED:
                self.hints.changed(plan.persona_id)

        return self.committer.submit(plan, announced)

    def publish(self, planned: PublishPlan) -> "asyncio.Future[Outcome]":
        """Make a publication, its change or its end durable; then the watchers are due."""
        plan, row = planned.plan, planned.row
        assert plan is not None and row is not None

        def applied(outcome: Outcome) -> None:
            if outcome is Outcome.COMMITTED:
                self.personas.apply(planned)
                if self.timeline.on:
                    self.timeline.published(planned)
                self.notifier.changed(row.persona_id)

        return self.commit(plan, applied)

    def here(self, uri: Uri) -> bool:
        """A Request-URI or Route that means us: a domain of ours, or one of our listeners."""
        return isinstance(uri, SipUri) and (self.policy.serves(uri.host) or self.network.named(uri))

    def notice(self, kind: str, what: str, peer: str) -> None:
        """Count something that an operator may want to put right; the log tells of its first time."""
        if len(self.noticed) < MAX_NOTICED or (kind, what, peer) in self.noticed:
            self.noticed[kind, what, peer] += 1
            if self.noticed[kind, what, peer] == 1:
                log.info(kind, what=what, peer=peer)

    async def read(self, load: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a database query in a thread; waits out a short absence, then raises TryAgainLater."""
        patience_ends = self.loop.time() + PATIENCE
        query = partial(store.away_when_lost()(load), *args, **kwargs)
        while True:
            try:
                return await self.loop.run_in_executor(self._readers, query)
            except DatabaseAway:
                if self.loop.time() >= patience_ends:
                    raise TryAgainLater(RETRY_AFTER) from None
                await asyncio.sleep(READ_RETRY)

    async def _load(self, persona_ids: list[int]) -> list[Loaded]:
        return await self.read(store.load, persona_ids, self.now())

    async def reload_bindings(self, *persona_ids: int) -> None:
        """Another process has changed these users' bindings; read again while this one changes them meanwhile."""
        while True:
            now = self.now()
            before = [self.registrar.of(id, now) for id in persona_ids]
            rows = await self.read(_bindings, persona_ids, now)
            if before == [self.registrar.of(id, now) for id in persona_ids]:
                break
        self.registrar.replace(rows, persona_ids)


def _bindings(persona_ids: Sequence[int], now: datetime) -> list[BindingRow]:
    rows = Binding.objects.filter(persona_id__in=persona_ids, expires_at__gt=now)
    return [BindingRow(*row) for row in rows.values_list(*BindingRow._fields)]

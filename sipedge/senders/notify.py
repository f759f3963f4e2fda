"""NOTIFY going out: who is due, the newest state, one at a time for each dialog (RFC 6665, R-NTF, D-13, D-40).

*Due* names presentities and watchers, never bytes: bursts collapse, and while a NOTIFY is unanswered later
changes wait, so the watcher always ends with the newest state. A document is built once per change and view;
its bytes are shared. A NOTIFY costs no database write.

While the edge does not hold its lease, others may speak to its watchers: nothing goes out and nothing is repeated
(`hold_back`). When it holds it again, whoever is still its own is looked at (`go_on`).
"""

import asyncio
from collections import Counter, deque
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from presence.engine.errors import TryAgainLater, UnknownPresentity
from presence.rows import SUBSCRIPTION
from presence.store import Outcome, Plan, Put
from presence.subscriptions import plan_end
from sipedge.committer import RETRY_AFTER
from sipedge.dialogs import CSEQ_BLOCK, LiveSubscription
from sipedge.sip.flow import Flow
from sipedge.sip.headers import seconds_of
from sipedge.sip.message import Response
from sipedge.sip.stack import LOST, ClientTransaction
from sipedge.ways import to_peer

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

LARGEST_DATAGRAM = 1300
"Bytes of a request beyond which TCP is used where the peer has it (RFC 3261 18.1.1)."

HEAD_SIZE = 400
"Bytes allowed for what stands before CSeq in a NOTIFY: request line, Via, Route, From, To, Call-ID, Contact."

PACE = 256
"NOTIFYs in one turn of the loop; a wide fan-out gives way to incoming requests in between."

TURN = 0.02
"Seconds of one turn: to find that nothing is due costs a document, and after a change of policy all are looked at."

ROOM = 16_000
"Bytes of a list's notification over UDP to a watcher without TCP: fragments of one datagram that still arrive."

STREAM_ROOM = 60_000
"Bytes of a list's notification on a stream: watchers, ourselves included, refuse messages of more than 64 kB."

STRIKES = 3
"NOTIFYs in a row without any answer after which a watcher counts as gone."

REFUSED_PAUSE = 5
"Seconds until a watcher that answered with a server error is told again, unless it says when."

MAX_PAUSE = 600
"Seconds that a watcher can ask for."

LOOKED_AT = 500
"Watchers looked at in one turn of the loop when the lease is held again; requests are answered in between."

REFUSED = "refused"
"Counts NOTIFYs that a watcher has answered with an error."

ENDING = frozenset({404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604})
"Answers that end the subscription (RFC 6665 4.2.2)."


class Notifier:
    """Sends what is due to the live subscriptions of this edge."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge
        self._changed: dict[int, None] = {}
        "Presentities with a change that their watchers have not been looked at for, oldest first."
        self._due: deque[LiveSubscription] = deque()
        self._scheduled = False
        self._holding_back = False
        self.sent = 0
        self.coalesced = 0
        "Times that a watcher's turn was put off: a NOTIFY was unanswered, or changes came faster than it is told."
        self.failures: Counter[str] = Counter()
        "By the outcomes of the stack's LOST, and refused."

    def __len__(self) -> int:
        """Watchers, and presentities with a change, that wait for their turn."""
        return len(self._due) + len(self._changed)

    def changed(self, key: int) -> None:
        """The state of a presentity may have changed: its watchers are due."""
        self._changed[key] = None
        self._schedule()

    def first(self, live: LiveSubscription) -> None:
        """A SUBSCRIBE was accepted: a NOTIFY is due whatever the watcher has seen (D-12)."""
        live.forced = True
        self._due.append(live)
        self._schedule()

    def look_again(self, live: LiveSubscription) -> None:
        """What a watcher may see has changed: it is told if that makes a difference."""
        self._due.append(live)
        self._schedule()

    def end(self, live: LiveSubscription, reason: str) -> "asyncio.Future[bool]":
        """End a subscription (D-13): first its row, then the watcher is told.

        Done when the row is written; False when a refresh came in time instead. TryAgainLater: not written yet.
        """
        live.reason = reason
        self._edge.backends.release(live)
        written: asyncio.Future[bool] = self._edge.loop.create_future()
        self._end_row(live, told=True, written=written)
        return written

    def lost(self, live: LiveSubscription) -> None:
        """The watcher's connection is gone for good, and only the watcher could open another one."""
        self._drop(live)

    def leave(self, live: LiveSubscription, reason: str) -> None:
        """End a subscription without a word: its watcher cannot be reached."""
        self._drop(live, reason)

    def hold_back(self) -> None:
        """The lease is not held: repeat nothing that is out, before the next look at the lease says what is ours."""
        if self._holding_back:
            return
        self._holding_back = True
        log.warning("the lease has run out: nobody is notified until it is renewed")
        self._edge.personas.forget()  # who fetches a state, or changes one, is not answered from memory either
        for live in self._edge.subscriptions:
            self.abandon(live)

    async def go_on(self) -> None:
        """The lease is held again: tell those who are left what they have missed."""
        self._holding_back = False
        for index, live in enumerate(self._edge.subscriptions):
            self.look_again(live)
            if index % LOOKED_AT == LOOKED_AT - 1:
                await asyncio.sleep(0)

    def abandon(self, live: LiveSubscription) -> None:
        """Forget a NOTIFY that is out; whether the watcher has got it is not known."""
        if live.outstanding is not None:
            self._edge.stack.abandon(live.outstanding)
            live.outstanding = None
            live.unknown()
            live.forced = live.forced or live.ended
            self._edge.subscriptions.told(live, self._edge.now())

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        """A watcher answered its NOTIFY."""
        live: LiveSubscription = transaction.context
        if live.outstanding is not transaction or response.status < 200:
            return
        live.outstanding = None
        if 500 <= response.status < 600 and response.status not in ENDING and not live.ended:
            self._refused(live, response)
            return
        live.strikes = 0
        if response.status >= 300:
            self.failures[REFUSED] += 1
            live.behind = True
            live.refused()
        if response.status in ENDING and not live.ended:
            log.info(
                "watcher ended its subscription",
                status=response.status,
                watcher=live.row.watcher,
                call_id=live.dialog.call_id,
                branch=response.via.branch,
            )
            self._drop(live)
        elif live.farewell:
            self._edge.subscriptions.remove(live)
        elif live.behind or live.forced:
            self.look_again(live)

    def _refused(self, live: LiveSubscription, response: Response) -> None:
        """The watcher cannot take it now: it is told again after a while, a few times."""
        self.failures[REFUSED] += 1
        live.strikes += 1
        live.unknown()
        self._edge.subscriptions.told(live, self._edge.now())
        if live.strikes >= STRIKES:
            self._drop(live)
            return
        asked = seconds_of(response.get("Retry-After"))
        live.not_before = self._edge.loop.time() + min(asked or REFUSED_PAUSE, MAX_PAUSE)
        self.look_again(live)

    def failed(self, transaction: ClientTransaction, status: int) -> None:
        """Nobody answered (Timer F) or the flow broke: a strike."""
        live: LiveSubscription = transaction.context
        if live.outstanding is not transaction:
            return
        self.failures[LOST[status]] += 1
        if transaction.flow is live.tcp_flow:
            self._edge.network.takes_no_tcp(transaction.flow)
        live.outstanding = None
        live.strikes += 1
        live.unknown()
        self._edge.subscriptions.told(live, self._edge.now())
        if live.ended or live.strikes >= STRIKES:
            self._drop(live)
            return
        live.flow = self._edge.network.flow_again(live.dialog)
        live.head = None
        live.tcp_flow = None
        self.look_again(live)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._edge.loop.call_soon(self._after_answers)

    def _after_answers(self) -> None:
        """One turn later: the 200 that announces a NOTIFY leaves first."""
        self._edge.loop.call_soon(self._drain)

    def _drain(self) -> None:
        self._scheduled = False
        budget = PACE
        ends = monotonic() + TURN  # the loop's own time may stand still within a turn
        due = self._due
        while due and budget > 0 and monotonic() < ends:
            live = due.popleft()
            if self._turn(live):
                budget -= 1
        while self._changed and budget > 0 and monotonic() < ends:
            key = next(iter(self._changed))
            del self._changed[key]
            for live in self._edge.subscriptions.watching(key):
                live.touch(key)
                if self._turn(live):
                    budget -= 1
        if due or self._changed:
            self._schedule()
        self._edge.flush()

    def _turn(self, live: LiveSubscription) -> bool:
        """A watcher's turn, unless a NOTIFY of its is out: the answer brings it here again."""
        if live.outstanding is not None:
            live.behind = True
            self.coalesced += 1
            return False
        return self._notify(live)

    def _notify(self, live: LiveSubscription) -> bool:
        """Send the newest document unless the watcher has it; True when something went out."""
        edge = self._edge
        now = edge.now()
        if live.moved:
            return False  # another edge goes on with it
        if not edge.lease_held and edge.subscriptions.get(live.row.id) is not None:
            self.hold_back()
            return False  # another edge may go on with it; a fetch is nobody else's
        if live.ended and not live.forced:
            return False  # its end is being written
        if not live.ended and live.row.expires_at <= now:
            self.end(live, "timeout")
            return False
        personas = edge.personas
        if not live.ended and (missing := live.missing(personas)):
            if edge.resuming and not live.forced:
                return False  # its turn comes (`resume.tell`)
            edge.background(self._load_first(live, missing))
            return False
        if not live.forced:
            if not live.due(personas, now):
                return False
            if live.not_before > edge.loop.time():
                self.coalesced += 1
                self._later(live)
                return False
        if live.cseq >= live.row.cseq and not live.ended:
            self._reserve(live)
            return False
        if live.flow is not None and not edge.network.alive(live.flow):
            live.flow = live.tcp_flow = None
            live.head = None
        if live.flow is None:
            edge.background(self._connect_again(live))
            return False
        flow = live.flow
        content = live.content(personas, now, None)
        if content is not None and not flow.reliable and len(content.body) + HEAD_SIZE > LARGEST_DATAGRAM:
            if live.tcp_flow is None and edge.network.may_take_tcp(flow):
                edge.background(self._probe_tcp(live, flow))
                return False
            flow = live.tcp_flow or flow
        room = STREAM_ROOM if flow.reliable else ROOM
        if content is not None and len(content.body) > room:
            content = live.content(personas, now, room)
        if live.ended:
            state = f"terminated;reason={live.reason}"
        else:
            state = f"{live.row.state};expires={live.remaining(now)}"
            if live.row.min_interval:
                state += f";min-interval={live.row.min_interval:g}"
        head = f"CSeq: {live.cseq + 1} NOTIFY\r\nSubscription-State: {state}\r\n"
        if content is not None:
            head += f"{content.headers}Content-Length: {len(content.body)}\r\n\r\n"
            tail = head.encode() + content.body
            live.sent(content, edge.loop.time(), edge.policy.settings)
        else:
            tail = head.encode() + b"Content-Length: 0\r\n\r\n"
        live.cseq += 1
        live.forced = False
        live.behind = content is not None and not content.digest  # there is more, for which this had no room
        live.farewell = live.ended
        edge.subscriptions.told(live, now)
        self._send(live, flow, tail)
        if edge.timeline.on:
            edge.timeline.told(live, content)
        return True

    def _later(self, live: LiveSubscription) -> None:
        """Changes come faster than the watcher is told: look again when its time has come."""
        if not live.waiting:
            live.waiting = True
            self._edge.loop.call_at(live.not_before, self._waited, live)

    def _waited(self, live: LiveSubscription) -> None:
        live.waiting = False
        self.look_again(live)

    def _send(self, live: LiveSubscription, flow: Flow, tail: bytes) -> None:
        edge = self._edge
        listener = edge.network.listener_of(flow)
        branch = edge.stack.branch()
        if live.head is None:
            live.head = live.dialog.constant_head("NOTIFY", listener.contact, live.event)
        request_line, rest = live.head
        via = f"Via: SIP/2.0/{flow.transport} {listener.sent_by};branch={branch};rport\r\n".encode()
        live.outstanding = edge.stack.begin(
            request_line + via + rest + tail,
            method="NOTIFY",
            branch=branch,
            flow=flow,
            now=edge.loop.time(),
            user=self,
            context=live,
            bare=True,
        )
        self.sent += 1

    def _reserve(self, live: LiveSubscription) -> None:
        """The block of CSeq numbers is used up: commit the next one, then go on."""
        if live.reserving:
            return
        live.reserving = True
        row = live.record()._replace(version=live.row.version + 1, cseq=live.cseq + CSEQ_BLOCK)

        def applied(outcome: Outcome) -> None:
            live.reserving = False
            if outcome is Outcome.COMMITTED:
                live.row = row._replace(state=live.row.state)
                self._edge.subscriptions.written(live)
                self.look_again(live)
            elif live.row.version < row.version:  # nobody here has written it meanwhile: the row is gone
                self._edge.subscriptions.remove(live)
            else:
                self.first(live)

        def refused(future: "asyncio.Future[Outcome]") -> None:
            if not future.cancelled() and future.exception() is not None:
                live.reserving = False
                self._edge.loop.call_later(RETRY_AFTER, self.first, live)

        future = self._edge.commit(Plan(row.key, (Put(SUBSCRIPTION, row, live.row.version),)), applied)
        future.add_done_callback(refused)

    async def _load_first(self, live: LiveSubscription, missing: list[int]) -> None:
        """Presentities are not in memory: load them, then look at this watcher again."""
        try:
            await asyncio.gather(*map(self._edge.personas.get, missing))
        except (TryAgainLater, UnknownPresentity):  # deleted a moment ago: the policy that follows says so
            await asyncio.sleep(RETRY_AFTER)
        self.look_again(live)

    async def _probe_tcp(self, live: LiveSubscription, flow: Flow) -> None:
        """Look whether the watcher takes TCP; either way its NOTIFY then goes out."""
        live.tcp_flow = await self._edge.network.connect_beside(flow)
        self.look_again(live)

    async def _connect_again(self, live: LiveSubscription) -> None:
        """After a restart or a broken connection: reach a stream watcher at its Contact."""
        live.flow = await to_peer(self._edge.network, self._edge.locator, live.dialog)
        if live.flow is not None:
            self.look_again(live)
        else:
            self._drop(live)

    def _drop(self, live: LiveSubscription, reason: str = "giveup") -> None:
        """End a subscription whose watcher cannot be told."""
        if not live.ended:
            live.reason = reason
            self._end_row(live, told=False)
        self._edge.backends.release(live)
        self._edge.subscriptions.remove(live)

    def _end_row(self, live: LiveSubscription, *, told: bool, written: "asyncio.Future[bool] | None" = None) -> None:
        """Write the end of a subscription, with the CSeq of its last NOTIFY; the row stays for the sweep."""

        def settle(ended: bool) -> None:
            if written is not None and not written.done():
                written.set_result(ended)

        ended = plan_end(row=live.record(), reason=live.reason, now=self._edge.now())
        row = ended.row._replace(cseq=max(live.row.cseq, live.cseq + 1))

        def applied(outcome: Outcome) -> None:
            if outcome is Outcome.COMMITTED:
                live.row = row
            elif live.row.version >= row.version:  # it was written here meanwhile
                if live.reason == "timeout" and live.row.expires_at > self._edge.now():
                    live.reason = ""  # by a refresh that came in time
                    self._edge.backends.follow(live)
                    settle(False)
                else:
                    self._end_row(live, told=told, written=written)
                return
            settle(True)
            if told:  # after a conflict too: the user and all its rows are gone
                self.first(live)

        def refused(future: "asyncio.Future[Outcome]") -> None:
            if future.cancelled() or (error := future.exception()) is None:
                return
            self._edge.loop.call_later(RETRY_AFTER, self._end_row_again, live, told)
            if written is not None and not written.done():
                written.set_exception(error)
                written.exception()  # nobody may be waiting

        self._edge.commit(ended.with_row(row), applied).add_done_callback(refused)

    def _end_row_again(self, live: LiveSubscription, told: bool) -> None:
        self._end_row(live, told=told)

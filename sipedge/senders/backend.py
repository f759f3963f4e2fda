"""SUBSCRIBE going out: state of our presentities that foreign servers hold (section 8, D-30 to D-32, F-5).

A back-end subscription lives as long as a watcher here needs it. Its row survives a restart; what is due is planned
by the rules (`presence.backend`) and pointed out by Celery, and sent here. Everything that happens to one
subscription happens in turn, under its lock.
"""

import contextlib
import random
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from presence import backend as rules
from presence.backend import Want
from presence.deadlines import Deadlines
from presence.engine.errors import DomainError, TryAgainLater
from presence.engine.types import Document
from presence.rows import BackendRow
from presence.store import Outcome, Plan
from provisioning.policy import ServerFacts, plain_address
from sipedge.committer import RETRY_AFTER
from sipedge.dialogs import LiveBackend, LiveSubscription
from sipedge.senders import servers
from sipedge.sip.errors import SipError
from sipedge.sip.headers import SubscriptionState, seconds_of
from sipedge.sip.message import Request, Response
from sipedge.sip.stack import ClientTransaction
from sipedge.sip.timers import T1

if TYPE_CHECKING:
    from sipedge.dispatch import Call
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

FALLBACK = timedelta(seconds=5)
"After this an edge sends what is due even if nobody has pointed it out."

LINGER = 64 * T1
"Seconds for which the last NOTIFY of a subscription that was ended is still answered with 200."

CSEQ_AHEAD = 10
"Numbers skipped in the dialogs of an edge that is gone: requests that it had sent and not written down yet."


class Backends:
    """All back-end subscriptions of this edge."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge
        self._by_want: dict[Want, LiveBackend] = {}
        self._by_id: dict[int, LiveBackend] = {}
        self._needs: dict[int, frozenset[Want]] = {}
        "What each front subscription needs."
        self._deadlines = Deadlines()

    # Who needs what

    def follow(self, live: LiveSubscription) -> None:
        """A front subscription has begun, or policy has changed: have what it needs, and no more."""
        edge, policy = self._edge, self._edge.policy
        if live.ended or (not policy.servers and live.row.id not in self._needs):
            return
        needed = {want: (server, priority) for want, server, priority in self._needed(live)}
        before = self._needs.get(live.row.id, frozenset())
        if needed:
            self._needs[live.row.id] = frozenset(needed)
        else:
            self._needs.pop(live.row.id, None)
        for want, (server, priority) in needed.items():
            found = self._by_want.get(want)
            if found is None:
                row = rules.begin(want, id=edge.new_id(), priority=priority, edge=edge.name, now=edge.now())
                found = self._take_in(LiveBackend(row, want, server))
                edge.background(self._begin(found))
            found.users.add(live.row.id)
            if found.row.priority != priority:
                edge.background(self._change_priority(found, priority))
        for want in before - needed.keys():
            self._let_go(want, live.row.id)

    def release(self, live: LiveSubscription) -> None:
        """A front subscription has ended."""
        for want in self._needs.pop(live.row.id, ()):
            self._let_go(want, live.row.id)

    def _let_go(self, want: Want, user: int) -> None:
        found = self._by_want.get(want)
        if found is not None:
            found.users.discard(user)
            if not found.users:
                self._end(found)

    def _take_in(self, found: LiveBackend) -> LiveBackend:
        self._by_want[found.want] = self._by_id[found.row.id] = found
        return found

    def resume(self, rows: Iterable[BackendRow]) -> None:
        """After a restart: go on where the rows say; `drop_unneeded` ends those that nobody needs any more."""
        for row in rows:
            found = self._of_row(row)
            if found is not None:
                self._go_on(found)

    def adopt(self, rows: Iterable[BackendRow]) -> None:
        """Go on with those of an edge that is gone, as after a restart; what we have by now already ends."""
        for row in rows:
            found = self._of_row(row)
            if found is None or row.id in self._by_id:
                continue
            if found.dialog is not None:
                found.dialog.local_cseq += CSEQ_AHEAD
            if found.want in self._by_want:
                self._by_id[row.id] = found
                found.ended = True
                self._edge.background(self._say_goodbye(found))
            else:
                self._go_on(found)

    def _of_row(self, row: BackendRow) -> LiveBackend | None:
        """None when its server is not provisioned any more."""
        server = self._edge.policy.servers.get(row.server_id)
        return LiveBackend.of_row(row, server) if server is not None else None

    def _go_on(self, found: LiveBackend) -> None:
        self._take_in(found)
        self._deadlines.set(found.row.id, found.row.refresh_at + FALLBACK)

    def missing(self, live: LiveSubscription) -> set[Want]:
        """What this watcher needs and we do not have."""
        return {want for want, _, _ in self._needed(live) if want not in self._by_want}

    def _needed(self, live: LiveSubscription) -> Iterable[tuple[Want, ServerFacts, int]]:
        policy = self._edge.policy
        for key, uri in live.presentities():
            yield from rules.wants(live.row, key, uri, policy)

    def written(self) -> set[int]:
        """The ids of those that have a row."""
        return {found.row.id for found in self._by_want.values() if found.written}

    def forget(self, ids: Iterable[int]) -> None:
        """These are another edge's now, which speaks to their servers."""
        for id in ids:
            found = self._by_id.pop(id, None)
            if found is None:
                continue
            found.ended = True
            if found.outstanding is not None:
                self._edge.stack.abandon(found.outstanding)
                found.outstanding = None
            self._deadlines.discard(id)
            if self._by_want.get(found.want) is found:
                del self._by_want[found.want]

    def drop_unneeded(self) -> None:
        """End those that no front subscription needs."""
        for found in [one for one in self._by_want.values() if not one.users]:
            self._end(found)

    def states(self) -> list[str]:
        """The state of each."""
        return [found.row.state for found in self._by_want.values()]

    def dialogs(self) -> int:
        """How many of them a server has accepted, those included that are just ending."""
        return sum(found.dialog is not None for found in self._by_id.values())

    def policy_changed(self) -> None:
        """A server may have moved (D-32); what was given up is tried again where it is different now."""
        for found in list(self._by_want.values()):
            server = self._edge.policy.servers.get(found.row.server_id)
            if server is None or server == found.server:
                continue
            moved = (server.address, server.transport) != (found.server.address, found.server.transport)
            found.server = server
            if moved or found.row.state == rules.STOPPED:
                self._edge.background(self._start_again(found))

    def look(self, keys: Iterable[int] | None = None) -> None:
        """Send what is due: of these presentities, or (None) all that has been due for a while."""
        now = self._edge.now()
        if keys is None:
            due = [self._by_id.get(id) for id in self._deadlines.due(now)]
        else:
            wanted = set(keys)
            due = [one for one in self._by_want.values() if one.row.key in wanted and one.row.refresh_at <= now]
        for found in due:
            if found is not None and not found.ended and found.outstanding is None:
                self._edge.background(self._subscribe(found))

    # What operators want

    async def refresh(self, id: int) -> None:
        """Send a SUBSCRIBE now, also where it was given up; raises SipError (404, 409) or TryAgainLater."""
        found = self._idle(id)
        if found.outstanding is not None:
            raise SipError(409, "A SUBSCRIBE is on its way already.")
        async with found.lock:
            now = self._edge.now()
            columns: dict[str, object] = {"refresh_at": now}
            if found.row.state in (rules.WAITING, rules.STOPPED):
                found.dialog = None
                columns |= {"state": rules.TRYING, "failures": 0, "dialog": ""}
            if not await self._commit(found, *rules.changed(found.row, now, **columns)):
                raise TryAgainLater(RETRY_AFTER)
        self._edge.background(self._subscribe(found))

    async def end(self, id: int) -> None:
        """Unsubscribe; who still watches has a new one at once, in a dialog of its own. Raises SipError (404, 409)."""
        found = self._idle(id)
        watching = [live for user in found.users if (live := self._edge.subscriptions.get(user)) is not None]
        self._retire(found)
        for live in watching:
            self.follow(live)
        await self._say_goodbye(found)

    def _idle(self, id: int) -> LiveBackend:
        found = self._by_id.get(id)
        if found is None or found.ended:
            raise SipError(404, "This subscription has ended already.")
        if found.lock.locked():
            raise SipError(409, "Something else is just happening to this subscription.")
        return found

    # What is sent

    async def _begin(self, found: LiveBackend) -> None:
        async with found.lock:
            if found.ended:
                return
            plan = rules.inserted(found.row)
            if not await self._commit(found, plan, found.row):
                self._edge.loop.call_later(RETRY_AFTER, lambda: self._edge.background(self._begin(found)))
                return
        await self._subscribe(found)

    async def _change_priority(self, found: LiveBackend, priority: int) -> None:
        async with found.lock:
            if not found.ended and found.row.priority != priority:
                await self._commit(found, *rules.changed(found.row, self._edge.now(), priority=priority))

    async def _start_again(self, found: LiveBackend) -> None:
        """Somewhere else, or after all: a new dialog."""
        async with found.lock:
            if found.ended:
                return
            found.dialog = None
            now = self._edge.now()
            again = rules.changed(found.row, now, state=rules.TRYING, failures=0, dialog="", refresh_at=now)
            if not await self._commit(found, *again):
                self._edge.loop.call_later(RETRY_AFTER, lambda: self._edge.background(self._start_again(found)))
                return
        await self._subscribe(found)

    async def _subscribe(self, found: LiveBackend) -> None:
        async with found.lock:
            if found.ended or found.outstanding is not None or found.row.refresh_at > self._edge.now():
                return  # another one was faster
            if not self._edge.lease_held:  # it may be another edge's by now
                self._deadlines.set(found.row.id, self._edge.now() + FALLBACK)
                return
            expires = max(rules.asked_expires(found.server, self._edge.policy), found.min_expires)
            if not await self._send(found, expires):
                await self._failed(found, 503, None)

    async def _send(self, found: LiveBackend, expires: int) -> bool:
        """Send a SUBSCRIBE, in the dialog if there is one; False when the server cannot be reached."""
        flow = await servers.reach(self._edge, found)
        if flow is None:
            return False
        found.outstanding = servers.subscribe(self._edge, found, flow, expires, user=self)
        return True

    # What comes back

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        """The server answered a SUBSCRIBE."""
        found: LiveBackend = transaction.context
        if found.outstanding is transaction and response.status >= 200:
            self._edge.background(self._take_answer(found, response))

    def failed(self, transaction: ClientTransaction, status: int) -> None:
        """Nobody answered, or the connection broke."""
        found: LiveBackend = transaction.context
        if found.outstanding is transaction:
            self._edge.background(self._take_failure(found, status))

    async def _take_failure(self, found: LiveBackend, status: int) -> None:
        async with found.lock:
            found.outstanding = None
            if not found.ended:
                await self._failed(found, status, None)

    async def _take_answer(self, found: LiveBackend, response: Response) -> None:
        async with found.lock:
            found.outstanding = None
            status = response.status
            if found.dialog is None:
                return
            if found.ended:
                if status < 300 and not found.farewell:  # the last watcher left before the server had answered
                    with contextlib.suppress(SipError):
                        found.dialog.answered(response)
                        found.farewell = await self._send(found, 0)
                return
            if status < 300:
                try:
                    found.dialog.answered(response)
                    seconds = response.expires
                except SipError:
                    await self._failed(found, 500, None)
                    return
                if seconds is None:
                    seconds = rules.asked_expires(found.server, self._edge.policy)
                await self._commit(
                    found,
                    *rules.granted(
                        found.row, seconds, dialog=found.dialog.dumps(), chance=random.random(), now=self._edge.now()
                    ),
                )
                return
            if not servers.may_mend(found, response):
                await self._failed(found, status, seconds_of(response.get("Retry-After")))
                return
            # At once, but only once: until a NOTIFY says that all is well, the next failure waits (D-32).
            now = self._edge.now()
            await self._commit(found, *rules.changed(found.row, now, failures=1, dialog="", refresh_at=now))
        await self._subscribe(found)

    async def _failed(self, found: LiveBackend, status: int, retry_after: int | None) -> None:
        log.warning("back-end subscription failed", server=found.server.name, foreign=found.row.foreign, status=status)
        found.dialog = None
        await self._commit(
            found,
            *rules.failed(found.row, status, retry_after=retry_after, chance=random.random(), now=self._edge.now()),
        )

    async def notified(self, call: "Call") -> Response:
        """A NOTIFY came in (D-31, R-FRN): only from the server of a dialog of ours, or a trusted peer."""
        request, source = call.request, plain_address(call.flow.remote[0])
        found = self._of(request)
        if found is None:
            raise SipError(481, "Subscription Does Not Exist")
        await servers.check_sender(self._edge, found, call.flow)
        event = request.event
        if event is None or event.package != "presence":
            raise SipError(489, "Bad Event")
        state = SubscriptionState.parse(request.get("Subscription-State") or "")
        async with found.lock:
            if found.ended:
                if not found.farewell:
                    raise SipError(481, "Subscription Does Not Exist")
                return request.respond(200)
            dialog = found.dialog
            if dialog is None or dialog.call_id != request.call_id:
                raise SipError(481, "Subscription Does Not Exist")
            dialog.notified(request)
            result = rules.notified(
                found.row,
                state=state.state,
                expires=state.expires,
                reason=state.reason or "",
                retry_after=state.retry_after,
                content_type=request.get("Content-Type"),
                body=request.body,
                user_agent=request.user_agent or "",
                dialog=dialog.dumps(),
                chance=random.random(),
                now=self._edge.now(),
                dialects=self._edge.policy.settings.legacy_dialects,
                count=call.count_dialect,
            )
            if result.document is not None:
                for value in result.document.sources:
                    if value not in self._edge.policy.sources:  # D-20
                        self._edge.notice("source without a priority", value, source)
            if not await self._commit(found, result.plan, result.row, result.document):
                raise TryAgainLater(RETRY_AFTER)
            if state.state == "terminated":
                found.dialog = None
        if result.again:
            self._edge.background(self._subscribe(found))
        return request.respond(200)

    def _of(self, request: Request) -> LiveBackend | None:
        try:
            found = self._by_id.get(int(request.to.tag or "", 16))
        except ValueError:
            return None
        if found is None or found.dialog is None or found.dialog.call_id != request.call_id:
            return None
        return found

    # What is kept

    async def _commit(self, found: LiveBackend, plan: Plan, row: BackendRow, document: Document | None = None) -> bool:
        """Make a change durable and show it to the watchers; False when that could not be done."""
        edge = self._edge

        def applied(outcome: Outcome) -> None:
            if outcome is Outcome.COMMITTED:
                found.written = True
                old, found.row = found.row, row
                self._deadlines.set(row.id, row.refresh_at + FALLBACK)
                edge.personas.apply_backend(row, document)
                if edge.timeline.on:
                    edge.timeline.backend(row, old)
                edge.notifier.changed(row.key)

        try:
            return await edge.commit(plan, applied) is Outcome.COMMITTED
        except DomainError:
            if not found.ended:  # the database is away: look again when it may be back
                self._deadlines.set(row.id, edge.now() + timedelta(seconds=RETRY_AFTER))
            return False

    def _end(self, found: LiveBackend) -> None:
        """Nobody needs it any more."""
        self._retire(found)
        self._edge.background(self._say_goodbye(found))

    def _retire(self, found: LiveBackend) -> None:
        found.ended = True
        del self._by_want[found.want]
        self._deadlines.discard(found.row.id)

    async def _say_goodbye(self, found: LiveBackend) -> None:
        edge = self._edge
        async with found.lock:
            if found.dialog is not None and found.dialog.remote_tag and edge.lease_held:
                found.farewell = await self._send(found, 0)

            def applied(outcome: Outcome) -> None:
                edge.personas.remove_backend(found.row)
                edge.notifier.changed(found.row.key)

            try:
                await edge.commit(rules.removed(found.row), applied)
            except DomainError:
                log.warning("a back-end subscription could not be deleted; the sweep will", id=found.row.id)
        edge.loop.call_later(LINGER, self._by_id.pop, found.row.id, None)

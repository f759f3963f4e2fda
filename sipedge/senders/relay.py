"""A request on its way through the proxy: forking by q, one server after the other, which answer goes back.

RFC 3261 section 16, D-34. Contacts with the highest q are tried first, equal ones at once; the first 2xx wins. One that
does not answer holds the next ones up for a moment only. The request goes to exactly the URI that was registered, over
the flow that the client opened (D-46).
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from provisioning.uri import Aor
from sipedge.listeners import PROXY
from sipedge.locate import Hop
from sipedge.record_route import record_route
from sipedge.resolve import Target
from sipedge.senders.notify import LARGEST_DATAGRAM
from sipedge.sip.flow import Flow
from sipedge.sip.message import Request, Response
from sipedge.sip.stack import ClientTransaction, loop_mark
from sipedge.sip.transaction import ServerTransaction
from sipedge.trust import hides_identity
from sipedge.ways import to_client

if TYPE_CHECKING:
    from sipedge.worker import Edge

PATIENCE = 5.0
"Seconds that a contact, or a server, has before the next one is tried as well; the sender gives up after 32."

RINGING = 25.0
"Seconds that contacts ring before those with a lower q ring too."

TIMER_C = 185.0
"Seconds after which a call that only rings is given up (RFC 3261 16.6 step 11: more than three minutes)."

OUR_HEADERS = 300
"Bytes that a request grows by here, about: Via, P-Asserted-Identity, Route, Record-Route."

UNREACHABLE = 480
"What the sender is told of a contact whose connection is gone."

DIALOG_METHODS = frozenset({"INVITE", "REFER", "SUBSCRIBE"})
"Requests that begin a dialog whose later requests have to come through here."

_OURS = frozenset(
    "Content-Length Max-Forwards P-Asserted-Identity P-Preferred-Identity Record-Route Remote-Party-ID Route".split()
)
"Headers of a request that are not passed on as they came (D-14)."


class Answer(NamedTuple):
    """What became of a request."""

    status: int
    response: Response | None = None
    "As it was given; None when nobody gave one."

    def to(self, request: Request) -> Response:
        """The answer for the client that sent the request: what was given, along the client's own path."""
        if self.response is None:
            return request.respond(self.status)
        if self.response.status != self.status:
            return request.respond(self.status, to_tag=self.response.to.tag)
        return passed_back(request, self.response)

    @property
    def nowhere(self) -> bool:
        """The request has reached nobody."""
        return self.status == UNREACHABLE and self.response is None


def passed_back(request: Request, response: Response) -> Response:
    """An answer on its way back (RFC 3261 16.7): all that it says, along the path of the request as it came."""
    headers = [("Via", value) for name, value in request.headers if name == "Via"]
    headers += [(name, value) for name, value in response.headers if name not in ("Via", "Content-Length")]
    return Response(response.status, response.reason, headers, response.body)


class Branch:
    """One copy of a request; `answer` comes true with its final answer."""

    __slots__ = ("answer", "cancelled", "fork", "heard", "hop", "transaction")

    def __init__(self, fork: "Fork", hop: Hop | None) -> None:
        self.fork = fork
        self.hop = hop
        self.answer: asyncio.Future[Answer] = fork.edge.loop.create_future()
        self.transaction: ClientTransaction | None = None
        self.heard = False
        "A provisional answer has come."
        self.cancelled = False

    def settle(self, answer: Answer) -> None:
        """Its final answer is there; nothing is left to cancel.

        The transaction knows the branch: a circle would stay until garbage is collected, which is rare here.
        """
        self.answer.set_result(answer)
        self.transaction = None

    def end(self) -> None:
        """Nobody waits for its answer any more."""
        if not self.answer.done():
            self.answer.set_result(Answer(487))


class Fork:
    """One request and all its copies."""

    def __init__(
        self, edge: "Edge", request: Request, sender: Aor | None, server: ServerTransaction | None, arrived: Flow | None
    ) -> None:
        self.edge = edge
        self.request = request
        self.invite = request.method == "INVITE"
        self._sender = sender
        "Whom P-Asserted-Identity names; None for nobody."
        self._server = server
        self._arrived = arrived
        self._branches: list[Branch] = []
        self._won = False
        self._over = False
        "Nothing new is tried: the caller has given up, the user has declined, or the time is over."
        self._taken_back = False
        "The caller has given up."

    async def run(self, targets: Sequence[Target]) -> Answer:
        """Try the targets, the best first (they are in this order): the first 2xx, else the best failure."""
        patience = RINGING if self.invite else PATIENCE
        waiting: set[asyncio.Task[Answer]] = set()
        answers: list[Answer] = []
        groups = [list(group) for _, group in itertools.groupby(targets, lambda one: one.q)]
        for number, group in enumerate(groups, 1):
            if self._over:
                break
            waiting |= {self.edge.loop.create_task(self._try(target)) for target in group}
            last = number == len(groups)
            ends = self.edge.loop.time() + (patience if not last else TIMER_C)
            while waiting:
                limit = max(0.0, ends - self.edge.loop.time())
                done, waiting = await asyncio.wait(waiting, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
                answers += [one.result() for one in done]
                won = next((one for one in answers if 200 <= one.status < 300), None)
                if won is not None:
                    self._won = True
                    self._give_up()
                    return won
                if any(one.status >= 600 for one in answers):
                    self._over = True  # the user itself declines, wherever else it may be (RFC 3261 16.7 step 5)
                    self._give_up()
                if self._over:
                    if not self.invite:
                        break
                    ends = min(ends, self.edge.loop.time() + PATIENCE)
                if not done:
                    break
        self._over = True
        self._give_up()
        return Answer(487) if self._taken_back else _best(answers)

    def forget(self) -> None:
        """It has run; its copies know it, and need not be known any more."""
        self._branches.clear()

    def cancel(self) -> None:
        """The caller has given up (RFC 3261 16.10), and hears of it soon, even when those who ring say nothing."""
        self._over = self._taken_back = True
        self._give_up()
        for branch in self._branches:
            self.edge.loop.call_later(PATIENCE, branch.end)

    async def _try(self, target: Target) -> Answer:
        """One target: its servers one after the other, until one answers for good."""
        waiting: set[asyncio.Future[Answer]] = set()
        answers: list[Answer] = []
        ways = [way async for way in self._ways(target)]
        for number, (hop, flow) in enumerate(ways, 1):
            if self._over or self._won:
                break
            if hop is not None and flow is None:  # only now: a connection is not opened for nothing
                flow = await self.edge.network.flow_to(hop, role=PROXY)
                if self._over or self._won:
                    break
            if flow is None:
                if hop is not None:
                    self.edge.locator.failed(hop)
                answers.append(Answer(UNREACHABLE))
                continue
            branch = self._begin(target, hop, await self._roomy(flow))
            waiting.add(branch.answer)
            while waiting:
                limit = None if number == len(ways) or branch.heard else PATIENCE
                done, waiting = await asyncio.wait(waiting, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
                answers += [one.result() for one in done]
                if any(not _elsewhere(one) for one in answers):
                    return _best([one for one in answers if not _elsewhere(one)])
                if not done and not branch.heard:
                    if hop is not None:
                        self.edge.locator.failed(hop)
                    break
        return _best(answers)

    async def _roomy(self, flow: Flow) -> Flow:
        """Over TCP instead, where a datagram would be too large and the peer takes that (RFC 3261 18.1.1)."""
        network = self.edge.network
        size = len(self.request.body) + sum(len(name) + len(value) + 4 for name, value in self.request.headers)
        if flow.reliable or size + OUR_HEADERS <= LARGEST_DATAGRAM or not network.may_take_tcp(flow):
            return flow
        return await network.connect_beside(flow) or flow

    async def _ways(self, target: Target) -> AsyncIterator[tuple[Hop | None, Flow | None]]:
        if target.binding is not None:
            yield None, await to_client(self.edge.network, self.edge.locator, target.binding)
        elif target.flow is not None:
            yield None, target.flow if self.edge.network.alive(target.flow) else None
        else:
            for hop in target.hops:
                yield hop, None

    def _begin(self, target: Target, hop: Hop | None, flow: Flow) -> Branch:
        edge, request = self.edge, self.request
        branch = Branch(self, hop)
        listener = edge.network.listener_of(flow)
        headers = [("Route", route) for route in target.routes]
        if request.method in DIALOG_METHODS and request.to.tag is None and self._arrived is not None:
            direct = len(request.get_all("Via")) == 1
            headers.append(("Record-Route", self._side(flow, client=hop is None, onward=not direct)))
            headers.append(("Record-Route", self._side(self._arrived, client=direct, onward=hop is not None)))
        headers += [(name, value) for name, value in request.headers if name == "Record-Route"]
        headers.append(("Max-Forwards", str(max(0, request.max_forwards - 1))))
        headers += [(name, value) for name, value in request.headers if not _kept_here(edge, request, name, value)]
        if self._sender is not None and not hides_identity(request):
            headers.append(("P-Asserted-Identity", f"<{self._sender}>"))
        copy = Request.build(request.method, target.uri, headers, request.body)
        branch.transaction = edge.stack.request(
            copy, flow, edge.loop.time(), sent_by=listener.sent_by, user=edge.relay, context=branch,
            mark=loop_mark(request),
        )  # fmt: skip
        self._branches.append(branch)
        edge.flush()
        return branch

    def _side(self, flow: Flow, *, client: bool, onward: bool) -> str:
        """Our place on the path of a dialog, as one side can reach it (RFC 5658)."""
        edge = self.edge
        token = edge.tickets.issue(flow, self.request.call_id, onward=onward) if client else ""
        return record_route(edge.network.listener_of(flow).sent_by, flow.transport.lower(), token)

    def _give_up(self) -> None:
        """Cancel what only rings."""
        for branch in self._branches:
            if self.invite and not branch.answer.done() and not branch.cancelled:
                branch.cancelled = True
                if branch.heard:
                    self._cancel(branch)

    def _cancel(self, branch: Branch) -> None:
        if branch.transaction is not None:
            self.edge.stack.cancel(branch.transaction, self.edge.loop.time(), user=self.edge.relay)
            self.edge.flush()

    def heard(self, branch: Branch, response: Response) -> None:
        """A provisional answer: the caller hears that it rings, each branch by its own."""
        first, branch.heard = not branch.heard, True
        if branch.cancelled:
            if first:
                self._cancel(branch)  # RFC 3261 9.1: not before the other side has said anything
        elif self.invite and response.status > 100 and self._server is not None and not self._won:
            self.edge.respond(self._server, passed_back(self.request, response))

    def answered_again(self, response: Response) -> None:
        """Another 2xx of a call: the same one again, or of another branch; the caller has to know (16.7 step 5)."""
        if self.invite and 200 <= response.status < 300 and self._server is not None and self._won:
            self.edge.respond(self._server, passed_back(self.request, response))


class Relay:
    """All requests that are on their way through this edge."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge
        self._calls: dict[tuple[str, ...], Fork] = {}
        "Calls that only ring, by their server transaction."

    async def fork(
        self,
        request: Request,
        targets: Sequence[Target],
        *,
        sender: Aor | None,
        server: ServerTransaction | None = None,
        arrived: Flow | None = None,
    ) -> Answer:
        """Pass a request on; `server` and `arrived` are where it came in, None for one of our own."""
        fork = Fork(self._edge, request, sender, server, arrived)
        if server is not None and fork.invite:
            self._calls[server.key] = fork
            if server.cancelled:  # while its way was looked for
                fork.cancel()
        try:
            return await fork.run(targets)
        finally:
            fork.forget()
            if server is not None:
                self._calls.pop(server.key, None)

    def cancel(self, server: ServerTransaction) -> None:
        """The caller of this call has given up."""
        server.cancelled = True
        fork = self._calls.get(server.key)
        if fork is not None:
            fork.cancel()

    def forward(self, request: Request, target: Target, flow: Flow) -> None:
        """Pass an ACK on: it belongs to no transaction (RFC 3261 16.11)."""
        edge = self._edge
        headers = [("Route", route) for route in target.routes]
        headers.append(("Max-Forwards", str(max(0, request.max_forwards - 1))))
        headers += [(name, value) for name, value in request.headers if not _kept_here(edge, request, name, value)]
        sent_by = edge.network.listener_of(flow).sent_by
        edge.stack.pass_on(Request.build("ACK", target.uri, headers, request.body), flow, sent_by=sent_by)
        edge.flush()

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        """A copy was answered."""
        branch: Branch | None = transaction.context
        if branch is None:  # a CANCEL: only the answer to its call counts
            return
        if response.status < 200:
            branch.fork.heard(branch, response)
        elif not branch.answer.done():
            if response.status == 503 and branch.hop is not None:
                self._edge.locator.failed(branch.hop)
            branch.settle(Answer(response.status, response))
        else:
            branch.fork.answered_again(response)

    def failed(self, transaction: ClientTransaction, status: int) -> None:
        """Nobody answered a copy, or its connection broke."""
        branch: Branch | None = transaction.context
        if branch is not None and not branch.answer.done():
            if branch.hop is not None:
                self._edge.locator.failed(branch.hop)
            branch.settle(Answer(status if status == 408 else UNREACHABLE))


def _kept_here(edge: "Edge", request: Request, name: str, value: str) -> bool:
    """Not passed on: what concerns this hop, and what was said to us alone (V-29, RFC 3261 22.3)."""
    if name == "Contact":
        return request.method == "MESSAGE"
    return name in _OURS or (name == "Proxy-Authorization" and edge.gatekeeper.meant(value, edge.policy))


def _elsewhere(answer: Answer) -> bool:
    """Another server of the same domain may do better (RFC 3263 4.3)."""
    return answer.status in (408, 503) or answer.nowhere


def _best(answers: Sequence[Answer]) -> Answer:
    """The failure that tells the sender most (RFC 3261 16.7 step 6): 6xx, else the lowest class, 408 last in it."""
    if not answers:
        return Answer(UNREACHABLE)
    best = min(answers, key=lambda one: (one.status < 600, one.status // 100, one.status in (408, 480), one.status))
    return Answer(500) if best.status == 503 else best

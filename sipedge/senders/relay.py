"""A client's request on its way to the contacts of a user: forking by q, which answer goes back (RFC 3261 16, D-34).

Contacts with the highest q are tried first, equal ones at once; the first 2xx wins. A contact that does not answer
holds the next ones up for a moment only. The request goes to exactly the URI that was registered, over the flow that
the client opened (D-46).
"""

import asyncio
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from provisioning.uri import Aor
from sipedge.rows import BindingRow
from sipedge.sip.message import Request, Response
from sipedge.sip.stack import ClientTransaction

if TYPE_CHECKING:
    from sipedge.worker import Edge

PATIENCE = 5.0
"Seconds that a group of contacts has before the next one is tried as well; the sender gives up after 32."

UNREACHABLE = 480
"What the sender is told of a contact whose connection is gone."

_OURS = frozenset(
    {
        "Contact", "Content-Length", "Max-Forwards", "P-Asserted-Identity", "Proxy-Authorization", "Remote-Party-ID",
        "Route",
    }
)  # fmt: skip
"Headers of a request that are not passed on as they came (D-14, V-29)."

_HOP = frozenset({"Via", "From", "To", "Call-ID", "CSeq", "Content-Length", "Record-Route", "Timestamp"})
"Headers of an answer that are those of our own."


class Answer(NamedTuple):
    """What became of a request."""

    status: int
    response: Response | None = None
    "As the contact gave it; None when it gave none."

    def to(self, request: Request) -> Response:
        """The answer for the client that sent the request."""
        if self.response is None:
            return request.respond(self.status)
        headers = [(name, value) for name, value in self.response.headers if name not in _HOP]
        return request.respond(
            self.status, self.response.reason, headers=headers, body=self.response.body, to_tag=self.response.to.tag
        )


class Branch:
    """One copy of a request; `answer` comes true with its final answer."""

    __slots__ = ("answer",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.answer: asyncio.Future[Answer] = loop.create_future()


class Relay:
    """Passes requests on to contacts."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge

    async def fork(self, request: Request, sender: Aor, bindings: Sequence[BindingRow]) -> Answer:
        """Try the contacts, the best first (`bindings` are in this order); the first 2xx, else the best failure."""
        waiting: set[asyncio.Future[Answer]] = set()
        answers: list[Answer] = []
        groups = [list(group) for _, group in itertools.groupby(bindings, lambda row: row.q)]
        for number, group in enumerate(groups, 1):
            begun = await asyncio.gather(*(self._begin(request, sender, row) for row in group))
            waiting |= {branch.answer for branch in begun}
            last = number == len(groups)
            ends = self._edge.loop.time() + PATIENCE
            while waiting:
                limit = None if last else max(0.0, ends - self._edge.loop.time())
                done, waiting = await asyncio.wait(waiting, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
                answers += [one.result() for one in done]
                won = next((one for one in answers if 200 <= one.status < 300), None)
                if won is not None:
                    return won
                if any(one.status >= 600 for one in answers):
                    break  # the user itself declines, wherever else it may be (RFC 3261 16.7 step 5)
                if not done:
                    break
            if any(one.status >= 600 for one in answers):
                break
        return _best(answers)

    async def _begin(self, request: Request, sender: Aor, row: BindingRow) -> Branch:
        edge = self._edge
        branch = Branch(edge.loop)
        flow = await edge.network.flow_of(row.flow, row.contact)
        if flow is None:
            branch.answer.set_result(Answer(UNREACHABLE))
            return branch
        headers = [(name, value) for name, value in request.headers if name not in _OURS]
        headers.append(("Max-Forwards", str(max(0, request.max_forwards - 1))))
        headers.append(("P-Asserted-Identity", f"<{sender}>"))
        if row.path:
            headers.append(("Route", row.path))
        copy = Request.build(request.method, row.contact, headers, request.body)
        sent_by = edge.network.listener_of(flow).sent_by
        edge.stack.request(copy, flow, edge.loop.time(), sent_by=sent_by, user=self, context=branch)
        edge.flush()
        return branch

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        """A contact answered."""
        branch: Branch = transaction.context
        if response.status >= 200 and not branch.answer.done():
            branch.answer.set_result(Answer(response.status, response))

    def failed(self, transaction: ClientTransaction, status: int) -> None:
        """A contact did not answer, or its connection broke."""
        branch: Branch = transaction.context
        if not branch.answer.done():
            branch.answer.set_result(Answer(status if status == 408 else UNREACHABLE))


def _best(answers: Sequence[Answer]) -> Answer:
    """The failure that tells the sender most (RFC 3261 16.7 step 6): 6xx, else the lowest class, 408 last in it."""
    if not answers:
        return Answer(UNREACHABLE)
    best = min(answers, key=lambda one: (one.status < 600, one.status // 100, one.status in (408, 480), one.status))
    return Answer(500) if best.status == 503 else best

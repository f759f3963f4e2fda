"""The front of the SIP core: bytes and the time in; events, bytes to send and the next deadline out.

    stack.receive(data, flow, now)   a message has arrived
    stack.timeout(now)               next_deadline() has passed
    stack.events                     what the user of the stack has to know, oldest first
    stack.transmissions              what has to be sent, oldest first

Repetitions of a request are answered here, from the transaction (RFC 3261 17.2); the rules see each request once.
No I/O and no clock: tests join two stacks in memory and move the time by hand.
"""

import re
from collections import Counter, deque
from hashlib import blake2s
from itertools import count
from typing import Any, NamedTuple

from sipedge.sip import stun
from sipedge.sip import transaction as t
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.flow import Flow
from sipedge.sip.framing import is_keepalive
from sipedge.sip.matching import COOKIE, loop_mark, server_key, stamp_via
from sipedge.sip.message import Request, Response, parse
from sipedge.sip.names import counted
from sipedge.sip.timers import T1, T2, T4, Timers
from sipedge.sip.transaction import ClientTransaction, ServerTransaction, Transaction, TransactionUser

MAX_TRANSACTIONS = 200_000
"Transactions held at once, about 1 kB each: 32 s (Timer J) of 6,000 requests a second over UDP."

GIVE_UP = 64 * T1
"Seconds: Timers B, F, H, J, L, M, and D over UDP (RFC 3261 table 4, RFC 6026 8.4)."

LOST = {408: "timeout", 503: "lost"}
"Outcomes of requests that got no answer: by the status that stands for one."

CLASSES = ("", "1xx", "2xx", "3xx", "4xx", "5xx", "6xx")
"Outcomes of requests that got one: by the first digit of its status."

_ACCEPTANCE = re.compile(rb"SIP/2\.0 (2\d\d) [^\r\n]*\r\n(?:Via|v|VIA):[^\r\n,]*;branch=([\w.]+)[;,\r\n ]")
"A 2xx as most clients begin it: its topmost Via comes first, on one line."


class RequestReceived(NamedTuple):
    """A new request; answer it by `Stack.respond` or `Stack.respond_statelessly`."""

    request: Request
    transaction: ServerTransaction
    flow: Flow


class AckReceived(NamedTuple):
    """An ACK for a 2xx: it belongs to the dialog, not to a transaction."""

    request: Request
    flow: Flow


class ResponseReceived(NamedTuple):
    """An answer to a request of ours."""

    response: Response
    transaction: ClientTransaction


class TransactionFailed(NamedTuple):
    """There will be no answer: 408 when nobody answered in time, 503 when the flow broke."""

    transaction: Transaction
    status: int


class Unacceptable(NamedTuple):
    """Bytes that are no message, or one that is not taken; answered already where they can be."""

    flow: Flow
    status: int
    "513 when there were too many, else 400 or what says it better."


class Overloaded(NamedTuple):
    """A request was answered 503: too many transactions are held."""

    flow: Flow


Event = RequestReceived | AckReceived | ResponseReceived | TransactionFailed | Unacceptable | Overloaded


class Stack:
    """Transactions of one edge over all of its flows; with a secret `key` nobody foresees the branches of others."""

    def __init__(self, token: str, key: bytes = b"") -> None:
        self.events: deque[Event] = deque()
        self.transmissions: deque[tuple[bytes, Flow]] = deque()
        self.counters: Counter[str] = Counter()
        "received, repetitions, strays, timeouts."
        self.answers: Counter[tuple[str, int]] = Counter()
        "Answers of ours by method and status, repetitions left out."
        self.outcomes: Counter[tuple[str, str]] = Counter()
        "What became of requests of ours by method, in the words of CLASSES and LOST."
        self._servers: dict[tuple[str, ...], ServerTransaction] = {}
        self._clients: dict[tuple[str, ...], ClientTransaction] = {}
        self._bare: dict[bytes, ClientTransaction] = {}
        "Those whose users want no more of a 2xx than its status, by branch."
        self._timers: Timers[Transaction] = Timers()
        self._by_flow: dict[Flow, dict[tuple[str, ...], ClientTransaction]] = {}
        "Requests of ours that wait for an answer, by connection."
        self._prefix = f"{COOKIE}{token}."
        self._key = key
        self._numbers = count(1)

    def __len__(self) -> int:
        return len(self._servers) + len(self._clients)

    @property
    def held(self) -> tuple[int, int]:
        """Transactions of others' requests, and of ours."""
        return len(self._servers), len(self._clients)

    def looped(self, request: Request) -> bool:
        """This run has passed the same request on before (RFC 3261 16.3 step 4); raises SipError(400).

        One that comes back with another Request-URI or Route is no loop: it was forwarded elsewhere, to a user here.
        """
        mark = f".{loop_mark(request)}"
        return any(
            via.branch.startswith(self._prefix) and via.branch.endswith(mark)
            for via in request.vias
            if via.branch is not None
        )

    def branch(self, mark: str = "") -> str:
        """A branch that was never used before; `token` keeps edges and restarts apart.

        Answers count wherever they come from (D-46): who could guess a branch could answer for somebody else.
        """
        number = f"{next(self._numbers):x}"
        proof = blake2s(number.encode(), key=self._key, digest_size=6).hexdigest()
        return f"{self._prefix}{number}.{proof}.{mark}" if mark else f"{self._prefix}{number}.{proof}"

    # Incoming

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """A datagram, or one message from a stream, has arrived."""
        if is_keepalive(data):
            return
        if stun.is_stun(data):
            reply = stun.answer(data, flow.remote) if flow.transport == "UDP" else None
            if reply is not None:
                self.transmissions.append((reply, flow))
            return
        self.counters["received"] += 1
        if data.startswith(b"SIP/2.0 2") and self._accepted(data):
            return
        try:
            message = parse(data)
        except MalformedMessage as error:
            self.refuse(error, flow)
            return
        if isinstance(message, Response):
            self._response(message, now)
        elif message.method == "ACK":
            self._ack(message, flow, now)
        else:
            self._request(message, flow, now)

    def refuse(self, error: MalformedMessage, flow: Flow) -> None:
        """Answer bytes that are not acceptable, where they can be answered (RFC 3261 8.2, 16.3)."""
        self.events.append(Unacceptable(flow, error.status))
        request = error.request
        if request is not None and request.method != "ACK":
            back = stamp_via(request, flow)
            self._answer(request, request.respond(error.status, error.reason), back)

    def _request(self, request: Request, flow: Flow, now: float) -> None:
        key = server_key(request, request.method)
        known = self._servers.get(key)
        if known is not None:
            self.counters["repetitions"] += 1
            if known.fire(t.RETRANSMIT) == t.REPEAT and known.sent:
                self.transmissions.append((known.sent, known.flow))
            return
        back = stamp_via(request, flow)
        if len(self) >= MAX_TRANSACTIONS:
            self.events.append(Overloaded(flow))
            busy = request.respond(503, headers=[("Retry-After", "10")])
            self._answer(request, busy, back)
            return
        server = ServerTransaction(request, key, back)
        self._servers[key] = server
        self.events.append(RequestReceived(request, server, flow))

    def invite_of(self, cancel: Request) -> ServerTransaction | None:
        """The call that a CANCEL takes back (RFC 3261 9.2)."""
        return self._servers.get(server_key(cancel, "INVITE"))

    def _ack(self, request: Request, flow: Flow, now: float) -> None:
        server = self._servers.get(server_key(request, "INVITE"))
        action = server.fire(t.ACK) if server is not None else t.PASS
        if action == t.PASS:
            self.events.append(AckReceived(request, flow))
        elif server is not None and server.state == t.CONFIRMED:
            self._start(server, t.TIMER_I, 0.0 if server.flow.reliable else T4, now)

    def _accepted(self, data: bytes) -> bool:
        """A 2xx for a request of which nothing but the status is wanted: the branch that only its peer knows is enough.

        Every NOTIFY is answered, and reading a whole answer would cost as much as making the NOTIFY.
        """
        found = _ACCEPTANCE.match(data)
        if found is None:
            return False
        client = self._bare.get(found[2])
        if client is None or client.fire(t.SUCCESS) != t.PASS_END:
            return False
        self.outcomes[counted(client.method), CLASSES[2]] += 1
        self._forget(client)
        self.events.append(ResponseReceived(Response(int(found[1]), "", []), client))
        return True

    def _response(self, response: Response, now: float) -> None:
        client = self._clients.get((response.via.branch or "", response.cseq.method))
        if client is None:
            self.counters["strays"] += 1
            return
        status = response.status
        event = t.PROVISIONAL if status < 200 else t.SUCCESS if status < 300 else t.FAILURE
        before = client.state
        action = client.fire(event)
        if action == t.PASS_END:
            self.outcomes[counted(client.method), CLASSES[status // 100]] += 1
            self._forget(client)
            self.events.append(ResponseReceived(response, client))
        elif action == t.PASS:
            if client.state == t.ACCEPTED != before:
                self.outcomes[client.method, "2xx"] += 1
                self._start(client, t.TIMER_M, GIVE_UP, now)
            self.events.append(ResponseReceived(response, client))
        elif action == t.PASS_ACK:
            self.outcomes[client.method, CLASSES[status // 100]] += 1
            self._acknowledge(client, response)
            self._start(client, t.TIMER_D, 0.0 if client.flow.reliable else GIVE_UP, now)
            self.events.append(ResponseReceived(response, client))
        elif action == t.ACKNOWLEDGE:
            self._acknowledge(client, response)

    def _acknowledge(self, client: ClientTransaction, response: Response) -> None:
        """ACK of a final answer other than 2xx (RFC 3261 17.1.1.3)."""
        request = client.request
        if request is None:
            return
        via = request.get_all("Via")[:1]
        headers = [("Via", value) for value in via]
        headers += [(name, value) for name, value in request.headers if name in ("Route", "From", "Call-ID")]
        headers.append(("To", response.get("To") or request.get("To") or ""))
        headers.append(("CSeq", f"{request.cseq.number} ACK"))
        headers.append(("Max-Forwards", "70"))
        ack = Request.build("ACK", request.target, headers)
        self.transmissions.append((ack.encode(), client.flow))

    # Outgoing

    def respond(self, server: ServerTransaction, response: Response, now: float) -> None:
        """Answer a request; after a final answer only its bytes are kept."""
        status = response.status
        event = t.SEND_PROVISIONAL if status < 200 else t.SEND_SUCCESS if status < 300 else t.SEND_FAILURE
        if server.fire(event) != t.TRANSMIT:
            return
        self.answers[counted(server.method), status] += 1
        server.sent = response.encode()
        self.transmissions.append((server.sent, server.flow))
        if status < 200:
            return
        server.request = None
        reliable = server.flow.reliable
        if server.table is t.NON_INVITE_SERVER:
            self._start(server, t.TIMER_J, 0.0 if reliable else GIVE_UP, now)
        elif server.state == t.ACCEPTED:
            self._start(server, t.TIMER_L, GIVE_UP, now)
        else:
            if not reliable:
                server.pause = T1
                self._timers.set(T1, server, t.TIMER_G, now)
            self._timers.set(GIVE_UP, server, t.TIMER_H, now)

    def respond_statelessly(self, request: Request, response: Response, flow: Flow) -> None:
        """Answer and forget: the same request with something more is a new one (challenges, D-45)."""
        server = self._servers.pop(server_key(request, request.method), None)
        if server is not None:
            server.state = t.TERMINATED
        self._answer(request, response, server.flow if server is not None else flow)

    def _answer(self, request: Request, response: Response, flow: Flow) -> None:
        """An answer that no transaction keeps."""
        self.answers[counted(request.method), response.status] += 1
        self.transmissions.append((response.encode(), flow))

    def request(
        self,
        request: Request,
        flow: Flow,
        now: float,
        *,
        sent_by: str,
        user: TransactionUser,
        context: Any,
        mark: str = "",
    ) -> ClientTransaction:
        """Send a request of ours; a Via with a new branch is put on top, which carries `mark` (`loop_mark`)."""
        branch = self.branch(mark)
        request.headers.insert(0, ("Via", f"SIP/2.0/{flow.transport} {sent_by};branch={branch};rport"))
        whole = Request(request.method, request.target, request.headers, request.body)
        client = self.begin(
            whole.encode(), method=whole.method, branch=branch, flow=flow, now=now, user=user, context=context
        )
        if whole.method == "INVITE":
            client.request = whole
        return client

    def cancel(self, client: ClientTransaction, now: float, *, user: TransactionUser) -> None:
        """Take back an INVITE that was answered provisionally (RFC 3261 9.1); answers come without context."""
        request = client.request
        if request is None or client.state != t.PROCEEDING:
            return
        headers = [("Via", request.get_all("Via")[0]), ("Max-Forwards", "70")]
        headers += [(name, value) for name, value in request.headers if name in ("Route", "From", "To", "Call-ID")]
        headers.append(("CSeq", f"{request.cseq.number} CANCEL"))
        data = Request.build("CANCEL", request.target, headers).encode()
        self.begin(data, method="CANCEL", branch=client.branch, flow=client.flow, now=now, user=user, context=None)
        self._timers.set(GIVE_UP, client, t.TIMER_CANCEL, now)

    def pass_on(self, request: Request, flow: Flow, *, sent_by: str) -> None:
        """Send a request that is part of no transaction here: an ACK of somebody else's call (RFC 3261 16.11)."""
        request.headers.insert(0, ("Via", f"SIP/2.0/{flow.transport} {sent_by};branch={self.branch()};rport"))
        self.transmissions.append((request.encode(), flow))

    def begin(
        self,
        data: bytes,
        *,
        method: str,
        branch: str,
        flow: Flow,
        now: float,
        user: TransactionUser,
        context: Any,
        bare: bool = False,
    ) -> ClientTransaction:
        """Send a request whose bytes are ready; its Via carries `branch`."""
        client = ClientTransaction(method, branch, flow, user, context)
        client.sent = data
        self._clients[client.key] = client
        client.bare = bare
        if bare:
            self._bare[branch.encode()] = client
        self.transmissions.append((data, flow))
        invite = method == "INVITE"
        if flow.reliable:
            self._by_flow.setdefault(flow, {})[client.key] = client
        else:
            client.pause = T1
            self._timers.set(T1, client, t.TIMER_A if invite else t.TIMER_E, now)
        self._timers.set(GIVE_UP, client, t.TIMER_B if invite else t.TIMER_F, now)
        return client

    def abandon(self, client: ClientTransaction) -> None:
        """Send a request of ours no more, and hear nothing of it: somebody else speaks now."""
        if client.state != t.TERMINATED:
            self._forget(client)

    def flow_failed(self, flow: Flow) -> None:
        """A connection is gone: nobody will answer what was asked over it."""
        for client in list(self._by_flow.pop(flow, {}).values()):
            action = client.fire(t.TRANSPORT_ERROR)
            self._forget(client)
            if action == t.FAIL:
                self._failed(client, 503)

    # Time

    def next_deadline(self) -> float | None:
        """When `timeout` is to be called next; None when nothing waits."""
        return self._timers.next_deadline()

    def timeout(self, now: float) -> None:
        """Fire the timers that have run out."""
        for owner, name in self._timers.due(now):
            if owner.state == t.TERMINATED:
                continue
            action = owner.fire(name)
            if action == t.REPEAT_LATER:
                self.transmissions.append((owner.sent, owner.flow))
                slow = isinstance(owner, ClientTransaction) and owner.state == t.PROCEEDING
                longest = GIVE_UP if name == t.TIMER_A else T2
                owner.pause = T2 if slow else min(2 * owner.pause, longest)
                self._timers.set(owner.pause, owner, name, now)
            elif action == t.FAIL:
                self.counters["timeouts"] += 1
                self._forget(owner)
                self._failed(owner, 408)
            elif action == t.FORGET:
                self._forget(owner)

    def _failed(self, owner: Transaction, status: int) -> None:
        if isinstance(owner, ClientTransaction):
            self.outcomes[counted(owner.method), LOST[status]] += 1
        self.events.append(TransactionFailed(owner, status))

    def _start(self, owner: Transaction, name: str, duration: float, now: float) -> None:
        """Set a timer; one of zero fires at once."""
        if duration:
            self._timers.set(duration, owner, name, now)
        elif owner.fire(name) == t.FORGET:
            self._forget(owner)

    def _forget(self, owner: Transaction) -> None:
        owner.state = t.TERMINATED
        if isinstance(owner, ServerTransaction):
            self._servers.pop(owner.key, None)
            owner.request = None
            return
        self._clients.pop(owner.key, None)
        if isinstance(owner, ClientTransaction) and owner.bare:
            self._bare.pop(owner.branch.encode(), None)
        owner.sent = b""
        if owner.flow.reliable:
            mine = self._by_flow.get(owner.flow)
            if mine is not None:
                mine.pop(owner.key, None)
                if not mine:
                    del self._by_flow[owner.flow]

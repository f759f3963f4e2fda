"""From a received request to its answer: trust, method, handler, and one table of error answers.

Everything between the transaction layer and a handler is here: the caller is identified, extensions that we do
not have are refused, and whatever a handler raises becomes a clean SIP answer.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from presence.engine import errors
from presence.engine.capabilities import client_type
from provisioning.policy import PersonaFacts
from provisioning.uri import Aor, BadUri, SipUri
from sipedge import exhaustion
from sipedge.about import MESSAGE
from sipedge.listeners import MESSENGER, Listener
from sipedge.peers import BUSY_AFTER
from sipedge.record_route import NO_PASSAGE, Passage, passage
from sipedge.sip.errors import SipError
from sipedge.sip.flow import Flow
from sipedge.sip.message import Request, Response
from sipedge.sip.names import METHODS, counted
from sipedge.sip.stack import AckReceived, RequestReceived
from sipedge.sip.transaction import ServerTransaction
from sipedge.trust import DIGEST, NOBODY, Caller, Unauthenticated

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

ALLOW = "REGISTER, PUBLISH, SUBSCRIBE, NOTIFY, MESSAGE, OPTIONS"
"Methods that are served here; a proxy listener passes others on to users of ours."

SUPPORTED = frozenset({"eventlist", "recipient-list-subscribe", "timer"})
"Option tags a client may put in Require (RFC 4662, RFC 5367, RFC 4028)."


@dataclass(slots=True)
class Call:
    """One request on its way through a handler."""

    edge: "Edge"
    request: Request
    flow: Flow
    listener: Listener
    transaction: ServerTransaction
    passage: Passage = NO_PASSAGE
    caller: Caller = NOBODY

    def count_dialect(self, dialect: str) -> None:
        """Somebody still needs a legacy dialect (section 12): counted by peer, and logged the first time."""
        self.edge.notice("legacy dialect", dialect, self.flow.remote[0])


Handler = Callable[[Call], Awaitable[Response | None]]
"Answers a request, at once or (None) some other time."
Headers = list[tuple[str, str]]

ANSWERS: dict[type[errors.DomainError], tuple[int, Callable[..., Headers]]] = {
    errors.BadEvent: (489, lambda error: [("Allow-Events", "presence")]),  # D-06
    errors.BadExpires: (400, lambda error: []),
    errors.DocumentTooLarge: (413, lambda error: []),
    errors.EntityTagMismatch: (412, lambda error: []),
    errors.ExtensionRequired: (421, lambda error: [("Require", error.tag)]),  # D-09
    errors.IntervalTooBrief: (423, lambda error: [("Min-Expires", str(error.minimum))]),  # D-03
    errors.MalformedDocument: (400, lambda error: []),
    errors.NotAcceptable: (406, lambda error: []),
    errors.NotAuthorised: (403, lambda error: []),
    errors.TryAgainLater: (503, lambda error: [("Retry-After", str(error.retry_after))]),
    errors.UnknownPresentity: (404, lambda error: []),
    errors.UnsupportedMediaType: (415, lambda error: [("Accept", ", ".join(error.accepted))]),  # D-08
}
"Domain error -> status and headers of its answer."


def answer(request: Request, error: errors.DomainError) -> Response:
    """The answer that a domain error deserves."""
    for kind in type(error).__mro__:
        if kind in ANSWERS:
            status, headers = ANSWERS[kind]
            return request.respond(status, headers=headers(error))
    return request.respond(500)


class Gateway(Protocol):
    """What answers the clients of the CTI gateway (`sipedge.handlers.csta`)."""

    EXTENSIONS: frozenset[str]

    def is_opening(self, edge: "Edge", request: Request) -> bool: ...
    def is_meant(self, edge: "Edge", request: Request) -> bool: ...
    def is_known(self, edge: "Edge", request: Request, flow: Flow) -> bool: ...
    async def handle(self, call: Call) -> Response: ...


class Dispatcher:
    """Takes requests from the stack and gives each to the handler of its method."""

    def __init__(
        self,
        edge: "Edge",
        handlers: dict[str, Handler],
        relay: Handler,
        is_passed_on: Callable[[Call], bool],
        acknowledge: "Callable[[Edge, Request, Passage], Coroutine[Any, Any, None]]",
        gateway: "Gateway",
    ) -> None:
        self._edge = edge
        self._handlers = handlers
        self._relay = relay
        self._is_passed_on = is_passed_on
        self._acknowledge = acknowledge
        self._gateway = gateway
        self._running: set[asyncio.Task[None]] = set()
        self.requests: Counter[tuple[str, str]] = Counter()
        "Received so far, by method and role of the listener."

    @property
    def methods(self) -> Collection[str]:
        """Methods that are answered here."""
        return self._handlers.keys()

    def received(self, event: RequestReceived) -> None:
        """Answer at once what needs no handler; run the handler otherwise."""
        request = event.request
        token = MESSAGE.set((request.method, request.call_id, event.transaction.key[0]))
        try:
            self._received(event)
        finally:
            MESSAGE.reset(token)

    def _received(self, event: RequestReceived) -> None:
        edge, request, flow = self._edge, event.request, event.flow
        call = Call(edge, request, flow, edge.network.listener_of(flow), event.transaction)
        self.requests[counted(request.method), call.listener.role] += 1
        try:
            if request.method == "CANCEL":  # never challenged (RFC 3261 22.1)
                self._cancel(request)
                edge.respond(event.transaction, request.respond(200))
                return
            _check_syntax(request)
            edge.drain.check(request)
            client = call.listener.proxies  # trusted peers speak for many
            if client and not edge.peers.may_ask(flow.remote[0]):
                busy = answer(request, errors.TryAgainLater(BUSY_AFTER))
                edge.stack.respond_statelessly(request, busy, flow)
                return
            leg = edge.legs.of(request) if client else None
            if leg is not None:  # its tags are its ticket
                check_extensions(request)
                leg.received(call)
                return
            if client and request.get("Route") is not None:
                call.passage = passage(request, flow, edge.tickets, edge.here)
            opening = self._gateway.is_opening(edge, request)
            relayed = client and not opening and self._is_passed_on(call)
            meant = opening or (not relayed and self._gateway.is_meant(edge, request))
            check_extensions(request, relayed=relayed, also=self._gateway.EXTENSIONS if meant else frozenset())
            proven = call.passage.ticket or (meant and self._gateway.is_known(edge, request, flow))
            if not proven and (request.method != "NOTIFY" or relayed):  # else its dialog decides (D-31)
                call.caller = edge.gatekeeper.identify(
                    request, flow, call.listener, edge.policy, edge.now().timestamp(), edge.network.names_of(flow)
                )
            answers = self._gateway.handle if meant else self._handlers.get(request.method)
            handler = self._relay if relayed else answers
            if client and not meant and edge.switch.takes(call):
                handler = edge.switch.handle
            if handler is None:
                status = 405 if request.method in METHODS else 501
                raise SipError(status, "Method Not Allowed" if status == 405 else "Not Implemented")
            if call.caller.source in (DIGEST, MESSENGER):
                edge.peers.check_rate(request.method, call.caller.counted_as, flow.remote[0], edge.loop.time())
        except Unauthenticated as challenge:
            headers = [(challenge.header, value) for value in challenge.values]
            edge.stack.respond_statelessly(request, request.respond(challenge.status, headers=headers), flow)
            return
        except errors.DomainError as error:
            edge.respond(event.transaction, answer(request, error))
            return
        except (SipError, BadUri) as error:
            edge.respond(event.transaction, _refusal(request, error))
            return
        if flow.reliable and edge.policy.one_message_per_read(client_type(request.user_agent)[0]):
            edge.network.space(flow)
        edge.peers.requests.take(flow.remote[0])
        task = edge.loop.create_task(self._run(handler, event, call))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def acknowledged(self, event: AckReceived) -> None:
        """An ACK for a 2xx: passed on where the call went through here."""
        edge, request = self._edge, event.request
        listener = edge.network.listener_of(event.flow)
        self.requests["ACK", listener.role] += 1
        if edge.legs.acknowledged(event) or edge.telephony.sessions.acknowledge(request):
            return
        if not listener.proxies or request.get("Route") is None:
            return
        with contextlib.suppress(SipError, BadUri):
            found = passage(request, event.flow, edge.tickets, edge.here)
            if found.ticket:
                edge.background(self._pass_on(request, found))

    async def _pass_on(self, request: Request, found: Passage) -> None:
        """Nobody answers an ACK: one that cannot go on is dropped."""
        with contextlib.suppress(SipError, BadUri):
            await self._acknowledge(self._edge, request, found)

    def _cancel(self, request: Request) -> None:
        call = self._edge.stack.invite_of(request)
        if call is None:
            raise SipError(481)
        if not self._edge.legs.cancelled(call):
            self._edge.relay.cancel(call)

    async def _run(self, handler: Handler, event: RequestReceived, call: Call) -> None:
        request = call.request
        response: Response | None
        try:
            response = await handler(call)
        except errors.DomainError as error:
            response = answer(request, error)
        except (SipError, BadUri) as error:
            response = _refusal(request, error)
        except MemoryError:
            exhaustion.end()
        except Exception:
            log.exception("a request could not be handled")
            response = request.respond(500)
        finally:
            self._edge.peers.requests.give(call.flow.remote[0])
        if response is not None:
            self._edge.respond(event.transaction, response)

    @property
    def busy(self) -> bool:
        """Requests are being handled."""
        return bool(self._running)

    async def drain(self, patience: float) -> None:
        """Let the requests that are being handled end, for `patience` seconds at most."""
        if self._running:
            await asyncio.wait(self._running, timeout=patience)


def _check_syntax(request: Request) -> None:
    """400 for what is no SIP, before anybody is challenged."""
    _ = request.uri, request.from_, request.to, request.contacts, request.max_forwards


def check_extensions(request: Request, *, relayed: bool = False, also: Collection[str] = ()) -> None:
    """420 for required extensions that we do not have (RFC 3261 8.2.2.3); of a proxy only some are asked (16.3)."""
    for header in ("Proxy-Require",) if relayed else ("Require", "Proxy-Require"):
        unknown = [tag for tag in request.get_all(header) if tag.lower() not in SUPPORTED and tag.lower() not in also]
        if unknown:
            raise UnsupportedExtension(unknown)


class UnsupportedExtension(SipError):
    """420 Bad Extension; `tags` go into Unsupported."""

    def __init__(self, tags: list[str]) -> None:
        super().__init__(420, "Bad Extension")
        self.tags = tags


def _refusal(request: Request, error: SipError | BadUri) -> Response:
    if isinstance(error, UnsupportedExtension):
        return request.respond(420, headers=[("Unsupported", ", ".join(error.tags))])
    if isinstance(error, SipError):
        headers = [("Allow", ALLOW)] if error.status == 405 else []
        if error.retry_after:
            headers.append(("Retry-After", str(error.retry_after)))
        return request.respond(error.status, error.reason, headers=headers)
    return request.respond(400, "Bad URI")


def require_presence_event(request: Request) -> None:
    """D-06: any other event package, or none, is 489; looked at before the body (V-17)."""
    event = request.event
    if event is None or event.package != "presence":
        raise errors.BadEvent("only the presence event package is served")


def presentity_of(call: Call) -> PersonaFacts:
    """The user whom the Request-URI names (R-SUB-06, R-PUB-02, D-01); 404 when no alias matches (D-02)."""
    uri = call.request.uri
    if not isinstance(uri, SipUri):
        raise SipError(416, "Unsupported URI Scheme")
    persona = call.edge.policy.resolve(Aor.of(uri))
    if persona is None or not persona.enabled:
        raise errors.UnknownPresentity(str(uri))
    return persona

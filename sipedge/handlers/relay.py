"""Requests that are not answered here but passed on: calls, other domains, dialogs that came through here.

RFC 3261 section 16, D-02: contacts of our users by q, method and event routes, static routes, RFC 3263. Only users of
ours may leave our domains; who has a ticket of a dialog may go on in it (`sipedge.record_route`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from presence.engine.errors import NotAuthorised
from provisioning.uri import SipUri, Uri
from sipedge import resolve
from sipedge.dispatch import Call, presentity_of
from sipedge.listeners import PROXY
from sipedge.record_route import Passage
from sipedge.resolve import Target
from sipedge.sip.errors import SipError
from sipedge.sip.headers import NameAddr
from sipedge.sip.message import Request, Response

if TYPE_CHECKING:
    from sipedge.worker import Edge


async def handle(call: Call) -> Response:
    """Pass a request on; the answer is that of whoever gave one."""
    check_hops(call)
    targets = await _targets(call)
    if not targets:
        raise SipError(480 if call.edge.here(call.request.uri) else 404)
    if call.request.method == "INVITE":
        call.edge.respond(call.transaction, call.request.respond(100))
    answer = await call.edge.relay.fork(
        call.request, targets, sender=call.caller.aor, server=call.transaction, arrived=call.flow
    )
    if call.passage.flow is not None and answer.nowhere:
        raise SipError(430, "Flow Failed")  # RFC 5626 5.3
    return answer.to(call.request)


def check_hops(call: Call) -> None:
    """483 for a request that has come too far, 482 for one that has gone in a circle (RFC 3261 16.3)."""
    if call.request.max_forwards == 0:
        raise SipError(483, "Too Many Hops")
    if call.edge.stack.looped(call.request):
        raise SipError(482, "Loop Detected")


async def _targets(call: Call) -> Sequence[Target]:
    edge, request, passage = call.edge, call.request, call.passage
    if passage.flow is not None:
        return [resolve.of_flow(request.target, passage.routes, passage.flow)]
    if passage.routes:
        _own_user(call)
        if not passage.ticket:
            for uri in (NameAddr.parse(passage.routes[0]).uri, request.uri):
                if not edge.here(uri):
                    resolve.require_allowed(uri, edge.policy)
        return [await resolve.onward(request.target, passage.routes, edge.locator)]
    if not edge.here(request.uri):
        if passage.ticket:
            return [await resolve.onward(request.target, (), edge.locator)]
        _own_user(call)
        return await resolve.elsewhere(request.target, edge.policy, edge.locator)
    route = edge.policy.method_route(request.method, _event(request))
    if route is not None and route.next_hop:
        return [await resolve.by_method(request.target, route, edge.locator)]
    persona = presentity_of(call)
    return resolve.of_bindings(edge.registrar.of(persona.id, edge.now()), request.uri)


def _own_user(call: Call) -> None:
    """Nobody else is carried from one foreign place to another (D-02)."""
    if (call.caller.persona is None or call.caller.guest) and not call.passage.ticket:
        raise NotAuthorised("only users of ours are relayed to other domains")


def _event(request: Request) -> str | None:
    event = request.event
    return event.package if event is not None else None


def is_passed_on(call: Call) -> bool:
    """At a proxy listener: this request is for somebody else, or another server answers it."""
    request, passage, policy = call.request, call.passage, call.edge.policy
    if passage.flow is not None or passage.routes:
        return True
    if request.method == "REGISTER":
        return False  # whose it is stands in To
    uri = request.uri
    if not call.edge.here(uri):
        if request.method in ("SUBSCRIBE", "NOTIFY"):
            return not _served_for(call, uri)
        return request.method != "MESSAGE" or passage.ticket  # those that begin here have rules of their own
    if request.to.tag is not None or not isinstance(uri, SipUri) or not uri.user:
        return False
    route = policy.method_route(request.method, _event(request))
    return (route is not None and bool(route.next_hop)) or request.method not in call.edge.dispatcher.methods


def _served_for(call: Call, uri: Uri) -> bool:
    """A SUBSCRIBE that the engine answers for a foreign server's domain (D-02); a NOTIFY without a ticket."""
    if call.request.method == "NOTIFY":
        return not call.passage.ticket
    event = _event(call.request)
    return event == "presence" and isinstance(uri, SipUri) and call.edge.policy.covering(uri.host) is not None


async def acknowledge(edge: "Edge", request: Request, passage: Passage) -> None:
    """Pass an ACK of a call that went through here on along its path (RFC 3261 16.11)."""
    if request.max_forwards == 0:
        return
    if passage.flow is not None:
        target = resolve.of_flow(request.target, passage.routes, passage.flow)
        edge.relay.forward(request, target, passage.flow)
        return
    target = await resolve.onward(request.target, passage.routes, edge.locator)
    for hop in target.hops:
        flow = await edge.network.flow_to(hop, role=PROXY)
        if flow is not None:
            edge.relay.forward(request, target, flow)
            return

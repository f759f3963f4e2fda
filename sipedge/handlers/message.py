"""MESSAGE: instant messages between clients (RFC 3428, R-MSG, D-08, D-34, D-35)."""

from presence.engine.errors import DocumentTooLarge, NotAuthorised, UnsupportedMediaType
from provisioning.uri import Aor
from sipedge import messagelog, resolve
from sipedge.dispatch import Call, presentity_of
from sipedge.handlers import relay
from sipedge.handlers.relay import check_hops
from sipedge.senders.relay import UNREACHABLE, Answer
from sipedge.sip.message import Request, Response

TEXT = "text/plain"
REPORTS = frozenset({"application/im-iscomposing+xml", "message/imdn+xml"})
"Typing notices and delivery reports: relayed byte for byte while the setting is on, and never stored (D-08)."


async def handle(call: Call) -> Response:
    """Hand the message to the recipient's contacts or server; keep it for later where the recipient wants that."""
    request, settings = call.request, call.edge.policy.settings
    check_hops(call)
    if call.caller.aor is None:
        raise NotAuthorised("the sender has no SIP identity")
    report = _kind(request) in REPORTS and settings.relay_message_reports
    if _kind(request) != TEXT and not report:
        raise UnsupportedMediaType((TEXT,))
    if len(request.body) > settings.message_limit:
        raise DocumentTooLarge(settings.message_limit)
    if call.listener.proxies and (not call.edge.here(request.uri) or _routed(call)):
        response = await relay.handle(call)
        messagelog.passed(call.edge, request, call.caller.aor, None, response.status)
        return response
    return await _deliver(call, call.caller.aor, keep=not report)


async def _deliver(call: Call, sender: Aor, *, keep: bool) -> Response:
    """To a user of ours; one that cannot be reached anywhere may have it kept (D-34)."""
    edge, request = call.edge, call.request
    recipient = presentity_of(call)  # the Request-URI alone says who it is (V-28)
    targets = resolve.of_bindings(edge.registrar.of(recipient.id, edge.now()), request.uri)
    answer = Answer(UNREACHABLE)
    if targets:
        answer = await edge.relay.fork(request, targets, sender=sender)
        if not answer.nowhere:
            messagelog.passed(edge, request, sender, recipient, answer.status)
            return answer.to(request)
    plain = (request.get("Content-Encoding") or "identity").lower() == "identity"
    if keep and plain and recipient.offline_messages and await edge.offline.keep(request, sender, recipient):
        messagelog.passed(edge, request, sender, recipient, 202)
        return request.respond(202)
    return answer.to(request)


def _kind(request: Request) -> str:
    return (request.content_type or "").partition(";")[0].strip().lower()


def _routed(call: Call) -> bool:
    """A route says that another server takes messages for users of ours."""
    route = call.edge.policy.method_route("MESSAGE", None)
    return route is not None and bool(route.next_hop)

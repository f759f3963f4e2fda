"""MESSAGE: instant messages between clients (RFC 3428, R-MSG, D-08, D-34, D-35)."""

from presence.engine.errors import DocumentTooLarge, NotAuthorised, UnsupportedMediaType
from sipedge import messagelog
from sipedge.dispatch import Call, presentity_of
from sipedge.sip.errors import SipError
from sipedge.sip.message import Response

TEXT = "text/plain"
REPORTS = frozenset({"application/im-iscomposing+xml", "message/imdn+xml"})
"Typing notices and delivery reports: relayed byte for byte while the setting is on, and never stored (D-08)."


async def handle(call: Call) -> Response:
    """Hand the message to the recipient's contacts; keep it for later where the recipient wants that."""
    edge, request, settings = call.edge, call.request, call.edge.policy.settings
    if request.max_forwards == 0:
        raise SipError(483, "Too Many Hops")
    if any(edge.stack.made(via.branch) for via in request.vias):
        raise SipError(482, "Loop Detected")
    if call.caller.aor is None:
        raise NotAuthorised("the sender has no SIP identity")
    kind = (request.content_type or "").partition(";")[0].strip().lower()
    report = kind in REPORTS and settings.relay_message_reports
    if kind != TEXT and not report:
        raise UnsupportedMediaType((TEXT,))
    if len(request.body) > settings.message_limit:
        raise DocumentTooLarge(settings.message_limit)
    recipient = presentity_of(call)  # the Request-URI alone says who it is (V-28)
    bindings = edge.registrar.of(recipient.id, edge.now())
    if bindings:
        answer = await edge.relay.fork(request, call.caller.aor, bindings)
        messagelog.passed(edge, request, call.caller.aor, recipient, answer.status)
        return answer.to(request)
    plain = (request.get("Content-Encoding") or "identity").lower() == "identity"
    if (
        recipient.offline_messages
        and plain
        and not report
        and await edge.offline.keep(request, call.caller.aor, recipient)
    ):
        messagelog.passed(edge, request, call.caller.aor, recipient, 202)
        return request.respond(202)
    return request.respond(480)

"""INVITE, INFO, UPDATE and BYE of clients of the CTI gateway (ECMA TR/87, RFC 4028, R-CTI-01, D-36).

The INVITE to the gateway's address opens a session with a RequestSystemStatus; each later request of CSTA is an INFO in
that dialog, and its answer, an error too, is the body of the 200. The client renews the session by a re-INVITE or an
UPDATE, and ends it by BYE: its monitors go, the calls stay.
"""

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from cti.csta.codec import BadDocument, decode
from cti.csta.devices import BadDevice, canonical
from cti.csta.messages import RequestSystemStatus
from presence.engine.errors import NotAuthorised, TryAgainLater, UnsupportedMediaType
from provisioning.uri import Aor, BadUri, SipUri
from sipedge.dispatch import Call
from sipedge.resolve import notify_flow
from sipedge.senders.csta import BODY, CSTA, Session, Slot
from sipedge.sip.dialog import Dialog
from sipedge.sip.errors import SipError
from sipedge.sip.flow import Flow
from sipedge.sip.message import Header, Request, Response

if TYPE_CHECKING:
    from sipedge.worker import Edge

METHODS: Final = frozenset({"INVITE", "INFO", "UPDATE", "BYE"})

EXTENSIONS: Final = frozenset({"timer"})
"Option tags that a client may require here (RFC 4028)."

ALLOW: Final = "INVITE, ACK, INFO, UPDATE, BYE"

SHORTEST: Final = 90
"Seconds: no session timer is shorter (RFC 4028 section 5)."

MAX_SESSIONS: Final = 50
"Of one user: programs at a few desks, and sessions whose end nobody has heard of yet; others want some too."

AGAIN_AFTER: Final = 30
"Seconds after which a client for whom there is no room may come again."


def is_meant(edge: "Edge", request: Request) -> bool:
    """The request opens a session, or names a dialog that only a session can be."""
    if request.method not in METHODS:
        return False
    return request.to.tag is not None or is_opening(edge, request)


def is_opening(edge: "Edge", request: Request) -> bool:
    """An INVITE to the gateway's address."""
    uri = request.uri
    if request.method != "INVITE" or request.to.tag is not None or not isinstance(uri, SipUri) or not uri.user:
        return False
    try:
        return Aor.of(uri) == edge.telephony.facts.gateway_uri
    except BadUri:
        return False


def is_known(edge: "Edge", request: Request, flow: Flow) -> bool:
    """A request over the very connection that the dialog was opened over: nobody has to prove anything again."""
    session = edge.telephony.sessions.of(request.to.tag)
    return session is not None and flow.reliable and session.dialog.flow == flow and session.dialog.matches(request)


async def handle(call: Call) -> Response:
    """Open a session, or go on in one."""
    try:
        return _open(call) if call.request.to.tag is None else _go_on(call)
    except SessionTooShort:
        headers = [("Min-SE", str(SHORTEST))]
        return call.request.respond(422, headers=headers)


def _go_on(call: Call) -> Response:
    request, edge = call.request, call.edge
    session = edge.telephony.sessions.of(request.to.tag)
    if session is None or not session.dialog.matches(request):
        raise SipError(481)
    persona = call.caller.persona
    if not is_known(edge, request, call.flow) and (persona is None or str(persona.aor) != _owner(session)):
        raise NotAuthorised("the session is somebody else's")
    session.dialog.receive(request)
    session.dialog.flow = notify_flow(session.dialog, call.flow)
    return _WITHIN[request.method](call, session)


def _open(call: Call) -> Response:
    request, edge = call.request, call.edge
    telephony = edge.telephony
    if call.caller.persona is None:
        raise NotAuthorised("only users of ours may use the gateway")
    _check_body(request)
    lasts = _session_interval(call)
    identity = telephony.facts.identity(str(call.caller.persona.aor))
    _check_line(call, identity.devices)
    if sum(_owner(one) == identity.name for one in telephony.sessions) >= MAX_SESSIONS:
        raise TryAgainLater(AGAIN_AFTER)
    dialog = Dialog.from_request(request, secrets.token_hex(8), call.flow)
    dialog.flow = notify_flow(dialog, call.flow)
    session = telephony.sessions.begin(dialog, call.listener.contact, lasts, renews=_knows_timer(request))
    association = telephony.join(session, identity)
    if association is None:
        raise TryAgainLater(AGAIN_AFTER)
    session.association = association
    telephony.sessions.add(session)
    response = _answer(call, session)
    telephony.sessions.repeat(session, call.transaction)
    return response


def _invite(call: Call, session: Session) -> Response:
    """Renew; with a document it is answered, too."""
    session.lasts = _session_interval(call)
    session.acknowledged = False
    response = _answer(call, session) if call.request.body else _renewed(call, session)
    call.edge.telephony.sessions.repeat(session, call.transaction)
    return response


def _update(call: Call, session: Session) -> Response:
    """Renew (RFC 4028 7.4)."""
    session.lasts = _session_interval(call)
    return _renewed(call, session)


def _info(call: Call, session: Session) -> Response:
    """One request of CSTA."""
    _check_body(call.request)
    return _answer(call, session)


def _bye(call: Call, session: Session) -> Response:
    """The client has finished."""
    call.edge.telephony.sessions.discard(session)
    return call.request.respond(200)


_WITHIN: Final[dict[str, Callable[[Call, Session], Response]]] = {
    "INVITE": _invite,
    "UPDATE": _update,
    "INFO": _info,
    "BYE": _bye,
}


def _answer(call: Call, session: Session) -> Response:
    """Ask the gateway; its answer is in the 200, and events wait until that is sent."""
    slot = Slot()
    call.edge.telephony.renew(session.association, session.lasts)
    call.edge.telephony.ask(session.association, call.request.body, slot)
    headers = _timer(call, session) if call.request.method == "INVITE" else []
    if slot.document:
        headers += BODY
    return call.request.respond(200, headers=headers, body=slot.document, to_tag=session.dialog.local_tag)


def _renewed(call: Call, session: Session) -> Response:
    call.edge.telephony.renew(session.association, session.lasts)
    return call.request.respond(200, headers=_timer(call, session), to_tag=session.dialog.local_tag)


def _timer(call: Call, session: Session) -> list[Header]:
    """Our Contact, and when the client has to renew, if it knows how (RFC 4028 section 9)."""
    headers = [("Contact", session.contact), ("Allow", ALLOW), ("Supported", "timer")]
    if _knows_timer(call.request):
        headers += [("Require", "timer"), ("Session-Expires", f"{session.lasts};refresher=uac")]
    return headers


def _knows_timer(request: Request) -> bool:
    return any(tag.lower() == "timer" for name in ("Supported", "Require") for tag in request.get_all(name))


def _session_interval(call: Call) -> int:
    """What the client asks for, at most what is set; raises SessionTooShort (422), SipError(400)."""
    longest = call.edge.telephony.facts.options.session_timer
    text = (call.request.get("Session-Expires") or "").partition(";")[0].strip()
    if not text:
        return longest
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise SipError(400, "Bad Session-Expires")
    if int(text) < SHORTEST:
        raise SessionTooShort
    return min(int(text), longest)


class SessionTooShort(Exception):
    """The client asks for less than anybody may."""


def _check_body(request: Request) -> None:
    """D-36: every request of CSTA is such a document."""
    if (request.get("Content-Type") or "").partition(";")[0].strip().lower() != CSTA:
        raise UnsupportedMediaType((CSTA,))


def _check_line(call: Call, own: frozenset[str]) -> None:
    """The session begins with a RequestSystemStatus; a line that it names has to be the user's."""
    try:
        message = decode(call.request.body).message
    except BadDocument as error:
        raise SipError(400, f"Bad CSTA Document: {error.fault}") from None
    if not isinstance(message, RequestSystemStatus):
        raise SipError(400, "A Session Begins With RequestSystemStatus")
    if message.line is None:
        return
    try:
        line = canonical(message.line)
    except BadDevice:
        raise SipError(404, "No Such Line") from None
    if line not in call.edge.telephony.gateway.lines:
        raise SipError(404, "No Such Line")
    if line not in own:
        raise NotAuthorised("the line is somebody else's")


def _owner(session: Session) -> str:
    identity = session.association.identity
    return identity.name if identity is not None else ""

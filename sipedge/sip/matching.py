"""Which messages belong together, and where an answer goes (RFC 3261 sections 16.3, 17.2.3 and 18.2, RFC 3581)."""

from hashlib import blake2s

from sipedge.sip.errors import SipError
from sipedge.sip.flow import Flow
from sipedge.sip.headers import Via
from sipedge.sip.message import Request

COOKIE = "z9hG4bK"
"Starts every branch that is unique (RFC 3261 8.1.1.7)."


def loop_mark(request: Request) -> str:
    """What tells a request that has gone in a circle from one that was sent elsewhere (RFC 3261 16.6 step 8)."""
    seen = (request.target, request.get("Route"), request.get("From"), request.get("To"), request.call_id)
    text = "|".join(map(str, (*seen, request.get("CSeq"))))
    return blake2s(text.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()


def server_key(request: Request, method: str) -> tuple[str, ...]:
    """What makes two requests the same (RFC 3261 17.2.3; sent-by is part of it, D-48)."""
    via = request.via
    branch = via.branch
    if branch is not None and branch.startswith(COOKIE):
        return branch, via.sent_by, method
    # RFC 2543 clients (V-19): the branch, if any, is not unique by itself.
    try:
        to_tag = request.to.tag if method != "INVITE" else ""
        from_tag = request.from_.tag
    except SipError:
        to_tag = from_tag = ""
    number = request.cseq.number
    return (
        branch or "",
        via.sent_by,
        method,
        request.call_id,
        from_tag or "",
        to_tag or "",
        str(number),
        request.target,
    )


def stamp_via(request: Request, flow: Flow) -> Flow:
    """Note the source in the topmost Via; returns where the answer goes (RFC 3261 18.2, RFC 3581)."""
    via = request.via
    address, port = flow.remote[0], flow.remote[1]
    wants_rport = via.rport is not None
    host = via.host.strip("[]").lower()
    if wants_rport or host != address:
        params = [(name, value) for name, value in via.params if name.lower() not in ("received", "rport")]
        params.append(("received", address))
        if wants_rport:
            params.append(("rport", str(port)))
        request.replace_top_via(Via(via.transport, via.host, via.port, tuple(params)))
    if flow.reliable or wants_rport:
        return flow
    answer_port = via.port or 5060
    return flow if answer_port == port else flow._replace(remote=(address, answer_port))

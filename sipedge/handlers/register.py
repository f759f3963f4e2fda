"""REGISTER: a client says where it can be reached (RFC 3261 section 10, R-REG, D-50)."""

from datetime import datetime
from functools import lru_cache

from presence.engine.errors import NotAuthorised, TryAgainLater, UnknownPresentity
from presence.store import Outcome
from provisioning.uri import Aor
from sipedge import registrar
from sipedge.dispatch import Call
from sipedge.rows import BindingRow
from sipedge.sip.flow import flow_text
from sipedge.sip.message import STAR, Response

MAX_RACES = 5
"Times that a REGISTER is planned anew when another one of the same user was committed first."


async def handle(call: Call) -> Response:
    """Bind, refresh, unbind or list the contacts of the user in To."""
    edge, request = call.edge, call.request
    persona = edge.policy.resolve(Aor.parse(str(request.to.uri)))
    if persona is None:
        raise UnknownPresentity(str(request.to.uri))
    if call.caller.persona is None or call.caller.persona.id != persona.id:
        raise NotAuthorised("the user may only register contacts of its own")
    star = request.contacts is STAR
    for _ in range(MAX_RACES):
        now = edge.now()
        before = edge.registrar.of(persona.id, now)
        result = registrar.plan_register(
            persona_id=persona.id,
            contacts=() if star else request.contacts,
            star=star,
            expires=request.expires,
            call_id=request.call_id,
            cseq=request.cseq.number,
            user_agent=request.user_agent or "",
            path=", ".join(request.get_all("Path")),
            flow=flow_text(call.flow),
            edge=edge.name,
            held=before,
            bounds=edge.policy.expiry["register"],
            now=now,
            new_id=edge.new_id,
        )
        if result.plan is not None:

            def applied(outcome: Outcome, bindings: tuple[BindingRow, ...] = result.bindings) -> None:
                if outcome is Outcome.COMMITTED:
                    edge.registrar.set(persona.id, bindings)

            outcome = await edge.commit(result.plan, applied)
            if outcome is Outcome.CONFLICT:
                await edge.reload_bindings(persona.id)
                continue
            edge.offline.registered(persona.id, before, result.bindings)
        contacts = [registrar.contact_header(row, now) for row in result.bindings]
        return request.respond(200, headers=[*contacts, ("Date", _date(now.replace(microsecond=0)))])
    raise TryAgainLater(1)


@lru_cache(maxsize=1)
def _date(second: datetime) -> str:
    """The Date header, written once a second (RFC 3261 20.17)."""
    return f"{second:%a, %d %b %Y %H:%M:%S GMT}"

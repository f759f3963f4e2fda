"""PUBLISH: a client says what state its user is in (RFC 3903, R-PUB, D-06, D-11)."""

from presence import publications
from presence.engine.errors import EntityTagMismatch
from presence.presentity import Presentity
from presence.store import Outcome
from provisioning.policy import PersonaFacts
from sipedge.dispatch import Call, presentity_of, require_presence_event
from sipedge.listeners import ENGINE
from sipedge.sip.message import Response


async def handle(call: Call) -> Response:
    """Store, change, refresh or remove one publication; the watchers hear of it after the commit."""
    edge, request = call.edge, call.request
    require_presence_event(request)
    persona = presentity_of(call)
    try:
        result = _planned(call, persona, await edge.personas.get(persona.id))
    except EntityTagMismatch:  # unless another edge has given this tag, and we have not heard of it yet (DESIGN 9)
        await edge.personas.reload([persona.id])
        result = _planned(call, persona, await edge.personas.get(persona.id))

    if result.document is not None:
        for source in result.document.sources:
            if source not in edge.policy.sources:  # D-20: ignored, and an operator may want to know
                edge.notice("source without a priority", source, call.flow.remote[0])

    if result.plan is not None and await edge.publish(result) is not Outcome.COMMITTED:
        raise EntityTagMismatch(request.get("SIP-If-Match") or "")
    return request.respond(200, headers=[("SIP-ETag", result.entity_tag), ("Expires", str(result.granted))])


def _planned(call: Call, persona: PersonaFacts, presentity: Presentity) -> publications.PublishPlan:
    """What the request changes; raises DomainError."""
    edge, request = call.edge, call.request
    return publications.plan_publish(
        persona=persona,
        publisher=call.caller.aor,
        publisher_persona=call.caller.persona,
        trusted=call.listener.role == ENGINE,
        entity_tag=request.get("SIP-If-Match"),
        expires=request.expires,
        content_type=request.get("Content-Type"),
        body=request.body,
        user_agent=request.user_agent or "",
        door="sip",
        held=presentity.publications,
        ever_published=presentity.ever_published,
        policy=edge.policy,
        now=edge.now(),
        new_id=edge.new_id,
        count=call.count_dialect,
    )

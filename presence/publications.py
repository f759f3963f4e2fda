"""The rules for PUBLISH, whatever door it comes in by (RFC 3903, section 7, D-04, D-08, D-11, D-19).

Current state, policy, the request and the time go in; a plan comes out, or a domain error. No I/O.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from presence.engine import media, pidf
from presence.engine.errors import EntityTagMismatch, MalformedDocument, NotAuthorised, UnsupportedMediaType
from presence.engine.expiry import ExpiryBounds, grant
from presence.engine.types import Document
from presence.rows import PUBLICATION, PublicationRow, shared
from presence.store import Change, Mark, Plan, Put
from provisioning.policy import PersonaFacts, Policy
from provisioning.uri import Aor

MAX_PUBLICATIONS = 50
"Live components of one user: more devices and log-ins than a person has, and a bound for composition."

SIP = "sip"
REST = "rest"
LINE = "line"
"A line that is in a call: the gateway says so, with a short lifetime of its own."

LINE_BOUNDS = ExpiryBounds(60, 60, 60)
"Seconds that the state of a line lasts without being renewed: so long a call of a killed edge may still be shown."


class PublishPlan(NamedTuple):
    """What a publication changes."""

    plan: Plan | None
    "None when nothing is kept: Expires 0 without an entity tag (D-04)."
    row: PublicationRow | None
    "As it is afterwards; its body is empty when it was removed."
    entity_tag: str
    granted: int
    "Seconds."
    document: Document | None
    "What was published, read; None when nothing new was."


def plan_publish(
    *,
    persona: PersonaFacts,
    publisher: Aor | None,
    publisher_persona: PersonaFacts | None,
    trusted: bool = False,
    entitled: bool = False,
    entity_tag: str | None,
    expires: int | None,
    content_type: str | None,
    body: bytes,
    user_agent: str,
    door: str,
    held: Mapping[int, PublicationRow],
    ever_published: bool,
    policy: Policy,
    now: datetime,
    new_id: Callable[[], int],
    count: Callable[[str], None] | None = None,
) -> PublishPlan:
    """Plan one PUBLISH; raises NotAuthorised, EntityTagMismatch, IntervalTooBrief, UnsupportedMediaType,
    MalformedDocument or DocumentTooLarge.

    `trusted`: the request came from a trusted peer. `entitled`: an administrator lets this publisher speak for this
    user, whatever the user's own publish policy says (integrators). `held`: the publications of the presentity.
    `count` hears of each legacy dialect that was met.
    """
    if not entitled and not may_publish(persona, publisher_persona, trusted=trusted):
        raise NotAuthorised("the publish policy does not allow this publisher")
    old = _matched(entity_tag, held, now) if entity_tag is not None else None
    granted = grant(expires, LINE_BOUNDS if door == LINE else policy.expiry[REST if door == REST else "publish"])
    document = None
    if body:
        dialects = policy.settings.legacy_dialects
        if not media.is_pidf(content_type, dialects=dialects, count=count):
            raise UnsupportedMediaType(("application/pidf+xml",))  # D-08
        document = pidf.parse(body, dialects=dialects, count=count)
    elif old is None and granted:
        raise MalformedDocument("a first publication needs a body")
    if old is None and not granted:
        return PublishPlan(None, None, f"{new_id():x}-0", 0, None)
    ends = now + timedelta(seconds=granted)
    changes: list[Change] = []
    if old is None:
        if sum(row.expires_at > now for row in held.values()) >= MAX_PUBLICATIONS:
            raise NotAuthorised("the user has too many publications")
        row = PublicationRow(
            id=new_id(),
            version=1,
            persona_id=persona.id,
            publisher=shared(publisher or ""),
            user_agent=shared(user_agent),
            content_type=shared(content_type or ""),
            door=door,
            body=body,
            created_at=now,
            changed_at=now,
            updated_at=now,
            expires_at=ends,
        )
        if not ever_published:
            changes.append(Mark(persona.id))
    else:
        row = old._replace(version=old.version + 1, updated_at=now, expires_at=ends)
        if not granted:
            row = row._replace(body=b"", changed_at=now)
            document = None
        elif body:
            row = row._replace(
                body=body,
                content_type=shared(content_type or ""),
                user_agent=shared(user_agent),
                publisher=shared(publisher or ""),
                changed_at=old.changed_at if body == old.body else now,
            )
    changes.append(Put(PUBLICATION, row, old.version if old is not None else None))
    return PublishPlan(Plan(persona.id, tuple(changes)), row, row.entity_tag, granted, document)


def may_publish(persona: PersonaFacts, publisher: PersonaFacts | None, *, trusted: bool) -> bool:
    """The publish policy of a user (R-PUB-04, R-PUB-05, D-19)."""
    if publisher is not None and publisher.id == persona.id:
        return True
    if persona.publish_policy == "trusted_peer":
        return trusted
    return persona.publish_policy == "delegates" and publisher is not None and publisher.id in persona.delegates


def _matched(entity_tag: str, held: Mapping[int, PublicationRow], now: datetime) -> PublicationRow:
    """The live publication that has this tag; raises EntityTagMismatch (412)."""
    name, _, version = entity_tag.strip().partition("-")
    try:
        row = held.get(int(name, 16))
    except ValueError:
        row = None
    if row is None or str(row.version) != version or row.expires_at <= now or not row.body:
        raise EntityTagMismatch(entity_tag)
    return row

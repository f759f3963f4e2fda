"""A component of state that a program publishes: the rules of PUBLISH by another door (R-PUB-25, D-05, D-11)."""

import secrets
from typing import NamedTuple

from django.utils import timezone

from presence import store, timeline, webhooks
from presence.engine import writing
from presence.engine.errors import EntityTagMismatch, NotAuthorised, TryAgainLater
from presence.engine.writing import Statement
from presence.identity import Identity, may_publish
from presence.presentity import from_loaded
from presence.publications import REST, plan_publish
from presence.store import DatabaseAway, Outcome
from provisioning import snapshot
from provisioning.snapshot import users
from provisioning.uri import Aor

RETRY_AFTER = 5
"Seconds until somebody may try again while the database is away."


class Published(NamedTuple):
    """What became of it."""

    entity_tag: str
    expires: int
    "Seconds; 0 when it was removed."
    created: bool


def publish(
    identity: Identity,
    aor: Aor,
    said: Statement | None,
    *,
    expires: int | None,
    entity_tag: str | None,
    user_agent: str = "",
) -> Published:
    """Store, change, refresh (`said` is None) or remove (`expires` is 0) one component; it is durable on return.

    Raises NotAuthorised, for users that there are not too, or what the rules raise.
    """
    try:
        with store.away_when_lost():
            persona = users.find(aor)
            if persona is None or not may_publish(identity, persona):
                raise NotAuthorised("this account does not publish for this address")
            now = timezone.now()
            policy = snapshot.load_rules([persona.id])
            presentities = from_loaded(store.load([persona.id], now))
            held = presentities[0].publications if presentities else {}
            planned = plan_publish(
                persona=persona,
                publisher=identity.watcher,
                publisher_persona=None,
                entitled=True,
                entity_tag=entity_tag,
                expires=expires,
                content_type="application/pidf+xml" if said is not None else None,
                body=writing.write(said, aor) if said is not None else b"",
                user_agent=user_agent,
                door=REST,
                held=held,
                ever_published=bool(presentities) and presentities[0].ever_published,
                policy=policy,
                now=now,
                new_id=lambda: secrets.randbits(62) | 1 << 62,
            )
            if planned.plan is not None:
                if store.commit([planned.plan]) != [Outcome.COMMITTED]:
                    raise EntityTagMismatch(entity_tag or "")
                webhooks.announce([persona.id])
                if planned.row is not None:
                    timeline.published(persona, planned.row, next(iter(presentities), None), policy, now)
    except DatabaseAway:
        raise TryAgainLater(RETRY_AFTER) from None
    return Published(planned.entity_tag, planned.granted, entity_tag is None)

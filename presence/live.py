"""Live state for people and programs: what a user's watchers are told, read from the rows (D-24: with its own name).

The same composition as at the edge, from the same rows and the same policy; only the bytes come from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from presence import store
from presence.access import judge
from presence.engine.components import Component
from presence.engine.composition import Composed
from presence.engine.filtering import View
from presence.models import Subscription
from presence.presentity import Presentity, from_loaded
from presence.seen import Seen, may_see, nothing, seen, subscription_of
from provisioning import snapshot
from provisioning.policy import PersonaFacts, Policy
from provisioning.snapshot.users import find
from provisioning.uri import Aor


@dataclass(frozen=True, slots=True)
class Live:
    """One user's state at a moment."""

    persona: PersonaFacts
    composed: Composed
    presentity: Presentity

    def document(self, policy: Policy, now: datetime) -> bytes:
        """The presence document of an unfiltered watcher."""
        return self.presentity.document(self.persona.aor, View(), policy, now).body


def states(personas: Sequence[PersonaFacts], policy: Policy, now: datetime) -> list[Live]:
    """The states of these users, in their order."""
    loaded = {one.persona_id: one for one in store.load([persona.id for persona in personas], now)}
    found = [(persona, loaded[persona.id]) for persona in personas if persona.id in loaded]
    presentities = from_loaded([one for _, one in found])
    return [
        Live(persona, presentity.composed(policy, now), presentity)
        for (persona, _), presentity in zip(found, presentities, strict=True)
    ]


def look(watcher: Aor, uris: Sequence[Aor], user_agent: str, now: datetime) -> list[Seen]:
    """What a watcher may see of each address now, in their order; every door that has no working set asks here."""
    policy = snapshot.load_for([watcher, *uris])
    found = [may_see(policy, uri, watcher, user_agent) for uri in uris]
    keys = list({one[0].key for one in found if one is not None})
    held = {one.persona_id: one for one in from_loaded(store.load(keys, now))}
    return [
        seen(held[one[0].key], uri, one[1].view, subscription_of(one[1]), policy, now, watcher)
        if one is not None and one[0].key in held
        else nothing(uri)
        for uri, one in zip(uris, found, strict=True)
    ]


SHOWN = 500
"Watchers in one answer: more than anybody reads, and each costs a look at its own addresses."


class Watcher(NamedTuple):
    """Somebody who watches a user, and what it may see."""

    watcher: Aor
    uri: str
    state: str
    effect: str
    why: str
    user_agent: str
    since: datetime
    expires_at: datetime
    edge: str


def watchers(live: Live, policy: Policy, now: datetime) -> list[Watcher]:
    """Who watches this user alone, by name; subscriptions to lists that it is in are not among them."""
    rows = Subscription.objects.filter(persona_id=live.persona.id, expires_at__gt=now).exclude(state="terminated")
    found = []
    for row in rows.order_by("watcher", "created_at")[:SHOWN]:
        watcher = Aor(row.watcher)
        judgement = judge(
            policy, watcher=watcher, watcher_persona=find(watcher), presentity=live.persona,
            user_agent=row.user_agent,
        )  # fmt: skip
        why = " ".join(filter(None, (judgement.decision.why, judgement.decision.privacy)))
        found.append(
            Watcher(
                watcher, row.uri, row.state, judgement.effect.value, why, row.user_agent, row.created_at,
                row.expires_at, row.edge,
            )
        )  # fmt: skip
    return found


def classes(component: Component) -> str:
    """The classes of service that the devices of a component offer, in words."""
    offered = [
        name
        for name in ("audio", "video", "text")
        if any(getattr(device.capabilities, name) for device in component.devices)
    ]
    return ", ".join(offered) or "none"


def as_json(live: Live) -> dict[str, Any]:
    """The state as JSON."""
    composed = live.composed
    return {
        "aor": live.persona.aor,
        "name": live.persona.name,
        "state": composed.state.value,
        "label": composed.state.label,
        "rule": composed.rule.condition if composed.rule is not None else None,
        "since": max((one.updated_at for one in composed.components), default=None),
        "activities": list(
            dict.fromkeys(
                fragment.name.rpartition("}")[2] for one in composed.components for fragment in one.document.activities
            )
        ),
        "devices": [
            {
                "id": one.id,
                "open": one.device.open,
                "audio": one.device.capabilities.audio,
                "video": one.device.capabilities.video,
                "text": one.device.capabilities.text,
                "user_agent": one.component.user_agent,
                "source": one.component.source,
                "priority": one.component.priority,
                "expires_at": one.component.expires_at,
            }
            for one in composed.tuples
        ],
    }

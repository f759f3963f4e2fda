"""Who sees what: identity, access list, privacy filter, watcher filter, in this order (section 1.3, D-15, D-18).

Every door asks here: SUBSCRIBE, lists, REST, and whoever wants to know why (`presence.explanation`). The engine
decides; this module hands it what the policy has about the two of them.
"""

from dataclasses import dataclass
from typing import NamedTuple

from presence.engine.authorization import Decision, Effect, authorize
from presence.engine.capabilities import lookup
from presence.engine.filtering import NONE, PENDING, POLITE, View
from presence.rows import FOREIGN, LIST, USER, key_of
from provisioning.policy import ClientFilterFacts, PersonaFacts, Policy
from provisioning.uri import Aor

COMPOSING = frozenset({"sources", "capabilities", "rules", "settings", "devices", "servers", "mappings"})
"Parts of the policy that a composed document depends on."

JUDGING = frozenset({"people", "access", "filters", "lists", "servers", "mappings", "settings"})
"Parts that decide who may see whom, and how much."

_POLITE = View(mask=POLITE)
_PENDING = View(mask=PENDING)


class Target(NamedTuple):
    """What a Request-URI, or a member of a list, leads to."""

    kind: str
    "USER, LIST or FOREIGN."
    key: int
    persona: PersonaFacts | None = None


def target_of(policy: Policy, uri: Aor) -> Target | None:
    """A user, a list, or a presentity at a foreign server (R-SUB-06, D-01, D-02); None for nothing that is known."""
    persona = policy.resolve(uri)
    if persona is not None:
        return Target(USER, persona.id, persona) if persona.enabled else None
    if uri in policy.lists:
        return Target(LIST, key_of(uri))
    return Target(FOREIGN, key_of(uri)) if policy.covering(uri.host) is not None else None


@dataclass(frozen=True, slots=True)
class Judgement:
    """May the watcher see the presentity, and in which view."""

    decision: Decision
    view: View
    domain_filter: str = NONE
    client_filter: ClientFilterFacts | None = None
    "The row for the watcher's client; None where none is for it."

    @property
    def effect(self) -> Effect:
        """What becomes of the subscription."""
        return self.decision.effect


def judge(
    policy: Policy,
    *,
    watcher: Aor,
    watcher_persona: PersonaFacts | None,
    presentity: PersonaFacts | None,
    user_agent: str,
) -> Judgement:
    """Decide about one watcher with one client; `presentity` is None for one that is not ours, which has no lists."""
    if presentity is None:
        decision = Decision(Effect.ALLOW, "Its own server decides about who may watch it.")
    else:
        decision = authorize(
            addresses=addresses_of(watcher, watcher_persona),
            watcher_persona=watcher_persona.id if watcher_persona is not None else None,
            presentity_persona=presentity.id,
            allow_by_default=policy.settings.allow_by_default,
            acl=policy.acls.get(presentity.id),
            privacy=policy.privacy.get(presentity.id, ()),
            confirm=presentity.confirm_watchers,
        )
    if decision.effect is Effect.POLITE_BLOCK:
        return Judgement(decision, _POLITE)
    if decision.effect is Effect.CONFIRM:
        return Judgement(decision, _PENDING)
    by_domain = policy.domain_filters.get(watcher.host, NONE)
    row = lookup(user_agent, policy.client_filters) if policy.client_filters else None
    by_client = row.kind if row is not None else NONE
    return Judgement(decision, View.of((decision.filter, by_domain, by_client), decision.hidden), by_domain, row)


def addresses_of(watcher: Aor, persona: PersonaFacts | None) -> tuple[Aor, ...]:
    """All by which lists may know a watcher: its identity first, then those of the same user."""
    return (watcher,) if persona is None else (watcher, *persona.addresses)


def sight(policy: Policy, uri: Aor, watcher: Aor, user_agent: str) -> tuple[Target, Judgement] | None:
    """What an address leads to and what a watcher may see of it; None when it leads nowhere."""
    target = target_of(policy, uri)
    if target is None:
        return None
    return target, judge(
        policy, watcher=watcher, watcher_persona=policy.resolve(watcher), presentity=target.persona,
        user_agent=user_agent,
    )  # fmt: skip

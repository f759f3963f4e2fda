"""Who sees what: identity, access list, privacy filter, watcher filter, in this order (section 1.3, D-15, D-18).

Every door asks here: SUBSCRIBE, lists, REST, and whoever wants to know beforehand. The engine decides; this module
hands it what the policy has about the two of them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from presence.engine.authorization import Decision, Effect, authorize
from presence.engine.capabilities import lookup
from presence.engine.explain import Step, explain
from presence.engine.filtering import NONE, PENDING, POLITE, View
from presence.personas import Presentity
from presence.rows import FOREIGN, LIST, USER, key_of
from provisioning.policy import PersonaFacts, Policy
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
    client_filter: str = NONE

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
        addresses = (watcher,) if watcher_persona is None else (watcher, *watcher_persona.addresses)
        decision = authorize(
            addresses=addresses,
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
    return Judgement(decision, View.of((decision.filter, by_domain, by_client), decision.hidden), by_domain, by_client)


def sight(policy: Policy, uri: Aor, watcher: Aor, user_agent: str) -> tuple[Target, Judgement] | None:
    """What an address leads to and what a watcher may see of it; None when it leads nowhere."""
    target = target_of(policy, uri)
    if target is None:
        return None
    return target, judge(
        policy, watcher=watcher, watcher_persona=policy.resolve(watcher), presentity=target.persona,
        user_agent=user_agent,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Preview:
    """What a watcher would be told now, and why."""

    judgement: Judgement
    body: bytes
    "The document; empty for a watcher who is refused."
    steps: tuple[Step, ...]


def preview(
    policy: Policy,
    *,
    watcher: Aor,
    watcher_persona: PersonaFacts | None,
    source: str,
    user_agent: str,
    accept: str,
    presentity: PersonaFacts,
    uri: Aor,
    held: Presentity,
    now: datetime,
) -> Preview:
    """What a watcher with this client would see of a presentity, step by step (DESIGN section 7).

    `source` names what the watcher's identity was taken from, `uri` is the address asked for, `held` has the
    components. With another policy it answers what would change if that were saved.
    """
    judgement = judge(
        policy, watcher=watcher, watcher_persona=watcher_persona, presentity=presentity, user_agent=user_agent
    )
    decision = judgement.decision
    steps = [Step("identity", watcher, f"The watcher is {watcher}, taken from {source}.")]
    if watcher_persona is not None and watcher != watcher_persona.aor:
        steps.append(Step("alias", watcher, f"That is an alias of {watcher_persona.aor}."))
    if uri != presentity.aor:
        steps.append(Step("alias", uri, f"{uri} is an alias of {presentity.aor}."))
    steps.append(Step("access", decision.effect.value, decision.why))
    if decision.privacy:
        steps.append(Step("privacy", decision.effect.value, decision.privacy))
    if decision.effect is Effect.BLOCK:
        return Preview(judgement, b"", tuple(steps))
    sources = held.sources_for(watcher, accept)
    steps += explain(held.composed(policy, now, sources))
    steps += _filters(judgement)
    body = held.document(uri, judgement.view, policy, now, sources).body
    return Preview(judgement, body, tuple(steps))


def _filters(judgement: Judgement) -> list[Step]:
    """The filters in the order in which they apply."""
    decision = judgement.decision
    if judgement.view.mask == POLITE:
        return [Step("filter", POLITE, "Whatever the state is, the watcher is shown Unavailable and no device.")]
    if judgement.view.mask == PENDING:
        return [Step("filter", PENDING, "Until the presentity decides, the watcher is shown Unknown and no device.")]
    steps = []
    if decision.filter != NONE:
        steps.append(Step("filter", "privacy", f"The presentity shows this watcher {_WORDS[decision.filter]}."))
    if decision.hidden:
        steps.append(Step("filter", "privacy", f"It hides devices of type {', '.join(sorted(decision.hidden))}."))
    if judgement.domain_filter != NONE:
        steps.append(Step("filter", "domain", f"Watchers of this domain are sent {_WORDS[judgement.domain_filter]}."))
    if judgement.client_filter != NONE:
        steps.append(Step("filter", "client", f"Clients of this type are sent {_WORDS[judgement.client_filter]}."))
    return steps


_WORDS = {
    "phone_only": "phones only",
    "im_only": "IM clients only",
    "video_only": "video devices only",
    "person_only": "the person and no device",
}

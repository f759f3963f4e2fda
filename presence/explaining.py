"""Explanations from the database alone: of users, lists and foreign presentities (DESIGN section 7)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from presence import store
from presence.access import addresses_of, sight, target_of
from presence.engine import media
from presence.engine.authorization import Effect
from presence.engine.explain import Ref, Step, span
from presence.explanation import (
    FORBIDDEN,
    NOT_FOUND,
    OK,
    UNKNOWN,
    Explanation,
    Question,
    explain_presentity,
    refusal,
    told,
    who_asks,
)
from presence.lists import may_subscribe, members_of
from presence.models import Subscription
from presence.presentity import from_loaded
from presence.rows import LIST
from provisioning import snapshot
from provisioning.models import ResourceList
from provisioning.policy import Policy
from provisioning.snapshot import parts
from provisioning.uri import Aor

LOOK_BACK = timedelta(hours=1)
"How long ago a publication may have ended and still be mentioned; the sweep takes most rows away after a minute."

SUBSCRIPTIONS = 20
"Live subscriptions of one watcher that are looked at: far more than a person has clients."

CLIENT = 500
"Characters of a User-Agent that are looked at."


def explain(watcher: Aor, uri: Aor, user_agent: str, now: datetime, *, origin: str = "the question") -> Explanation:
    """What this watcher with this client sees of an address, and why.

    Without `user_agent` the client is that of its newest live subscription to this address, if there is one.
    """
    policy = _policy(watcher, uri)
    addresses = addresses_of(watcher, policy.resolve(watcher))
    live = list(_live(addresses, now))
    direct = [row for row in live if _leads_to_same(policy, row, uri)]
    through = [row for row in live if row.kind == LIST and row.uri != uri and _names(policy, row, uri)]
    asked = _question(watcher, uri, user_agent, [*direct, *through], origin)
    target = target_of(policy, uri)
    if target is None:
        return refusal(asked, "", UNKNOWN, NOT_FOUND, (*who_asks(asked, policy.resolve(watcher)), _nobody(policy, uri)))
    if target.kind == LIST:
        return _list(policy, asked, _subscribed(direct, asked, now), now)
    loaded = store.load([target.key], now - LOOK_BACK)
    if not loaded:  # deleted a moment ago
        return refusal(asked, "", UNKNOWN, NOT_FOUND, tuple(who_asks(asked, policy.resolve(watcher))))
    held = from_loaded(loaded)[0]
    between = _subscribed([*direct, *through], asked, now)
    return explain_presentity(policy, asked, target, held, now, loaded[0].publications, between)


def _question(watcher: Aor, uri: Aor, user_agent: str, rows: Sequence[Subscription], origin: str) -> Question:
    """With what a live subscription adds to it: the client, where none is named, and what that accepts (D-30)."""
    alike = [row for row in rows if user_agent in ("", row.user_agent)]
    found = next((row for row in alike if row.watcher == watcher), next(iter(alike), None))
    if found is None:
        return Question(watcher, uri, user_agent, "", origin)
    accept = media.for_members(found.accept) if found.kind == LIST and found.uri != uri else found.accept
    return Question(watcher, uri, found.user_agent, accept, origin)


def _policy(watcher: Aor, uri: Aor) -> Policy:
    """The policy as far as the two are concerned; with all lists only where lists can have to do with them."""
    policy = snapshot.load_for([watcher, uri])
    addresses = addresses_of(watcher, policy.resolve(watcher))
    is_list = ResourceList.objects.filter(uri=uri).exists()
    if not is_list and not Subscription.objects.filter(watcher__in=addresses, kind=LIST).exists():
        return policy
    policy = snapshot.refresh(policy, [parts.LISTS])
    if not is_list:
        return policy
    members = members_of(policy, [uri], watcher)
    return replace(snapshot.load_for([watcher, uri, *members]), lists=policy.lists)


def _live(addresses: Iterable[Aor], now: datetime) -> Iterable[Subscription]:
    """Subscriptions of this watcher, under any of its addresses, the newest first."""
    rows = Subscription.objects.filter(watcher__in=list(addresses), expires_at__gt=now).exclude(state="terminated")
    return rows.select_related("persona").order_by("-created_at")[:SUBSCRIPTIONS]


def _leads_to_same(policy: Policy, row: Subscription, uri: Aor) -> bool:
    """A subscription to this user or foreign presentity, by whatever alias."""
    persona = policy.resolve(uri)
    return row.persona_id == persona.id if persona is not None else row.uri == uri


def _names(policy: Policy, row: Subscription, uri: Aor) -> bool:
    """A list subscription that tells about this address, or another one of the same user."""
    watcher = Aor(row.watcher)
    if row.members:
        uris: Iterable[Aor] = map(Aor, row.members.split("\n"))
    else:
        uris = [Aor(row.uri)]
    persona = policy.resolve(uri)
    wanted = {uri} if persona is None else set(persona.addresses)
    return not wanted.isdisjoint(members_of(policy, uris, watcher))


def _nobody(policy: Policy, uri: Aor) -> Step:
    """Why an address leads nowhere (D-02)."""
    persona = policy.resolve(uri)
    if persona is not None:
        refs = (Ref("users", (persona.id,)),)
        return Step("target", uri, f"{uri} leads to {persona.aor}, a user who is disabled.", "D-02", decided_by=refs)
    if policy.serves(uri.host):
        return Step("target", uri, f"No alias, list or foreign server has {uri} in a domain of ours.", "D-02")
    text = f"{uri.host} is no domain of ours, and no foreign server covers it; a proxy sends such requests elsewhere."
    return Step("target", uri, text, "D-02")


def _subscribed(rows: Iterable[Subscription], asked: Question, now: datetime) -> list[Step]:
    """The watcher's live subscriptions that tell about the presentity."""
    steps = []
    for row in rows:
        text = f"{row.watcher} is subscribed to {row.uri}" + (", a list with this address in it" * (row.kind == LIST))
        text += f", and the subscription is {row.state}."
        if row.user_agent != asked.user_agent:
            text += " Its client is another one than here, and may be shown something else."
        details = (
            ("client", row.user_agent or "unknown"), ("since", f"{span(now - row.created_at)} ago"),
            ("expires", f"in {span(row.expires_at - now)}"), ("edge", row.edge),
        )  # fmt: skip
        steps.append(Step("subscription", str(row.pk), text, "D-10", True, details, (Ref("subscriptions", (row.pk,)),)))
    if not steps:
        steps.append(Step("subscription", "", "The watcher has no live subscription that tells about it.", "", False))
    return steps


def _list(policy: Policy, asked: Question, subscribed: list[Step], now: datetime) -> Explanation:
    """A list: who may subscribe, and what is seen of each member as if it had been asked for alone (R-LST)."""
    found = policy.lists[asked.uri]
    refs = (Ref("lists", (found.uri,)),)
    steps = [*who_asks(asked, policy.resolve(asked.watcher))]
    members = members_of(policy, found.members, asked.watcher)
    text = f"{asked.uri} is a list of {len(members)} addresses, lists in it followed."
    steps.append(Step("target", asked.uri, text, "R-LST-01, D-09", decided_by=refs))
    if not may_subscribe(found, asked.watcher, policy):
        steps.append(Step("access", Effect.BLOCK.value, "The list is for its owner only.", decided_by=refs))
        return refusal(asked, LIST, Effect.BLOCK.value, FORBIDDEN, (*steps, *subscribed))
    whose = "everybody" if found.owner is None else "its owner, who asks"
    steps.append(Step("access", Effect.ALLOW.value, f"The list is for {whose}.", decided_by=refs))
    steps += _members(policy, asked, members, now)
    steps += subscribed
    text = "A SUBSCRIBE of a client that supports lists is answered 200 OK, and all of these are shown."
    steps.append(Step("result", Effect.ALLOW.value, text))
    return Explanation(asked, LIST, Effect.ALLOW.value, OK, "", "", b"", tuple(steps))


def _members(policy: Policy, asked: Question, members: Iterable[Aor], now: datetime) -> Iterable[Step]:
    sights = {uri: sight(policy, uri, asked.watcher, asked.user_agent) for uri in members}
    keys = {found[0].key for found in sights.values() if found is not None and found[0].kind != LIST}
    held = {one.persona_id: one for one in from_loaded(store.load(list(keys), now))}
    for uri, found in sights.items():
        refs = (Ref("explain", (asked.watcher, uri, asked.user_agent)),)
        if found is None or found[0].key not in held:
            yield Step("member", uri, f"{uri} leads nowhere, and is told as gone.", "D-13", False, (), refs)
        elif found[1].effect is Effect.BLOCK:
            yield Step("member", uri, f"{uri} blocks this watcher, and is told as refused.", "D-15", False, (), refs)
        elif found[1].effect is Effect.CONFIRM:
            yield Step("member", uri, f"{uri} has not decided yet, and is told as pending.", "D-15", False, (), refs)
        else:
            one = held[found[0].key]
            sources = one.sources_for(asked.watcher, media.for_members(asked.accept))
            state = told(one, uri, found[1].view, policy, now, sources)[1]
            yield Step("member", uri, f"{uri} is shown as {state.label}.", decided_by=refs)

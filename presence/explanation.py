"""What a watcher sees of a presentity, and why, step by step (DESIGN section 7).

Nothing is decided here: each step repeats what the functions that serve SIP watchers have decided and written down
(`presence.access`, the engine's authorization, composition and filters), so that it can say nothing else than they do.
No I/O: `presence.explaining` brings the policy and the rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from presence.access import Judgement, Target, addresses_of, judge
from presence.engine import authorization as why
from presence.engine import reading
from presence.engine.authorization import Decision, Effect
from presence.engine.composition import Composed, ComposedTuple, keep, shown
from presence.engine.explain import PLACEHOLDER, Ref, Step, explain, span
from presence.engine.filtering import NONE, PENDING, POLITE, View
from presence.engine.reachability import Reachability
from presence.presentity import Presentity
from presence.rows import FOREIGN, BackendRow, PublicationRow
from provisioning.policy import PersonaFacts, Policy
from provisioning.uri import Aor

UNKNOWN = "unknown"
"In place of an effect, for an address that leads nowhere."

OK, FORBIDDEN, NOT_FOUND = 200, 403, 404

ANSWERS = {OK: "200 OK", FORBIDDEN: "403 Forbidden", NOT_FOUND: "404 Not Found"}

_CHAPTERS = {
    stage: title
    for title, stages in (
        ("Who asks for whom", ("identity", "alias", "client", "target")),
        ("Authorization", ("access", "privacy")),
        ("Components of state", ("component", "tuple", "replaced", "gone")),
        ("Members", ("member",)),
        ("State", ("rule",)),
        ("Filters", ("placeholder", "filter", "silent")),
        ("Result", ("subscription", "result")),
    )
    for stage in stages
}
_MASKED = {
    POLITE: "Whatever the state is, the watcher is shown Unavailable and no device.",
    PENDING: "Until the presentity decides, the watcher is shown Unknown and no device.",
}
_FILTERED = {
    "phone_only": "phones only",
    "im_only": "IM clients only",
    "video_only": "video devices only",
    "person_only": "the person and no device",
}


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks for whom, and with what."""

    watcher: Aor
    "The identity, as the edge would take it."
    uri: Aor
    "The address that is asked for."
    user_agent: str = ""
    accept: str = ""
    origin: str = "the question"
    "What the identity was taken from."


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a watcher is told now, and why."""

    question: Question
    kind: str
    "USER, LIST or FOREIGN; empty for what leads nowhere."
    effect: str
    "Of authorization (`Effect`), or UNKNOWN."
    answer: int
    "The status that a SUBSCRIBE gets."
    state: str
    "Of `Reachability`; empty for a refusal and for a list."
    label: str
    "In words."
    body: bytes
    "The document; empty for a refusal and for a list."
    steps: tuple[Step, ...]

    @property
    def subscriptions(self) -> int:
        """How many live subscriptions of the watcher tell about it."""
        return sum(step.counts for step in self.steps if step.stage == "subscription")

    def chapters(self) -> list[tuple[str, list[tuple[int, Step]]]]:
        """The steps with their numbers, under headings."""
        numbered = enumerate(self.steps, 1)
        return [(title, list(steps)) for title, steps in groupby(numbered, lambda one: _CHAPTERS[one[1].stage])]


def explain_presentity(
    policy: Policy,
    asked: Question,
    target: Target,
    held: Presentity,
    now: datetime,
    rows: Sequence[PublicationRow] = (),
    between: Sequence[Step] = (),
) -> Explanation:
    """Explain a user or a foreign presentity.

    `held` has the components. `rows` are publications that may have run out, for saying so; `between` are steps that
    belong before the last one. With another policy it answers what would change if that were saved.
    """
    watcher_persona = policy.resolve(asked.watcher)
    judgement = judge(
        policy, watcher=asked.watcher, watcher_persona=watcher_persona, presentity=target.persona,
        user_agent=asked.user_agent,
    )  # fmt: skip
    steps = [
        *who_asks(asked, watcher_persona),
        _target(policy, asked, target),
        *_authorized(policy, addresses_of(asked.watcher, watcher_persona), judgement.decision, target.persona),
    ]
    if judgement.effect is Effect.BLOCK:
        return refusal(asked, target.kind, judgement.effect.value, FORBIDDEN, (*steps, *between))
    sources = held.sources_for(asked.watcher, asked.accept)
    composed = held.composed(policy, now, sources)
    found = explain(composed, now=now, rules=policy.rules)
    rule = next(index for index, step in enumerate(found) if step.stage == "rule")
    steps += found[:rule]
    steps += _gone(rows, now)
    steps += _left_out(held, composed, now)
    steps += _not_fetched(policy, asked, target, held)
    steps += found[rule:]
    steps += _filters(judgement, composed, asked, _private(judgement.decision, target.persona))
    body, state = told(held, asked.uri, judgement.view, policy, now, sources)
    steps += between
    steps.append(Step("result", state.value, f"A SUBSCRIBE is answered {ANSWERS[OK]}, and {state.label} is shown."))
    return Explanation(asked, target.kind, judgement.effect.value, OK, state.value, state.label, body, tuple(steps))


def told(
    held: Presentity, uri: Aor, view: View, policy: Policy, now: datetime, sources: tuple[int, ...]
) -> tuple[bytes, Reachability]:
    """(the document of a view, the state that it shows); the eighth state under its own name (D-24)."""
    rendered = held.document(uri, view, policy, now, sources)
    return rendered.body, reading.read(rendered.body).state if view.mask else rendered.state


def refusal(asked: Question, kind: str, effect: str, answer: int, steps: Sequence[Step]) -> Explanation:
    """The explanation of a watcher who is told nothing."""
    last = Step("result", str(answer), f"A SUBSCRIBE is refused with {ANSWERS[answer]}; nothing is shown.")
    return Explanation(asked, kind, effect, answer, "", "", b"", (*steps, last))


def who_asks(asked: Question, persona: PersonaFacts | None) -> Iterator[Step]:
    """The watcher's identity (D-14), and which user it is."""
    refs = (Ref("users", (persona.id,)),) if persona is not None else ()
    yield Step("identity", asked.watcher, f"The watcher is {asked.watcher}, taken from {asked.origin}.", "D-14")
    if persona is None:
        yield Step("alias", asked.watcher, "That is nobody of ours; lists can name the address or its domain.", "D-01")
    elif asked.watcher != persona.aor:
        text = f"That is an alias of {persona.aor}, by which it is known where it logs in itself."
        yield Step("alias", asked.watcher, text, "D-01", decided_by=refs)
    else:
        yield Step("alias", asked.watcher, "That is a user's address of record.", "D-01", decided_by=refs)
    if persona is not None and not persona.enabled:
        yield Step("alias", asked.watcher, "This user is disabled: it cannot log in, so only peers can speak for it.")
    client = asked.user_agent or "unknown, so that no filter for clients applies"
    yield Step("client", asked.user_agent, f"Its client is {client}.", "D-17")


def _target(policy: Policy, asked: Question, target: Target) -> Step:
    """What the address leads to (R-SUB-06)."""
    if target.kind == FOREIGN:
        server = policy.covering(asked.uri.host)
        assert server is not None, "that is why it is a foreign one"
        text = f"{asked.uri} is a presentity of the foreign server “{server.name}”, which has all of {server.domain}."
        return Step("target", asked.uri, text, "D-02, D-30", decided_by=(Ref("foreign-servers", (server.id,)),))
    assert target.persona is not None, "a user"
    mapped = policy.mapped(target.persona.id)
    details = tuple(("mapped to", f"{one.foreign} at {server.name}, priority {one.priority}") for one, server in mapped)
    mappings = [Ref("mappings", (target.persona.id, one.foreign)) for one, _ in mapped]
    refs = (Ref("users", (target.persona.id,)), *mappings)
    if asked.uri == target.persona.aor:
        text = f"{asked.uri} is a user's address of record."
    else:
        text = f"{asked.uri} is an alias of {target.persona.aor}; the document has the address that was asked for."
    return Step("target", asked.uri, text, "D-01, D-29", details=details, decided_by=refs)


def _authorized(
    policy: Policy, addresses: Sequence[Aor], decision: Decision, presentity: PersonaFacts | None
) -> Iterator[Step]:
    """What decided about access, what was less specific, and which privacy list applies (D-15)."""
    if presentity is None:
        yield Step("access", decision.effect.value, decision.why, "D-02")
        return
    acl = policy.acls.get(presentity.id) if decision.by not in (why.SELF, why.SETTING) else None
    refs: tuple[Ref, ...] = ()
    details: list[tuple[str, str]] = []
    if acl is not None:
        refs = (Ref("uri-acls", (presentity.id,)),)
        first, *others = why.matches(acl, addresses)
        for one in dict.fromkeys(others):
            if one != first:
                details.append(("less specific", f"{one.entry or 'default'}: {_words(one.effect.value)}"))
    elif decision.by == why.SETTING:
        refs = (Ref("settings", (1,)),)
    effect = decision.effect.value if not decision.privacy else Effect.ALLOW.value
    yield Step("access", effect, decision.why, "D-15", details=tuple(details), decided_by=refs)
    if not decision.privacy:
        return
    refs = _private(decision, presentity)
    yield Step("privacy", decision.effect.value, decision.privacy, "D-15", decided_by=refs)


def _private(decision: Decision, presentity: PersonaFacts | None) -> tuple[Ref, ...]:
    """The privacy list that applies, or the user who wants to be asked."""
    if presentity is None:
        return ()
    if decision.private is not None:
        return (Ref("privacy-lists", (presentity.id, decision.private.kind, decision.private.name)),)
    return (Ref("users", (presentity.id,)),)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _gone(rows: Sequence[PublicationRow], now: datetime) -> Iterator[Step]:
    """Publications that are over, as long as their rows are there."""
    for row in rows:
        if row.expires_at > now:
            continue
        how = "ran out" if row.body else "was withdrawn"
        text = f"A publication of {row.publisher or 'nobody known'} {how} {span(now - row.expires_at)} ago."
        details = (("client", row.user_agent or "unknown"), ("changed", f"{span(now - row.changed_at)} ago"))
        yield Step("gone", str(row.id), text, "D-23", False, details)


def _left_out(held: Presentity, composed: Composed, now: datetime) -> Iterator[Step]:
    """Components that are there and do not count for this watcher."""
    counted = {one.id for one in composed.components}
    for row in held.publications.values():
        if row.id not in counted and row.expires_at > now:
            text = "A publication that was accepted once cannot be read any more, so it does not count."
            yield Step("gone", str(row.id), text, "D-39", False, decided_by=(Ref("components", (row.id,)),))
    for state in held.backends.values():
        if state.id not in counted:
            text = f"The state of {state.foreign} does not count: {_why_not(state, now)}."
            refs = (Ref("components", (state.id,)),)
            yield Step("gone", str(state.id), text, "D-30, D-32", False, decided_by=refs)


def _why_not(row: BackendRow, now: datetime) -> str:
    """Why a back-end subscription gives no component to a composition."""
    if not row.body:
        return f"its server has told none yet; the subscription is {row.state}" + (row.reason and f" ({row.reason})")
    if row.expires_at <= now:
        return f"it ran out {span(now - row.expires_at)} ago; the subscription is {row.state}"
    return f"it is held in the name of {row.watcher}" + (f" for clients that accept {row.accept}" if row.accept else "")


def _not_fetched(policy: Policy, asked: Question, target: Target, held: Presentity) -> Iterator[Step]:
    """Foreign states of which there is no subscription now."""
    wanted = [asked.uri] if target.persona is None else [one.foreign for one, _ in policy.mapped(target.persona.id)]
    known = {row.foreign for row in held.backends.values()}
    for uri in wanted:
        if uri not in known:
            text = f"Nothing is known of {uri}: its server is asked while somebody subscribes by SIP."
            yield Step("gone", uri, text, "D-30", False)


def _filters(judgement: Judgement, composed: Composed, asked: Question, private: tuple[Ref, ...]) -> Iterator[Step]:
    """Each filter in the order in which they apply, with what it removed (D-16, D-18)."""
    view = judgement.view
    if view.mask:
        word = _MASKED[view.mask]
        yield _filter(view.mask, word, composed.tuples, (), private)
        return
    left: Sequence[ComposedTuple] = composed.tuples
    for subject, one, text, refs in _in_order(judgement, asked, private):
        passed = keep(left, one)
        yield _filter(subject, text, left, passed, refs)
        left = passed
    kept, speaking = shown(composed, view)
    if view.unfiltered:
        yield Step("filter", NONE, "No filter applies: everything is shown.", "D-16")
        return
    if composed.tuples and not kept:
        yield PLACEHOLDER
    yield from _silent(composed, {one.id for one in speaking})


def _in_order(
    judgement: Judgement, asked: Question, private: tuple[Ref, ...]
) -> Iterator[tuple[str, View, str, tuple[Ref, ...]]]:
    """(whose filter it is, what it alone keeps, a sentence, what to change)."""
    decision, row = judgement.decision, judgement.client_filter
    if decision.filter != NONE:
        text = f"The presentity shows this watcher {_FILTERED[decision.filter]}."
        yield "privacy", View.of((decision.filter,)), text, private
    if decision.hidden:
        text = f"It hides devices of type {', '.join(sorted(decision.hidden))}."
        yield "privacy", View.of((), decision.hidden), text, private
    if judgement.domain_filter != NONE:
        text = f"Watchers of the domain {asked.watcher.host} are sent {_FILTERED[judgement.domain_filter]}."
        refs = (Ref("watcher-filters", (asked.watcher.host, "", "")),)
        yield "domain", View.of((judgement.domain_filter,)), text, refs
    if row is not None and row.kind != NONE:
        name = f"{row.client_type} {row.client_version}".rstrip()
        text = f"Clients of the type “{name}” are sent {_FILTERED[row.kind]}."
        refs = (Ref("watcher-filters", ("", row.client_type, row.client_version)),)
        yield "client", View.of((row.kind,)), text, refs


def _filter(
    name: str, text: str, before: Sequence[ComposedTuple], kept: Sequence[ComposedTuple], refs: tuple[Ref, ...]
) -> Step:
    removed = [one for one in before if one not in kept]
    details = tuple(
        ("removed", f"{one.id} of component {one.component.id}, {one.component.user_agent or 'client unknown'}")
        for one in removed
    )
    if not removed:
        details = (("removed", "nothing"),)
    return Step("filter", name, text, "D-16, D-18", details=details, decided_by=refs)


def _silent(composed: Composed, speaking: set[int | str]) -> Iterator[Step]:
    """What a view leaves out beside devices (D-28)."""
    for one in composed.components:
        says = one.document.activities or one.document.person
        if says and one.id not in speaking and one.id not in composed.leftovers:
            text = f"What component {one.id} says of the person is not shown either, since none of its devices is."
            yield Step("silent", str(one.id), text, "D-28", False)
    if any(one.document.notes or one.document.extensions for one in composed.components):
        text = "Notes and extensions that belong to no device are left out wherever a filter is in force."
        yield Step("silent", "", text, "D-28", False)

"""Why a persona has the state it has: the way of a composition in sentences (DESIGN section 7).

The admin and REST show these steps; they name what was found, not what the code did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from presence.engine.components import Component, Device
from presence.engine.composition import Composed, ComposedTuple
from presence.engine.reachability import Reachability, RuleLike
from presence.engine.types import Capabilities, ClientLike

_CLASS_ORIGIN = {
    "body": "as its document says",
    "table": "by the User-Agent capability table",
    "default": "by default, since neither its document nor the table says",
}

_CONDITIONS = {
    "manual_override": "a manual override states it",
    "never_published": "there is no live component, and there never was one",
    "backend_missing": "there is no live component, and a back-end subscription is not active",
    "no_component": "there is no live component",
    "none_open": "no component is open",
    "busy_and_other_text": "an open device is busy, and another one offers text",
    "busy_only": "an open device is busy",
    "otherwise": "no other rule applies",
}


class Ref(NamedTuple):
    """Something that an administrator can look at, or change to have it otherwise."""

    kind: str
    "As the resource is called in REST."
    key: tuple[str | int, ...]
    "What tells it from others of its kind."


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that counted, or was found not to."""

    stage: str
    "`component`, `tuple`, `replaced`, `rule`, or `placeholder`; doors add theirs before and after."
    subject: str
    "Which one: component id, tuple id, condition."
    text: str
    statement: str = ""
    "The requirements that it follows, such as `D-23`."
    counts: bool = True
    "False for what was looked at and has no part in the result."
    details: tuple[tuple[str, str], ...] = ()
    "Names and values."
    decided_by: tuple[Ref, ...] = ()


def explain(composed: Composed, *, now: datetime | None = None, rules: Sequence[RuleLike] = ()) -> list[Step]:
    """The steps from the components to the state, in their order of weight.

    With `now` they say how old things are; `rules` are those that the state was composed by.
    """
    strongest = deciding(composed)
    steps = [_component(one, composed, one is strongest, now) for one in composed.components]
    steps += map(_tuple, composed.tuples)
    for device, loser, owner in composed.replaced:
        reason = "has a higher priority" if owner.priority > loser.priority else "is newer"
        text = f"Left out of component {loser.id}: component {owner.id} describes the same device and {reason}."
        steps.append(Step("replaced", device.id, text, "D-25, D-43", counts=False))
    steps.append(_rule(composed, rules))
    if not composed.tuples:
        steps.append(PLACEHOLDER)
    return steps


PLACEHOLDER = Step("placeholder", "", "There is no device to show; a placeholder stands for it.", "D-42")


def _rule(composed: Composed, rules: Sequence[RuleLike]) -> Step:
    """The rule that fired, and those before it, which did not."""
    label = composed.state.label
    fired = composed.rule
    if fired is None:
        return Step("rule", "", f"No reachability rule applies, so the state is {label}.", "D-23")
    text = f"The state is {label}: {_condition(fired)}."
    statement = "D-23"
    if composed.state is Reachability.INTERRUPTIBLE:
        text += " To SIP watchers that is said as Busy."
        statement = "D-23, D-24"
    position = next((number for number, rule in enumerate(rules) if rule is fired), 0)
    details = tuple((f"rule {number}", f"{_condition(rule)}: no") for number, rule in enumerate(rules[:position], 1))
    if rules:
        details += ((f"rule {position + 1}", f"{_condition(fired)}: yes"),)
    return Step(
        "rule", fired.condition, text, statement, details=details,
        decided_by=(Ref("reachability-rules", (fired.condition,)),),
    )  # fmt: skip


def _condition(rule: RuleLike) -> str:
    return _CONDITIONS.get(rule.condition, rule.condition)


def span(length: timedelta) -> str:
    """A length of time in words, in its largest unit."""
    seconds = max(0, int(length.total_seconds()))
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{seconds // size} {name}s"
    return "1 second" if seconds == 1 else f"{seconds} seconds"


def deciding(composed: Composed) -> Component | None:
    """The component that the state rests on: the strongest that has what the rule asked for; None when none has."""
    condition = composed.rule.condition if composed.rule is not None else ""
    speaking = [one for one in composed.components if one.id not in composed.leftovers]
    opened = {named.component.id for named in composed.tuples if named.device.open}
    if condition == "manual_override":
        speaking = [one for one in speaking if one.manual_override and one.stated is not None]
    elif condition in ("busy_and_other_text", "busy_only"):
        speaking = [one for one in speaking if one.busy and one.id in opened]
    elif condition == "none_open":  # it is so since the last of them was closed
        return max(speaking, key=lambda one: one.updated_at, default=None)
    elif opened:
        speaking = [one for one in speaking if one.id in opened]
    return next(iter(speaking), None)


def _component(one: Component, composed: Composed, strongest: bool, now: datetime | None) -> Step:
    leftover = one.id in composed.leftovers
    text = _weight(one, leftover)
    if strongest:
        text += " The state rests on it."
    return Step(
        "component", str(one.id), text, "D-43" if leftover else "D-20, D-25", not leftover, described(one, now),
        (Ref("components", (one.id,)), *_said_by(one)),
    )  # fmt: skip


def described(one: Component, now: datetime | None) -> tuple[tuple[str, str], ...]:
    """Id, client, capability row, classes of service, type of device, age and expiry of a component."""
    offered = [
        name for name in Capabilities._fields if any(getattr(device.capabilities, name) for device in one.devices)
    ]
    details = [
        ("component", str(one.id)),
        ("client", one.user_agent or "unknown"),
        ("capability row", _row_name(one.capability) if one.capability is not None else "none matches"),
        ("classes of service", ", ".join(offered) or "none"),
        ("type of device", _type_of(one)),
    ]
    if now is not None:
        details.append(("changed", f"{span(now - one.updated_at)} ago"))
        if one.expires_at is not None:
            ahead = one.expires_at - now
            details.append(("expires", f"in {span(ahead)}" if ahead > timedelta() else f"{span(-ahead)} ago"))
    return tuple(details)


def _type_of(one: Component) -> str:
    if one.typed_by is None:
        return f"{one.device_type}, since no row says another"
    if isinstance(one.typed_by, str):
        return f"{one.device_type}, by the source “{one.typed_by}”"
    return f"{one.device_type}, by the client type “{_row_name(one.typed_by)}”"


def _row_name(row: ClientLike) -> str:
    return f"{row.client_type} {row.client_version}".rstrip()


def _said_by(one: Component) -> list[Ref]:
    """The rows of the operator's tables that a component was read by."""
    refs = [Ref("sources", (one.source,))] if one.source is not None else []
    if one.capability is not None:
        refs.append(_capability(one.capability))
    if isinstance(one.typed_by, str):
        refs.append(Ref("device-types", ("source", one.typed_by)))
    elif one.typed_by is not None:
        refs.append(Ref("device-types", ("client_type", one.typed_by.client_type)))
    return refs


def _capability(row: ClientLike) -> Ref:
    return Ref("capabilities", (row.client_type, row.client_version))


def _tuple(named: ComposedTuple) -> Step:
    text = _device(named.device)
    if named.id != named.device.id:
        text += f" Its own id “{named.device.id}” could not be kept."
    row = named.component.capability if named.device.capabilities_from == "table" else None
    details = (("tuple", named.id), ("component", str(named.component.id)))
    if row is None:
        return Step("tuple", named.id, text, details=details)
    return Step("tuple", named.id, text, "R-PUB-30", details=details, decided_by=(_capability(row),))


def _weight(one: Component, leftover: bool) -> str:
    if one.source is not None:
        kind = "manual override" if one.manual_override else "source"
        text = f"Priority {one.priority} from the {kind} “{one.source}”."
    else:
        text = f"Priority {one.priority}."
    if one.unmatched_sources:
        text += " No Source Priority matches " + ", ".join(f"“{value}”" for value in one.unmatched_sources) + "."
    if one.manual_override and one.stated is not None:
        text += f" It states {one.stated.label}."
    if one.busy:
        text += " It reports busy or on the phone."
    if leftover:
        text += " Newer components describe all its devices, so it counts no more."
    return text


def _device(device: Device) -> str:
    names = [name for name, on in device.capabilities._asdict().items() if on] or ["no class of service"]
    state = "Open" if device.open else "Closed"
    return f"{state}, with {', '.join(names)} {_CLASS_ORIGIN[device.capabilities_from]}."

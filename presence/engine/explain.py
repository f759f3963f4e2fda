"""Why a persona has the state it has: the way of a composition in sentences (DESIGN section 7).

The admin and REST show these steps; they name what was found, not what the code did.
"""

from dataclasses import dataclass

from presence.engine.components import Component, Device
from presence.engine.composition import Composed

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


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that counted."""

    stage: str
    "`component`, `tuple`, `replaced`, `rule`, or `placeholder`."
    subject: str
    "Which one: component id, tuple id, condition."
    text: str


def explain(composed: Composed) -> list[Step]:
    """The steps from the components to the state, in their order of weight."""
    steps: list[Step] = []
    for one in composed.components:
        steps.append(Step("component", str(one.id), _component(one, one.id in composed.leftovers)))
    for named in composed.tuples:
        text = _device(named.device)
        if named.id != named.device.id:
            text += f" Its own id “{named.device.id}” could not be kept."
        steps.append(Step("tuple", named.id, text))
    for device, loser, owner in composed.replaced:
        reason = "has a higher priority" if owner.priority > loser.priority else "is newer"
        text = f"Left out of component {loser.id}: component {owner.id} describes the same device and {reason}."
        steps.append(Step("replaced", device.id, text))
    if composed.rule is None:
        steps.append(Step("rule", "", f"No reachability rule applies, so the state is {composed.state.label}."))
    else:
        why = _CONDITIONS.get(composed.rule.condition, composed.rule.condition)
        steps.append(Step("rule", composed.rule.condition, f"The state is {composed.state.label}: {why}."))
    if not composed.tuples:
        steps.append(Step("placeholder", "", "There is no device to show; a placeholder stands for it."))
    return steps


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


def _component(one: Component, leftover: bool) -> str:
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

"""What differs between two documents, in words: what somebody notices who looks at both on a screen."""

from collections.abc import Iterator

from presence.engine.composition import PLACEHOLDER_ID
from presence.engine.reading import Device, Shown

CLASSES = ("audio", "video", "text")

BEYOND = "parts of the document that no client of ours shows"
"For documents that differ in nothing that is read here."


def differences(before: Shown, after: Shown) -> tuple[str, ...]:
    """Sentences without a full stop, the state first; both documents are known to differ."""
    found = tuple(_differences(before, after))
    return found or (BEYOND,)


def _differences(before: Shown, after: Shown) -> Iterator[str]:
    if before.state is not after.state:
        yield f"state {before.state.label} → {after.state.label}"
    if set(before.activities) != set(after.activities):
        yield f"activities {_listed(before.activities)} → {_listed(after.activities)}"
    if before.note != after.note:
        yield f"note {_quoted(before.note)} → {_quoted(after.note)}"
    old, new = _devices(before), _devices(after)
    for name in old:
        if name not in new:
            yield f"device {name} is not shown any more"
    for name, device in new.items():
        if name not in old:
            yield f"device {name} is shown, {'open' if device.open else 'closed'} with {_offered(device)}"
        elif old[name] != device:
            yield f"device {name}: {', '.join(_changed(old[name], device))}"


def _devices(shown: Shown) -> dict[str, Device]:
    return {one.id: one for one in shown.devices if one.id != PLACEHOLDER_ID}


def _changed(old: Device, new: Device) -> Iterator[str]:
    if old.open != new.open:
        yield "closed → open" if new.open else "open → closed"
    if _offered(old) != _offered(new):
        yield f"{_offered(old)} → {_offered(new)}"
    if old.idle != new.idle:
        yield "idle" if new.idle else "not idle any more"
    if old.contact != new.contact:
        yield f"contact {old.contact or 'none'} → {new.contact or 'none'}"


def _offered(device: Device) -> str:
    return ", ".join(name for name in CLASSES if getattr(device, name)) or "no class of service"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(sorted(set(names))) or "none"


def _quoted(note: str) -> str:
    return f"“{note}”" if note else "none"

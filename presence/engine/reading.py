"""What a client of ours shows of a presence document (R-EXT-02): it ignores what it does not use."""

import re
from dataclasses import dataclass
from html import unescape

from presence.engine import pidf
from presence.engine.reachability import Reachability

_STATES = {
    "available": Reachability.AVAILABLE,
    "busy": Reachability.BUSY,
    "dnd": Reachability.DND,
    "away": Reachability.AWAY,
    "vacation": Reachability.VACATION,
    "unavailable": Reachability.UNAVAILABLE,
    "unknown": Reachability.UNKNOWN,
}
"Names of activities that are a state of section 5.3."


_TAG = re.compile(rb"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Device:
    """One tuple, as far as people care."""

    open: bool
    audio: bool
    video: bool
    text: bool
    contact: str
    idle: bool
    "Its user does nothing at it."
    id: str = ""
    "Of its tuple; PLACEHOLDER_ID for one that only stands in for no device (D-42)."


@dataclass(frozen=True, slots=True)
class Shown:
    """A document in short."""

    state: Reachability
    activities: tuple[str, ...]
    "Beside the state itself, such as on-the-phone or meeting."
    note: str
    devices: tuple[Device, ...]


def read(body: bytes) -> Shown:
    """Read a document that an engine has composed; raises DocumentTooLarge or MalformedDocument.

    An engine says Interruptible But Busy as Busy (D-24); a busy person with an open device for text beside another open
    one is shown as interruptible.
    """
    document = pidf.parse(body, dialects=True)
    names = [_local(fragment.name) for fragment in document.activities]
    devices = tuple(
        Device(
            one.basic == "open",
            bool(one.capabilities and one.capabilities.audio),
            bool(one.capabilities and one.capabilities.video),
            bool(one.capabilities is None or one.capabilities.text),
            one.contact or "",
            any(_local(part.name) == "user-input" and b"idle" in part.xml for part in one.extensions),
            one.id,
        )
        for one in document.tuples
    )
    said = next((name for name in names if name in _STATES), "")
    if said:
        state = _STATES[said]
    else:
        state = Reachability.AVAILABLE if any(one.open for one in devices) else Reachability.UNAVAILABLE
    if state is Reachability.BUSY and _interruptible(devices):
        state = Reachability.INTERRUPTIBLE
    others = tuple(name for name in names if name != said)
    notes = [fragment for fragment in (*document.person, *document.notes) if _local(fragment.name) == "note"]
    return Shown(state, others, _text(notes[0].xml) if notes else "", devices)


def _interruptible(devices: tuple[Device, ...]) -> bool:
    here = [one for one in devices if one.open]
    return len(here) > 1 and any(one.text and not one.audio for one in here)


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _text(xml: bytes) -> str:
    """The text of a note's element, which has no children that count."""
    return " ".join(unescape(_TAG.sub(b"", xml).decode("utf-8", "replace")).split())

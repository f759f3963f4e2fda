"""The document of a component that a program publishes in words: a calendar, a door badge (R-PUB-14, section 5.3)."""

from dataclasses import dataclass
from hashlib import blake2b

from presence.engine.components import STATED_BY
from presence.engine.errors import MalformedDocument
from presence.engine.fragments import escape, escape_value
from presence.engine.namespaces import CISCO_RPID, DATA_MODEL, PIDF, RPID, SERVCAPS, SOURCE, split

STATES = {state.value: state for state in STATED_BY.values()}
"The states that can be published; the others are what rules make of components (D-23, D-24)."

ACTIVITIES = frozenset(
    "appointment breakfast dinner holiday in-transit looking-for-work lunch meal meeting on-the-phone performance "
    "permanent-absence playing presentation shopping sleeping spectator steering travel tv working worship".split()
)
"The other activities of RFC 4480 section 3.2."

_ACTIVITY_OF = {state: split(name) for name, state in STATED_BY.items()}
_PREFIXES = {RPID: "rpid", CISCO_RPID: "ce"}


@dataclass(frozen=True, slots=True)
class Statement:
    """What a program says of a user."""

    source: str = ""
    "What its priority goes by (section 7.4)."
    state: str = ""
    "Of STATES; empty for none."
    activities: tuple[str, ...] = ()
    note: str = ""
    open: bool = True
    audio: bool = False
    video: bool = False
    text: bool = False
    idle: bool = False
    contact: str = ""
    "Where the device is reached; empty for what is no device."


def write(said: Statement, entity: str) -> bytes:
    """The presence document that says so; raises MalformedDocument for a state or activity that there is not."""
    if said.state and said.state not in STATES:
        raise MalformedDocument(f"{said.state} is not a state that can be published")
    if unknown := [name for name in said.activities if name not in ACTIVITIES]:
        raise MalformedDocument(f"{unknown[0]} is not an activity of RFC 4480")
    activities = [f"<rpid:{name}/>" for name in said.activities]
    if said.state:
        namespace, local = _ACTIVITY_OF[STATES[said.state]]
        activities.insert(0, f"<{_PREFIXES[namespace]}:{local}/>")
    person = f"<rpid:activities>{''.join(activities)}</rpid:activities>" if activities else ""
    person += f"<dm:note>{_text(said.note)}</dm:note>" if said.note else ""
    classes = "".join(
        f"<sc:{name}>{'true' if on else 'false'}</sc:{name}>"
        for name, on in (("audio", said.audio), ("video", said.video), ("text", said.text))
    )
    # equal for the same source, so that a program that forgot its entity tag replaces what it left behind (D-43)
    name = blake2b(f"{said.source}\x01{said.contact}".encode(), digest_size=6).hexdigest()
    return "".join(
        (
            f'<?xml version="1.0" encoding="UTF-8"?>\r\n<presence xmlns="{PIDF}" xmlns:dm="{DATA_MODEL}" ',
            f'xmlns:rpid="{RPID}" xmlns:ce="{CISCO_RPID}" xmlns:sc="{SERVCAPS}" xmlns:so="{SOURCE}" ',
            f'entity="{escape_value(entity)}"><tuple id="r{name}"><status>',
            f"<basic>{'open' if said.open else 'closed'}</basic></status><sc:servcaps>{classes}</sc:servcaps>",
            "<rpid:user-input>idle</rpid:user-input>" if said.idle else "",
            f"<contact>{_text(said.contact)}</contact>" if said.contact else "",
            "</tuple>",
            f'<dm:person id="p1">{person}</dm:person>' if person else "",
            f"<so:source>{_text(said.source)}</so:source>" if said.source else "",
            "</presence>\r\n",
        )
    ).encode()


def _text(value: str) -> str:
    """For XML, which cannot hold control characters."""
    return escape("".join(letter if letter.isprintable() else " " for letter in value))

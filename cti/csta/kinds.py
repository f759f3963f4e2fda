"""What stands inside the children of a message: each type of the schema as a pair of reading and writing.

A reader takes an element and returns a value, or raises Refused(invalidParameterValue); a writer fills an element that
has its name already. Elements are in the namespace of their root; real clients leave it away now and then.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from lxml import etree

from cti.csta.errors import CATEGORIES, Fault, Refused
from cti.csta.messages import (
    Absent,
    ApplicationInfo,
    CallObject,
    ConnectionID,
    ConnectionListItem,
    ConnectionState,
    CSTAErrorCode,
    DeviceObject,
    ForwardingType,
    ForwardListItem,
    Leg,
)

LCS: Final = "http://schemas.microsoft.com/Lcs/2005/04/RCCExtension"
"Private data of Office Communicator."

MAX_NUMBER: Final = 1_000_000
"Of any number that is read: a million seconds or rings."


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of the schema."""

    read: Callable[[etree._Element], Any]
    write: Callable[[etree._Element, Any], None]


def bad_value() -> Refused:
    """A parameter that is missing, stands twice, or cannot be read."""
    return Refused(Fault.INVALID_PARAMETER_VALUE)


def local(element: etree._Element) -> str:
    """The name without namespace."""
    return str(element.tag).rpartition("}")[2]


def namespace(element: etree._Element) -> str:
    """The namespace, "" for none."""
    return str(element.tag).rpartition("}")[0][1:]


def inside(element: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    """The children in the element's own namespace, or in none; others are strangers' and not looked at."""
    own = namespace(element)
    for child in element:
        if namespace(child) in (own, ""):
            yield local(child), child


def add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    """A new last child in the parent's namespace."""
    child = etree.SubElement(parent, f"{{{namespace(parent)}}}{name}")
    child.text = text
    return child


# Simple types


def _read_text(element: etree._Element) -> str:
    text = (element.text or "").strip()
    if not text or len(element):
        raise bad_value()
    return text


def _write_text(element: etree._Element, value: object) -> None:
    element.text = str(value)


def _read_boolean(element: etree._Element) -> bool:
    try:
        return {"true": True, "1": True, "false": False, "0": False}[_read_text(element)]
    except KeyError:
        raise bad_value() from None


def _write_boolean(element: etree._Element, value: bool) -> None:
    element.text = "true" if value else "false"


def _read_number(element: etree._Element) -> int:
    text = _read_text(element)
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) <= MAX_NUMBER):
        raise bad_value()
    return int(text)


def word(words: type[StrEnum]) -> Kind:
    """One of a few words."""

    def read(element: etree._Element) -> StrEnum:
        try:
            return words(_read_text(element))
        except ValueError:
            raise bad_value() from None

    return Kind(read, _write_text)


TEXT: Final = Kind(_read_text, _write_text)
BOOLEAN: Final = Kind(_read_boolean, _write_boolean)
NUMBER: Final = Kind(_read_number, _write_text)
STATE: Final = word(ConnectionState)


# Devices and connections


def _read_connection(element: etree._Element) -> ConnectionID:
    found: dict[str, str] = {}
    for name, child in inside(element):
        if name in ("callID", "deviceID"):  # in either order: one real client has the device first
            if name in found:
                raise bad_value()
            found[name] = _read_text(child)
    if not found:
        raise bad_value()
    return ConnectionID(found.get("callID"), found.get("deviceID"))


def _write_connection(element: etree._Element, value: ConnectionID) -> None:
    if value.call_id is not None:
        add(element, "callID", value.call_id)
    if value.device_id is not None:
        add(element, "deviceID", value.device_id)


def _one(element: etree._Element) -> tuple[str, etree._Element]:
    """The only child of a choice."""
    found = list(inside(element))
    if len(found) != 1:
        raise bad_value()
    return found[0]


def _party(device: str) -> Kind:
    """A device by the element `device`, or an empty element that says why there is none."""

    def read(element: etree._Element) -> str | Absent:
        name, child = _one(element)
        if name == device:
            return str(_read_text(child))
        try:
            return Absent(name)
        except ValueError:
            raise bad_value() from None

    def write(element: etree._Element, value: str | Absent) -> None:
        if isinstance(value, Absent):
            add(element, value.value)
        else:
            add(element, device, value)

    return Kind(read, write)


CONNECTION: Final = Kind(_read_connection, _write_connection)
PARTY: Final = _party("deviceIdentifier")
REDIRECTION: Final = _party("numberDialed")
ENDPOINT: Final = _party("deviceID")


def _read_object(element: etree._Element) -> DeviceObject | CallObject:
    name, child = _one(element)
    if name == "deviceObject":
        return DeviceObject(_read_text(child))
    if name == "callObject":
        return CallObject(_read_connection(child))
    raise Refused(Fault.INVALID_MONITOR_OBJECT_TYPE)


def _write_object(element: etree._Element, value: DeviceObject | CallObject) -> None:
    if isinstance(value, DeviceObject):
        add(element, "deviceObject", value.device)
    else:
        _write_connection(add(element, "callObject"), value.call)


OBJECT: Final = Kind(_read_object, _write_object)


# Records: a class by its children


@dataclass(frozen=True, slots=True)
class Part:
    """One child of a record."""

    name: str
    kind: Kind
    attribute: str
    mandatory: bool = False


def _record(make: type[Any], *parts: Part) -> Kind:
    by_name = {part.name: part for part in parts}

    def read(element: etree._Element) -> Any:
        values: dict[str, Any] = {}
        for name, child in inside(element):
            part = by_name.get(name)
            if part is not None:
                if part.attribute in values:
                    raise bad_value()
                values[part.attribute] = part.kind.read(child)
        if any(part.mandatory and part.attribute not in values for part in parts):
            raise bad_value()
        return make(**{part.attribute: None for part in parts} | values)

    def write(element: etree._Element, value: Any) -> None:
        for part in parts:
            inner = getattr(value, part.attribute)
            if inner is not None:
                part.kind.write(add(element, part.name), inner)

    return Kind(read, write)


def listed(name: str, kind: Kind) -> Kind:
    """Any number of children of one name."""

    def read(element: etree._Element) -> tuple[Any, ...]:
        return tuple(kind.read(child) for found, child in inside(element) if found == name)

    def write(element: etree._Element, value: tuple[Any, ...]) -> None:
        for item in value:
            kind.write(add(element, name), item)

    return Kind(read, write)


CONNECTIONS: Final = listed(
    "connectionListItem",
    _record(
        ConnectionListItem,
        Part("newConnection", CONNECTION, "new_connection"),
        Part("oldConnection", CONNECTION, "old_connection"),
        Part("endpoint", ENDPOINT, "endpoint"),
        Part("resultingConnectionInfo", STATE, "resulting_connection_info"),
    ),
)
FORWARDINGS: Final = listed(
    "forwardListItem",
    _record(
        ForwardListItem,
        Part("forwardingType", word(ForwardingType), "forwarding_type"),
        Part("forwardStatus", BOOLEAN, "forward_status", mandatory=True),
        Part("forwardDN", TEXT, "forward_dn"),
        Part("ringCount", NUMBER, "ring_count"),
    ),
)
LEG: Final = _record(
    Leg,
    Part("deviceID", TEXT, "device_id", mandatory=True),
    Part("connectionID", CONNECTION, "connection_id", mandatory=True),
    Part("localConnectionState", STATE, "local_connection_state", mandatory=True),
)


# Groups of names: what is supported, and what a monitor leaves out

Groups = Mapping[str, tuple[str, ...]]

SERVICES: Final[Groups] = {
    "capExchangeServList": ("getCSTAFeatures",),
    "systemStatServList": ("requestSystemStatus",),
    "monitoringServList": ("monitorStart", "monitorStop"),
    "callControlServList": (
        "alternateCall", "answerCall", "clearConnection", "conferenceCall", "consultationCall", "deflectCall",
        "holdCall", "makeCall", "reconnectCall", "retrieveCall", "singleStepTransfer", "transferCall",
    ),
    "callAssociatedServList": ("generateDigits",),
    "logicalServList": ("getDoNotDisturb", "getForwarding", "setDoNotDisturb", "setForwarding"),
}  # fmt: skip
EVENTS: Final[Groups] = {
    "callControlEvtsList": (
        "conferenced", "connectionCleared", "delivered", "diverted", "established", "failed", "held", "originated",
        "retrieved", "transferred",
    ),
    "callAssociatedEvtsList": ("serviceCompletionFailure",),
    "logicalEvtsList": ("doNotDisturb", "forwarding"),
}  # fmt: skip
FILTERS: Final[Groups] = {
    "callcontrol": EVENTS["callControlEvtsList"],
    "callAssociated": EVENTS["callAssociatedEvtsList"],
    "logicalDeviceFeature": EVENTS["logicalEvtsList"],
}
"The groups of a monitor filter, as far as their events are sent at all."


def _grouped(groups: Groups, holds: Callable[[etree._Element], bool], text: str | None) -> Kind:
    """Names inside groups; the element of a name stands for yes when `holds` says so, and is written with `text`."""

    def read(element: etree._Element) -> frozenset[str]:
        return frozenset(
            name
            for group, inner in inside(element)
            for name, child in inside(inner)
            if name in groups.get(group, ()) and holds(child)
        )

    def write(element: etree._Element, value: frozenset[str]) -> None:
        for group, names in groups.items():
            chosen = [name for name in names if name in value]
            if chosen:
                inner = add(element, group)
                for name in chosen:
                    add(inner, name, text)

    return Kind(read, write)


SUPPORTED_SERVICES: Final = _grouped(SERVICES, lambda child: True, None)
SUPPORTED_EVENTS: Final = _grouped(EVENTS, lambda child: True, None)
FILTER: Final = _grouped(FILTERS, _read_boolean, "true")


# Extensions, errors and sessions


def _read_line(element: etree._Element) -> str | None:
    return next((child.text.strip() for child in element.iter(f"{{{LCS}}}line") if child.text), None)


def _write_line(element: etree._Element, value: str) -> None:
    private = add(add(element, "privateData"), "private")
    etree.SubElement(private, f"{{{LCS}}}line", nsmap={"lcs": LCS}).text = value


def read_error(root: etree._Element) -> CSTAErrorCode:
    """CSTAErrorCode is a choice of its categories."""
    name, child = _one(root)
    if name not in CATEGORIES:
        raise bad_value()
    return CSTAErrorCode(name, (child.text or "").strip())


def write_error(root: etree._Element, error: CSTAErrorCode) -> None:
    """The category holds the value."""
    add(root, error.category, error.value or None)


def _read_application(element: etree._Element) -> ApplicationInfo:
    found: dict[str, str] = {}
    for child in element.iter():
        if local(child) in ("applicationID", "userName", "password"):
            found.setdefault(local(child), (child.text or "").strip())
    return ApplicationInfo(found.get("applicationID", ""), found.get("userName"), found.get("password"))


def _write_application(element: etree._Element, value: ApplicationInfo) -> None:
    add(element, "applicationID", value.application_id)
    if value.user_name is not None or value.password is not None:
        own = add(element, "applicationSpecificInfo")
        for name, text in (("userName", value.user_name), ("password", value.password)):
            if text is not None:
                add(own, name, text)


def _read_session_error(element: etree._Element) -> str:
    return _read_text(_one(element)[1])


def _write_session_error(element: etree._Element, value: str) -> None:
    add(element, "definedError", value)


LINE: Final = Kind(_read_line, _write_line)
APPLICATION: Final = Kind(_read_application, _write_application)
VERSIONS: Final = listed("protocolVersion", TEXT)
SESSION_ERROR: Final = Kind(_read_session_error, _write_session_error)

"""Documents to messages and back (ECMA-323 edition 3, ECMA-354; R-STD-11, R-CTI-01).

One table tells the children of every message in the schema's order. Reading is lenient where real clients differ: any
edition, any prefix, any order, children that nobody knows. Writing is not: the order and the spellings of edition 3,
in the namespace of the client's own edition. The parser knows no DTD, no entity and no network.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from cti.csta import kinds, messages
from cti.csta.errors import Fault, Refused
from cti.csta.kinds import (
    APPLICATION,
    BOOLEAN,
    CONNECTION,
    CONNECTIONS,
    FILTER,
    FORWARDINGS,
    LEG,
    LINE,
    NUMBER,
    OBJECT,
    PARTY,
    REDIRECTION,
    SESSION_ERROR,
    STATE,
    SUPPORTED_EVENTS,
    SUPPORTED_SERVICES,
    TEXT,
    VERSIONS,
    Kind,
    bad_value,
    word,
)
from cti.csta.messages import CSTAErrorCode, Message

ED3: Final = "http://www.ecma-international.org/standards/ecma-323/csta/ed3"
SESSION: Final = "http://www.ecma-international.org/standards/ecma-354/appl_session"

MAX_DOCUMENT: Final = 65_527
"Bytes: what fits behind the header of the TCP transport."

MAX_DEPTH: Final = 24
"Levels of elements; messages of real clients have six or seven, private data a few more."

MAX_ELEMENTS: Final = 2048
"Elements of one document: keeps the time for one document in milliseconds."

MAX_ATTRIBUTES: Final = 1024
"Attributes of one document, for the same reason."

MAX_VERSION: Final = 256
"Characters of a protocol version: it is repeated in the answer, which has to fit into a frame."

_EDITION: Final = re.compile(r"http://www\.ecma(?:-international\.org|\.ch)/standards/ecma-323/csta/ed[0-9]{1,2}")
_PARSER: Final = etree.XMLParser(
    resolve_entities=False,
    no_network=True,
    huge_tree=False,
    load_dtd=False,
    dtd_validation=False,
    remove_comments=True,
    remove_pis=True,
)
_TOO_DEEP: Final = etree.XPath("boolean(" + "/*" * (MAX_DEPTH + 1) + ")")
_TOO_MANY: Final = etree.XPath(f"count(//*) > {MAX_ELEMENTS} or count(//@*) > {MAX_ATTRIBUTES}")
_HUMPS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class BadDocument(Exception):
    """A document that is answered by an error."""

    def __init__(self, fault: Fault, namespace: str) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.namespace = namespace
        "For the answer."


@dataclass(frozen=True, slots=True)
class Document:
    """A message and the namespace that it came in."""

    message: Message
    namespace: str


@dataclass(frozen=True, slots=True)
class Child:
    """One child of a message."""

    name: str
    kind: Kind | None
    "None for a child that is known, and not used."
    mandatory: bool = False
    attribute: str = ""


def _attribute(name: str) -> str:
    return _HUMPS.sub("_", name).lower()


def must(name: str, kind: Kind) -> tuple[Child, ...]:
    """A child that every message of the kind has."""
    return (Child(name, kind, True, _attribute(name)),)


def may(name: str, kind: Kind, attribute: str = "") -> tuple[Child, ...]:
    """A child that may be absent."""
    return (Child(name, kind, False, attribute or _attribute(name)),)


def unused(names: str) -> tuple[Child, ...]:
    """Children that are read over."""
    return tuple(Child(name, None) for name in names.split())


_CALL_DATA: Final = unused("correlatorData userData")
_TELLING: Final = must("cause", word(messages.Cause))
_INFO: Final = may("localConnectionInfo", STATE)
_NETWORK: Final = unused("networkCallingDevice networkCalledDevice associatedCallingDevice associatedCalledDevice")
_MEDIA: Final = unused("mediaCallCharacteristics callCharacteristics")
_HISTORY: Final = unused("languagePreferences deviceHistory")
_SUBJECT: Final = unused("callLinkageData subjectOfCall messageInfo languagePreferences deviceHistory")
_REFERENCE: Final = must("monitorCrossRefID", TEXT)
_WHO: Final = (
    *must("callingDevice", PARTY), *must("calledDevice", PARTY), *must("lastRedirectionDevice", REDIRECTION),
)  # fmt: skip
_EXTENSIONS: Final = unused("extensions")
_LINE_EXTENSION: Final = may("extensions", LINE, "line")


def _offered(name: str, device: str, connection: str, origin: str) -> tuple[Child, ...]:
    """Delivered, Established and Failed have the same form."""
    return (
        *_REFERENCE, *must(name, CONNECTION), *must(device, PARTY), *_WHO, *unused(origin), *_INFO, *_CALL_DATA,
        *_TELLING, *unused("servicesPermitted"), *_NETWORK, *_MEDIA, *unused(connection), *_SUBJECT, *_EXTENSIONS,
    )  # fmt: skip


def _changed(name: str, device: str, info: str) -> tuple[Child, ...]:
    """Held and Retrieved have the same form."""
    return (
        *_REFERENCE, *must(name, CONNECTION), *must(device, PARTY), *_INFO, *unused("correlatorData"), *_TELLING,
        *unused("servicesPermitted"), *_MEDIA, *unused(info), *unused("callLinkageData languagePreferences"),
        *_EXTENSIONS,
    )  # fmt: skip


def _joined(device: str, party: str, connections: str, charging: str) -> tuple[Child, ...]:
    """Transfered and Conferenced have the same form."""
    return (
        *_REFERENCE, *must("primaryOldCall", CONNECTION), *may("secondaryOldCall", CONNECTION), *must(device, PARTY),
        *must(party, PARTY), *must(connections, CONNECTIONS), *_INFO, *_CALL_DATA, *unused(charging), *_TELLING,
        *unused("servicesPermitted"), *_MEDIA, *unused("callLinkageDataList"), *_HISTORY, *_EXTENSIONS,
    )  # fmt: skip


def _joining(result: str, info: str) -> tuple[Child, ...]:
    """The answers of the services that join calls."""
    return (*must(result, CONNECTION), *may("connections", CONNECTIONS), *unused(info), *_EXTENSIONS)


_AUTHORITY: Final = unused("accountCode authCode")
_CALLING: Final = unused("callCharacteristics mediaCallCharacteristics callingConnectionInfo")
_ABOUT: Final = unused("subjectOfCall languagePreferences")
_HELD: Final = must("heldCall", CONNECTION)
_ACTIVE: Final = must("activeCall", CONNECTION)
_OPTIONS: Final = may("consultOptions", word(messages.ConsultOptions))
_FORWARDING_TYPE: Final = may("forwardingType", word(messages.ForwardingType))
_DND: Final = (*must("doNotDisturbOn", BOOLEAN), *unused("callOrigination callingDeviceList"), *_EXTENSIONS)

CHILDREN: Final[dict[type[Message], tuple[Child, ...]]] = {
    messages.RequestSystemStatus: (*unused("sysStatRegisterID"), *_LINE_EXTENSION),
    messages.RequestSystemStatusResponse: (*must("systemStatus", word(messages.Status)), *_EXTENSIONS),
    messages.SystemStatus: (
        *unused("sysStatRegisterID"), *must("systemStatus", word(messages.Status)), *_EXTENSIONS,
    ),
    messages.SystemStatusResponse: _EXTENSIONS,
    messages.GetCSTAFeatures: _LINE_EXTENSION,
    messages.GetCSTAFeaturesResponse: (
        *must("supportedServices", SUPPORTED_SERVICES), *must("supportedEvents", SUPPORTED_EVENTS), *_EXTENSIONS,
    ),
    messages.MonitorStart: (
        *must("monitorObject", OBJECT), *may("requestedMonitorFilter", FILTER),
        *may("monitorType", word(messages.MonitorType)), *unused("requestedMonitorMediaClass"), *_EXTENSIONS,
    ),
    messages.MonitorStartResponse: (
        *must("monitorCrossRefID", TEXT), *may("actualMonitorFilter", FILTER), *unused("actualMonitorMediaClass"),
        *may("monitorExistingCalls", BOOLEAN), *_EXTENSIONS,
    ),
    messages.MonitorStop: (*must("monitorCrossRefID", TEXT), *_EXTENSIONS),
    messages.MonitorStopResponse: _EXTENSIONS,
    messages.MakeCall: (
        *must("callingDevice", TEXT), *must("calledDirectoryNumber", TEXT), *_AUTHORITY,
        *may("autoOriginate", word(messages.AutoOriginate)), *_CALL_DATA, *_CALLING, *_ABOUT, *_EXTENSIONS,
    ),
    messages.MakeCallResponse: (
        *must("callingDevice", CONNECTION), *unused("mediaCallCharacteristics initiatedCallInfo"), *_EXTENSIONS,
    ),
    messages.AnswerCall: (*must("callToBeAnswered", CONNECTION), *_CALL_DATA, *_EXTENSIONS),
    messages.AnswerCallResponse: _EXTENSIONS,
    messages.ClearConnection: (
        *must("connectionToBeCleared", CONNECTION), *_CALL_DATA, *unused("reason"), *_EXTENSIONS,
    ),
    messages.ClearConnectionResponse: _EXTENSIONS,
    messages.DeflectCall: (
        *must("callToBeDiverted", CONNECTION), *must("newDestination", TEXT), *_CALL_DATA, *_ABOUT, *unused("reason"),
        *_EXTENSIONS,
    ),
    messages.DeflectCallResponse: _EXTENSIONS,
    messages.HoldCall: (*must("callToBeHeld", CONNECTION), *unused("connectionReservation"), *_EXTENSIONS),
    messages.HoldCallResponse: _EXTENSIONS,
    messages.RetrieveCall: (*must("callToBeRetrieved", CONNECTION), *_EXTENSIONS),
    messages.RetrieveCallResponse: _EXTENSIONS,
    messages.ConsultationCall: (
        *must("existingCall", CONNECTION), *must("consultedDevice", TEXT), *unused("connectionReservation"),
        *_AUTHORITY, *_CALL_DATA, *_CALLING, *_OPTIONS, *_ABOUT, *_EXTENSIONS,
    ),
    messages.ConsultationCallResponse: (
        *must("initiatedCall", CONNECTION), *unused("mediaCallCharacteristics initiatedCallInfo"), *_EXTENSIONS,
    ),
    messages.SingleStepTransferCall: (
        *_ACTIVE, *must("transferredTo", TEXT), *_AUTHORITY, *_CALL_DATA, *_ABOUT, *unused("reason"), *_EXTENSIONS,
    ),
    messages.SingleStepTransferCallResponse: _joining("transferredCall", "transferredCallInfo"),
    messages.TransferCall: (*_HELD, *_ACTIVE, *_EXTENSIONS),
    messages.TransferCallResponse: _joining("transferredCall", "transferredCallInfo"),
    messages.ConferenceCall: (*_HELD, *_ACTIVE, *_EXTENSIONS),
    messages.ConferenceCallResponse: _joining("conferenceCall", "conferenceCallInfo"),
    messages.AlternateCall: (*_HELD, *_ACTIVE, *unused("connectionReservation consultOptions"), *_EXTENSIONS),
    messages.AlternateCallResponse: _EXTENSIONS,
    messages.ReconnectCall: (*_ACTIVE, *_HELD, *_EXTENSIONS),
    messages.ReconnectCallResponse: _EXTENSIONS,
    messages.GenerateDigits: (
        *must("connectionToSendDigits", CONNECTION), *may("digitMode", word(messages.DigitMode)),
        *must("charactersToSend", TEXT), *unused("toneDuration pulseRate pauseDuration"), *_EXTENSIONS,
    ),
    messages.GenerateDigitsResponse: _EXTENSIONS,
    messages.SetForwarding: (
        *must("device", TEXT), *_FORWARDING_TYPE, *must("activateForward", BOOLEAN), *may("forwardDN", TEXT),
        *may("ringCount", NUMBER), *_EXTENSIONS,
    ),
    messages.SetForwardingResponse: _EXTENSIONS,
    messages.SetDoNotDisturb: (*must("device", TEXT), *_DND),
    messages.SetDoNotDisturbResponse: _EXTENSIONS,
    messages.GetForwarding: (*must("device", TEXT), *_EXTENSIONS),
    messages.GetForwardingResponse: (*must("forwardingList", FORWARDINGS), *_EXTENSIONS),
    messages.GetDoNotDisturb: (*must("device", TEXT), *_EXTENSIONS),
    messages.GetDoNotDisturbResponse: _DND,
    messages.ConnectionClearedEvent: (
        *_REFERENCE, *must("droppedConnection", CONNECTION), *must("releasingDevice", PARTY), *_INFO, *_CALL_DATA,
        *unused("chargingInfo"), *_TELLING, *unused("servicesPermitted"), *_MEDIA,
        *unused("droppedConnectionInfo callLinkageData"), *_HISTORY, *_EXTENSIONS,
    ),
    messages.DeliveredEvent: _offered("connection", "alertingDevice", "connectionInfo", "originatingNIDConnection"),
    messages.EstablishedEvent: _offered(
        "establishedConnection", "answeringDevice", "establishedConnectionInfo", "originatinNIDConnection"
    ),
    messages.DivertedEvent: (
        *_REFERENCE, *must("connection", CONNECTION), *must("divertingDevice", PARTY), *must("newDestination", PARTY),
        *may("callingDevice", PARTY), *may("calledDevice", PARTY), *must("lastRedirectionDevice", REDIRECTION),
        *_INFO, *_CALL_DATA, *_TELLING, *unused("servicesPermitted"), *_MEDIA, *unused("connectionInfo"), *_NETWORK,
        *_SUBJECT, *_EXTENSIONS,
    ),
    messages.FailedEvent: _offered(
        "failedConnection", "failingDevice", "failedConnectionInfo", "originatingNIDConnection"
    ),
    messages.HeldEvent: _changed("heldConnection", "holdingDevice", "heldConnectionInfo"),
    messages.RetrievedEvent: _changed("retrievedConnection", "retrievingDevice", "retrievedConnectionInfo"),
    messages.TransferedEvent: _joined(
        "transferringDevice", "transferredToDevice", "transferredConnections", "chargingInfo"
    ),
    messages.OriginatedEvent: (
        *_REFERENCE, *must("originatedConnection", CONNECTION), *must("callingDevice", PARTY),
        *must("calledDevice", PARTY), *unused("originatingDevice"), *_INFO, *unused("correlatorData"), *_TELLING,
        *unused("servicesPermitted"), *_NETWORK, *_MEDIA, *unused("originatedConnectionInfo callLinkageData"),
        *unused("subjectOfCall messageInfo languagePreferences"), *_EXTENSIONS,
    ),
    messages.ConferencedEvent: _joined("conferencingDevice", "addedParty", "conferenceConnections", ""),
    messages.DoNotDisturbEvent: (*_REFERENCE, *must("device", PARTY), *_DND),
    messages.ForwardingEvent: (
        *_REFERENCE, *must("device", PARTY), *_FORWARDING_TYPE, *must("forwardStatus", BOOLEAN),
        *may("forwardTo", TEXT), *unused("forwardDefault"), *may("ringCount", NUMBER), *_EXTENSIONS,
    ),
    messages.ServiceCompletionFailureEvent: (
        *_REFERENCE, *must("primaryCall", LEG), *may("secondaryCall", LEG),
        *unused("otherDevsPrimaryCallList otherDevsSecondaryCallList mediaCallCharacteristics"),
        *may("cause", word(messages.Cause)), *_EXTENSIONS,
    ),
    messages.StartApplicationSession: (
        *must("applicationInfo", APPLICATION), *must("requestedProtocolVersions", VERSIONS),
        *may("requestedSessionDuration", NUMBER), *_EXTENSIONS,
    ),
    messages.StartApplicationSessionPosResponse: (
        *must("sessionID", TEXT), *must("actualProtocolVersion", TEXT), *must("actualSessionDuration", NUMBER),
        *_EXTENSIONS,
    ),
    messages.StartApplicationSessionNegResponse: (*must("errorCode", SESSION_ERROR), *_EXTENSIONS),
    messages.ResetApplicationSessionTimer: (
        *must("sessionID", TEXT), *may("requestedSessionDuration", NUMBER), *_EXTENSIONS,
    ),
    messages.ResetApplicationSessionTimerPosResponse: (*must("actualSessionDuration", NUMBER), *_EXTENSIONS),
    messages.ResetApplicationSessionTimerNegResponse: (*must("errorCode", SESSION_ERROR), *_EXTENSIONS),
    messages.StopApplicationSession: (*must("sessionID", TEXT), *unused("sessionEndReason"), *_EXTENSIONS),
    messages.StopApplicationSessionPosResponse: _EXTENSIONS,
    messages.StopApplicationSessionNegResponse: (*must("errorCode", SESSION_ERROR), *_EXTENSIONS),
}  # fmt: skip
"Message -> its children in the schema's order; a mandatory one without a value is never written."

_SESSION_MESSAGES: Final = frozenset(kind for kind in CHILDREN if "ApplicationSession" in kind.__name__)
_BY_NAME: Final = {(kind in _SESSION_MESSAGES, kind.__name__): kind for kind in CHILDREN}
_LOOKUP: Final = {kind: {child.name: child for child in children if child.kind} for kind, children in CHILDREN.items()}
_WRITTEN: Final = {
    kind: tuple((child, child.kind) for child in children if child.kind is not None)
    for kind, children in CHILDREN.items()
}


def edition(text: str) -> str | None:
    """The namespace of an edition that a protocol version begins with; None for something else."""
    match = _EDITION.match(text)
    return match[0] if match and len(text) <= MAX_VERSION else None


def decode(body: bytes) -> Document:
    """Read one document; raises BadDocument, nothing else."""
    root = _tree(body)
    found = kinds.namespace(root)
    session = found == SESSION
    if not session and not _EDITION.fullmatch(found):
        raise BadDocument(Fault.SERVICE_NOT_SUPPORTED, ED3)
    name = kinds.local(root)
    try:
        if name == "CSTAErrorCode" and not session:
            return Document(kinds.read_error(root), found)
        kind = _BY_NAME.get((session, name))
        if kind is None:
            raise Refused(Fault.SERVICE_NOT_SUPPORTED)  # D-38
        return Document(_read(kind, root), found)
    except Refused as refused:
        raise BadDocument(refused.fault, ED3 if session else found) from None


def _tree(body: bytes) -> etree._Element:
    malformed = BadDocument(Fault.INVALID_PARAMETER_VALUE, ED3)
    if len(body) > MAX_DOCUMENT:
        raise malformed
    try:
        root = etree.fromstring(body.lstrip(b" \t\r\n"), _PARSER)
    except (etree.LxmlError, ValueError, LookupError):
        raise malformed from None
    if root is None or root.getroottree().docinfo.internalDTD is not None:
        raise malformed
    if _TOO_DEEP(root) or _TOO_MANY(root):
        raise malformed
    return root


def _read(kind: type[Message], root: etree._Element) -> Message:
    lookup = _LOOKUP[kind]
    values: dict[str, Any] = {}
    for name, element in kinds.inside(root):
        child = lookup.get(name)
        if child is not None and child.kind is not None:
            if child.attribute in values:
                raise bad_value()
            values[child.attribute] = child.kind.read(element)
    for child, _ in _WRITTEN[kind]:
        if child.mandatory and child.attribute not in values:
            raise bad_value()
    try:
        return kind(**values)
    except TypeError:
        raise bad_value() from None  # a cause that the schema lets be absent, and the standard does not


def encode(message: Message, namespace: str = ED3) -> bytes:
    """Write one document, in the namespace of the client's edition."""
    kind = type(message)
    own = SESSION if kind in _SESSION_MESSAGES else ED3 if namespace == SESSION else namespace
    root = etree.fromstring(f'<{kind.__name__} xmlns="{own}"/>')
    if isinstance(message, CSTAErrorCode):
        kinds.write_error(root, message)
    else:
        for child, how in _WRITTEN[kind]:
            value = getattr(message, child.attribute)
            if value is not None:
                how.write(kinds.add(root, child.name), value)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")

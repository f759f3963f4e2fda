"""Requests, answers and events of ECMA-323 edition 3 as far as the gateway speaks them (T-CTI-1 to T-CTI-5).

Each class is one root element, with the children that the gateway reads or writes; `codec` knows the others and their
order. Names follow the schema, `TransferedEvent` with its one r included. A device is its identifier as text.
"""

from dataclasses import KW_ONLY, dataclass
from enum import Enum, StrEnum
from typing import TypeAlias


class ConnectionState(StrEnum):
    """The six states of a connection (T-CTI-4), as the wire spells them."""

    NULL = "null"
    INITIATED = "initiated"
    ALERTING = "alerting"
    CONNECTED = "connected"
    HELD = "hold"
    FAILED = "fail"


class Cause(StrEnum):
    """Why something happened: those of the standard's causes that happen here."""

    NORMAL = "normal"
    NORMAL_CLEARING = "normalClearing"
    NEW_CALL = "newCall"
    BUSY = "busy"
    CALL_NOT_ANSWERED = "callNotAnswered"
    FORWARD_IMMEDIATE = "callForwardImmediate"
    FORWARD_BUSY = "callForwardBusy"
    FORWARD_NO_ANSWER = "callForwardNoAnswer"
    FORWARD = "callForward"
    REDIRECTED = "redirected"
    CONSULTATION = "consultation"
    ALTERNATE = "alternate"
    TRANSFER = "transfer"
    SINGLE_STEP_TRANSFER = "singleStepTransfer"
    CONFERENCE = "conference"
    DO_NOT_DISTURB = "doNotDisturb"
    DESTINATION_NOT_OBTAINABLE = "destNotObtainable"
    DESTINATION_OUT_OF_ORDER = "destOutOfOrder"
    NUMBER_UNALLOCATED = "numberUnallocated"
    INVALID_NUMBER_FORMAT = "invalidNumberFormat"
    TIMEOUT = "timeout"


class AutoOriginate(StrEnum):
    """Whether the caller has to lift the handset first."""

    PROMPT = "prompt"
    DO_NOT_PROMPT = "doNotPrompt"


class ConsultOptions(StrEnum):
    """What may follow a consultation."""

    UNRESTRICTED = "unrestricted"
    CONSULT_ONLY = "consultOnly"
    TRANSFER_ONLY = "transferOnly"
    CONFERENCE_ONLY = "conferenceOnly"


class DigitMode(StrEnum):
    """How digits are sent."""

    ROTARY_PULSE = "rotaryPulse"
    DTMF = "dTMF"


class ForwardingType(StrEnum):
    """When calls are forwarded; Int and Ext only count for callers inside or outside of the switch."""

    IMMEDIATE = "forwardImmediate"
    BUSY = "forwardBusy"
    NO_ANSWER = "forwardNoAns"
    DND = "forwardDND"
    BUSY_INT = "forwardBusyInt"
    BUSY_EXT = "forwardBusyExt"
    NO_ANSWER_INT = "forwardNoAnsInt"
    NO_ANSWER_EXT = "forwardNoAnsExt"
    IMMEDIATE_INT = "forwardImmInt"
    IMMEDIATE_EXT = "forwardImmExt"
    DND_INT = "forwardDNDInt"
    DND_EXT = "forwardDNDExt"


class MonitorType(StrEnum):
    """What a monitor follows."""

    CALL = "call"
    DEVICE = "device"


class Status(StrEnum):
    """How the switching function is."""

    INITIALIZING = "initializing"
    ENABLED = "enabled"
    NORMAL = "normal"
    MESSAGES_LOST = "messagesLost"
    DISABLED = "disabled"
    PARTIALLY_DISABLED = "partiallyDisabled"
    OVERLOAD_IMMINENT = "overloadImminent"
    OVERLOAD_REACHED = "overloadReached"
    OVERLOAD_RELIEVED = "overloadRelieved"


class Absent(Enum):
    """What stands where no device can be named."""

    NOT_KNOWN = "notKnown"
    RESTRICTED = "restricted"
    NOT_REQUIRED = "notRequired"
    NOT_SPECIFIED = "notSpecified"


Party: TypeAlias = str | Absent
"A device of an event: calling, called, alerting ..."


@dataclass(frozen=True, slots=True)
class ConnectionID:
    """A device's part in a call; one of the two may be missing, never both."""

    call_id: str | None
    device_id: str | None


@dataclass(frozen=True, slots=True)
class ConnectionListItem:
    """What became of one party when calls were joined."""

    new_connection: ConnectionID | None = None
    old_connection: ConnectionID | None = None
    endpoint: Party | None = None
    resulting_connection_info: ConnectionState | None = None


@dataclass(frozen=True, slots=True)
class ForwardListItem:
    """One forwarding of a device."""

    forwarding_type: ForwardingType | None
    forward_status: bool
    forward_dn: str | None = None
    ring_count: int | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """A call as a device is in it, when a service could not be completed."""

    device_id: str
    connection_id: ConnectionID
    local_connection_state: ConnectionState


class Message:
    """Any root element."""

    __slots__ = ()


class Request(Message):
    """What a client asks; its answer is the class of the same name and `Response`, or CSTAErrorCode."""

    __slots__ = ()


class Response(Message):
    """An answer."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Event(Message):
    """What a monitor reports."""

    _: KW_ONLY
    monitor_cross_ref_id: str = ""
    "Set for each monitor that the event goes to."


@dataclass(frozen=True, slots=True)
class CSTAErrorCode(Response):
    """The answer to a request that was refused."""

    category: str
    "Element of the choice, as `operation`."
    value: str


# System services (T-CTI-3)


@dataclass(frozen=True, slots=True)
class RequestSystemStatus(Request):
    """How is the switching function?"""

    line: str | None = None
    "Of the private data that Office Communicator adds: the line that the session is for."


@dataclass(frozen=True, slots=True)
class RequestSystemStatusResponse(Response):
    """It is like this."""

    system_status: Status


@dataclass(frozen=True, slots=True)
class SystemStatus(Request):
    """The gateway tells by itself how the switching function is; the only request in this direction but MonitorStop."""

    system_status: Status


@dataclass(frozen=True, slots=True)
class SystemStatusResponse(Response):
    """The client has heard."""


@dataclass(frozen=True, slots=True)
class GetCSTAFeatures(Request):
    """What is supported?"""

    line: str | None = None


@dataclass(frozen=True, slots=True)
class GetCSTAFeaturesResponse(Response):
    """These services and events, by the names of their elements in the lists."""

    supported_services: frozenset[str]
    supported_events: frozenset[str]


@dataclass(frozen=True, slots=True)
class DeviceObject:
    """A monitor of a device."""

    device: str


@dataclass(frozen=True, slots=True)
class CallObject:
    """A monitor of a call."""

    call: ConnectionID


@dataclass(frozen=True, slots=True)
class MonitorStart(Request):
    """Report what happens at a device."""

    monitor_object: DeviceObject | CallObject
    requested_monitor_filter: frozenset[str] | None = None
    "Events to leave out, by their names in the filter."
    monitor_type: MonitorType | None = None


@dataclass(frozen=True, slots=True)
class MonitorStartResponse(Response):
    """It will be reported under this number."""

    monitor_cross_ref_id: str
    actual_monitor_filter: frozenset[str] | None = None
    monitor_existing_calls: bool | None = None


@dataclass(frozen=True, slots=True)
class MonitorStop(Request):
    """Report no longer; the gateway sends it when the user loses the line."""

    monitor_cross_ref_id: str


@dataclass(frozen=True, slots=True)
class MonitorStopResponse(Response):
    """Done."""


# Services (T-CTI-2)


@dataclass(frozen=True, slots=True)
class MakeCall(Request):
    """Call somebody from a device."""

    calling_device: str
    called_directory_number: str
    auto_originate: AutoOriginate | None = None


@dataclass(frozen=True, slots=True)
class MakeCallResponse(Response):
    """The caller's connection in the new call."""

    calling_device: ConnectionID


@dataclass(frozen=True, slots=True)
class AnswerCall(Request):
    """Take a ringing call."""

    call_to_be_answered: ConnectionID


@dataclass(frozen=True, slots=True)
class AnswerCallResponse(Response):
    """Accepted."""


@dataclass(frozen=True, slots=True)
class ClearConnection(Request):
    """Take a device out of a call."""

    connection_to_be_cleared: ConnectionID


@dataclass(frozen=True, slots=True)
class ClearConnectionResponse(Response):
    """Accepted."""


@dataclass(frozen=True, slots=True)
class DeflectCall(Request):
    """Send a ringing call elsewhere."""

    call_to_be_diverted: ConnectionID
    new_destination: str


@dataclass(frozen=True, slots=True)
class DeflectCallResponse(Response):
    """Accepted."""


@dataclass(frozen=True, slots=True)
class HoldCall(Request):
    """Put a call on hold."""

    call_to_be_held: ConnectionID


@dataclass(frozen=True, slots=True)
class HoldCallResponse(Response):
    """Accepted."""


@dataclass(frozen=True, slots=True)
class RetrieveCall(Request):
    """Take a held call back."""

    call_to_be_retrieved: ConnectionID


@dataclass(frozen=True, slots=True)
class RetrieveCallResponse(Response):
    """Accepted."""


@dataclass(frozen=True, slots=True)
class ConsultationCall(Request):
    """Hold a call and call somebody else from the same device."""

    existing_call: ConnectionID
    consulted_device: str
    consult_options: ConsultOptions | None = None


@dataclass(frozen=True, slots=True)
class ConsultationCallResponse(Response):
    """The device's connection in the second call."""

    initiated_call: ConnectionID


@dataclass(frozen=True, slots=True)
class SingleStepTransferCall(Request):
    """Hand a call to somebody else without asking first."""

    active_call: ConnectionID
    transferred_to: str


@dataclass(frozen=True, slots=True)
class SingleStepTransferCallResponse(Response):
    """The new party's connection."""

    transferred_call: ConnectionID
    connections: tuple[ConnectionListItem, ...] | None = None


@dataclass(frozen=True, slots=True)
class TransferCall(Request):
    """Join the other parties of two calls and leave."""

    held_call: ConnectionID
    active_call: ConnectionID


@dataclass(frozen=True, slots=True)
class TransferCallResponse(Response):
    """The new party's connection in the joined call."""

    transferred_call: ConnectionID
    connections: tuple[ConnectionListItem, ...] | None = None


@dataclass(frozen=True, slots=True)
class ConferenceCall(Request):
    """Join the parties of two calls and stay."""

    held_call: ConnectionID
    active_call: ConnectionID


@dataclass(frozen=True, slots=True)
class ConferenceCallResponse(Response):
    """The device's connection in the joined call."""

    conference_call: ConnectionID
    connections: tuple[ConnectionListItem, ...] | None = None


@dataclass(frozen=True, slots=True)
class AlternateCall(Request):
    """Hold one call, take the other back."""

    held_call: ConnectionID
    active_call: ConnectionID


@dataclass(frozen=True, slots=True)
class AlternateCallResponse(Response):
    """Accepted."""


@dataclass(frozen=True, slots=True)
class ReconnectCall(Request):
    """Clear one call, take the other back; here the schema has the active call first."""

    active_call: ConnectionID
    held_call: ConnectionID


@dataclass(frozen=True, slots=True)
class ReconnectCallResponse(Response):
    """Accepted."""


@dataclass(frozen=True, slots=True)
class GenerateDigits(Request):
    """Send digits into a call."""

    connection_to_send_digits: ConnectionID
    characters_to_send: str
    digit_mode: DigitMode | None = None


@dataclass(frozen=True, slots=True)
class GenerateDigitsResponse(Response):
    """Accepted."""


@dataclass(frozen=True, slots=True)
class SetForwarding(Request):
    """Forward a device's calls, or no longer."""

    device: str
    activate_forward: bool
    forwarding_type: ForwardingType | None = None
    forward_dn: str | None = None
    ring_count: int | None = None


@dataclass(frozen=True, slots=True)
class SetForwardingResponse(Response):
    """Accepted."""


@dataclass(frozen=True, slots=True)
class SetDoNotDisturb(Request):
    """Refuse a device's calls, or no longer."""

    device: str
    do_not_disturb_on: bool


@dataclass(frozen=True, slots=True)
class SetDoNotDisturbResponse(Response):
    """Accepted."""


@dataclass(frozen=True, slots=True)
class GetForwarding(Request):
    """How are a device's calls forwarded?"""

    device: str


@dataclass(frozen=True, slots=True)
class GetForwardingResponse(Response):
    """Like this."""

    forwarding_list: tuple[ForwardListItem, ...]


@dataclass(frozen=True, slots=True)
class GetDoNotDisturb(Request):
    """Are a device's calls refused?"""

    device: str


@dataclass(frozen=True, slots=True)
class GetDoNotDisturbResponse(Response):
    """This."""

    do_not_disturb_on: bool


# Events (T-CTI-1)


@dataclass(frozen=True, slots=True)
class ConnectionClearedEvent(Event):
    """A device has left a call."""

    dropped_connection: ConnectionID
    releasing_device: Party
    cause: Cause
    local_connection_info: ConnectionState | None = None


@dataclass(frozen=True, slots=True)
class DeliveredEvent(Event):
    """A call rings at a device."""

    connection: ConnectionID
    alerting_device: Party
    calling_device: Party
    called_device: Party
    last_redirection_device: Party
    cause: Cause
    local_connection_info: ConnectionState | None = None


@dataclass(frozen=True, slots=True)
class EstablishedEvent(Event):
    """A device has answered."""

    established_connection: ConnectionID
    answering_device: Party
    calling_device: Party
    called_device: Party
    last_redirection_device: Party
    cause: Cause
    local_connection_info: ConnectionState | None = None


@dataclass(frozen=True, slots=True)
class DivertedEvent(Event):
    """A call goes elsewhere."""

    connection: ConnectionID
    diverting_device: Party
    new_destination: Party
    last_redirection_device: Party
    cause: Cause
    calling_device: Party | None = None
    called_device: Party | None = None
    local_connection_info: ConnectionState | None = None


@dataclass(frozen=True, slots=True)
class FailedEvent(Event):
    """A call cannot be completed to a device."""

    failed_connection: ConnectionID
    failing_device: Party
    calling_device: Party
    called_device: Party
    last_redirection_device: Party
    cause: Cause
    local_connection_info: ConnectionState | None = None


@dataclass(frozen=True, slots=True)
class HeldEvent(Event):
    """A device has put a call on hold."""

    held_connection: ConnectionID
    holding_device: Party
    cause: Cause
    local_connection_info: ConnectionState | None = None


@dataclass(frozen=True, slots=True)
class RetrievedEvent(Event):
    """A device has taken a call back."""

    retrieved_connection: ConnectionID
    retrieving_device: Party
    cause: Cause
    local_connection_info: ConnectionState | None = None


@dataclass(frozen=True, slots=True)
class TransferedEvent(Event):
    """A device has left a call, or two, to others."""

    primary_old_call: ConnectionID
    transferring_device: Party
    transferred_to_device: Party
    transferred_connections: tuple[ConnectionListItem, ...]
    cause: Cause
    secondary_old_call: ConnectionID | None = None
    local_connection_info: ConnectionState | None = None


@dataclass(frozen=True, slots=True)
class OriginatedEvent(Event):
    """A device has begun a call."""

    originated_connection: ConnectionID
    calling_device: Party
    called_device: Party
    cause: Cause
    local_connection_info: ConnectionState | None = None


@dataclass(frozen=True, slots=True)
class ConferencedEvent(Event):
    """A device has joined two calls."""

    primary_old_call: ConnectionID
    conferencing_device: Party
    added_party: Party
    conference_connections: tuple[ConnectionListItem, ...]
    cause: Cause
    secondary_old_call: ConnectionID | None = None
    local_connection_info: ConnectionState | None = None


@dataclass(frozen=True, slots=True)
class DoNotDisturbEvent(Event):
    """A device refuses calls, or no longer."""

    device: Party
    do_not_disturb_on: bool


@dataclass(frozen=True, slots=True)
class ForwardingEvent(Event):
    """A device forwards calls, or no longer."""

    device: Party
    forward_status: bool
    forwarding_type: ForwardingType | None = None
    forward_to: str | None = None
    ring_count: int | None = None


@dataclass(frozen=True, slots=True)
class ServiceCompletionFailureEvent(Event):
    """A service that had been accepted could not be completed; the states are those that hold now."""

    primary_call: Leg
    cause: Cause
    secondary_call: Leg | None = None


# Application sessions (ECMA-354)


@dataclass(frozen=True, slots=True)
class ApplicationInfo:
    """Who opens a session."""

    application_id: str
    user_name: str | None = None
    "Of the application's own part; some clients put the name there."
    password: str | None = None


@dataclass(frozen=True, slots=True)
class StartApplicationSession(Request):
    """Log in."""

    application_info: ApplicationInfo
    requested_protocol_versions: tuple[str, ...]
    requested_session_duration: int | None = None
    "Seconds."


@dataclass(frozen=True, slots=True)
class StartApplicationSessionPosResponse(Response):
    """Logged in."""

    session_id: str
    actual_protocol_version: str
    actual_session_duration: int
    "Seconds."


@dataclass(frozen=True, slots=True)
class StartApplicationSessionNegResponse(Response):
    """Not logged in."""

    error_code: str


@dataclass(frozen=True, slots=True)
class ResetApplicationSessionTimer(Request):
    """Go on."""

    session_id: str
    requested_session_duration: int | None = None


@dataclass(frozen=True, slots=True)
class ResetApplicationSessionTimerPosResponse(Response):
    """For so long."""

    actual_session_duration: int


@dataclass(frozen=True, slots=True)
class ResetApplicationSessionTimerNegResponse(Response):
    """No such session."""

    error_code: str


@dataclass(frozen=True, slots=True)
class StopApplicationSession(Request):
    """Log out."""

    session_id: str


@dataclass(frozen=True, slots=True)
class StopApplicationSessionPosResponse(Response):
    """Logged out."""


@dataclass(frozen=True, slots=True)
class StopApplicationSessionNegResponse(Response):
    """No such session."""

    error_code: str

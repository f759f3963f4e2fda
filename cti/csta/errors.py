"""The errors of the gateway by the guide's names, and how they stand on the wire (T-CTI-5, D-37, V-35).

The guide's name is what people see: in the admin, the log and the documentation. On the wire an error is a value of
ECMA-323 inside an element that names its category. Both spellings are read, whatever their case.
"""

from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """The 17 errors of table T-CTI-5, and after them three that only limits and outages lead to."""

    SERVICE_NOT_SUPPORTED = "serviceNotSupported"
    INVALID_MONITOR_OBJECT_TYPE = "invalidMonitorObjectType"
    INVALID_CROSS_REFERENCE_IDENTIFIER = "invalidCrossReferenceIdentifier"
    INVALID_CALLING_DEVICE_IDENTIFIER = "invalidCallingDeviceIdentifier"
    INVALID_CALLED_DEVICE_IDENTIFIER = "invalidCalledDeviceIdentifier"
    NO_CALL_TO_ANSWER = "noCallToAnswer"
    INVALID_CONNECTION_IDENTIFIER = "invalidConnectionIdentifier"
    INVALID_CONNECTION_STATE = "invalidConnectionState"
    NO_CONNECTION_TO_CLEAR = "noConnectionToClear"
    INVALID_DESTINATION = "invalidDestination"
    INVALID_DESTINATION_DEVICE_OBJECT = "invalidDestinationDeviceObject"
    INVALID_DIVERTING_DEVICE_IDENTIFIER = "invalidDivertingDeviceIdentifier"
    INVALID_HELD_DEVICE_IDENTIFIER = "invalidHeldDeviceIdentifier"
    INVALID_HELD_DEVICE_STATE = "invalidHeldDeviceState"
    NO_HELD_CALL = "noHeldCall"
    INVALID_PARAMETER_VALUE = "invalidParameterValue"
    INVALID_FORWARDING_DESTINATION = "invalidForwardingDestination"
    RESOURCE_OUT_OF_SERVICE = "resourceOutOfService"
    "The switching function is away (ECMA-323; the guide has no name for it)."
    OBJECT_MONITOR_LIMIT_EXCEEDED = "objectMonitorLimitExceeded"
    "Too many monitors of one association (ECMA-323)."
    CONFERENCE_MEMBER_LIMIT_EXCEEDED = "conferenceMemberLimitExceeded"
    "Too many parties in one call (ECMA-323)."


OPERATION: Final = "operation"
STATE: Final = "stateIncompatibility"
SYSTEM_RESOURCE: Final = "systemResourceAvailibility"
"Spelt as in the schema of edition 3."
SUBSCRIBED_RESOURCE: Final = "subscribedResourceAvailability"

CATEGORIES: Final = (
    OPERATION, "security", STATE, SYSTEM_RESOURCE, SUBSCRIBED_RESOURCE, "performanceManagement", "privateData",
    "unspecified", "privateErrorCode",
)  # fmt: skip
"The children that CSTAErrorCode may have; there is always one."

WIRE: Final[dict[Fault, tuple[str, str]]] = {
    Fault.INVALID_CROSS_REFERENCE_IDENTIFIER: (OPERATION, "invalidCrossRefID"),
    Fault.INVALID_CALLING_DEVICE_IDENTIFIER: (OPERATION, "invalidCallingDeviceID"),
    Fault.INVALID_CALLED_DEVICE_IDENTIFIER: (OPERATION, "invalidCalledDeviceID"),
    Fault.INVALID_DIVERTING_DEVICE_IDENTIFIER: (OPERATION, "invalidDivertingDeviceID"),
    Fault.INVALID_HELD_DEVICE_IDENTIFIER: (OPERATION, "invalidHeldDeviceID"),
    Fault.INVALID_CONNECTION_IDENTIFIER: (OPERATION, "invalidConnectionID"),
    Fault.NO_CALL_TO_ANSWER: (STATE, "noCallToAnswer"),
    Fault.INVALID_CONNECTION_STATE: (STATE, "invalidConnectionState"),
    Fault.NO_CONNECTION_TO_CLEAR: (STATE, "noConnectionToClear"),
    Fault.INVALID_HELD_DEVICE_STATE: (STATE, "invalidHeldDeviceState"),
    Fault.NO_HELD_CALL: (STATE, "noHeldCall"),
    Fault.RESOURCE_OUT_OF_SERVICE: (SYSTEM_RESOURCE, "resourceOutOfService"),
    Fault.CONFERENCE_MEMBER_LIMIT_EXCEEDED: (SYSTEM_RESOURCE, "conferenceMemberLimitExceeded"),
    Fault.OBJECT_MONITOR_LIMIT_EXCEEDED: (SUBSCRIBED_RESOURCE, "objectMonitorLimitExceeded"),
}
"Error -> element of CSTAErrorCode and value; all others are `operation` and the name itself."

_BY_SPELLING: Final = {fault.value.lower(): fault for fault in Fault} | {
    value.lower(): fault for fault, (_, value) in WIRE.items()
}


class Refused(Exception):
    """A request that is answered by an error."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


def wire(fault: Fault) -> tuple[str, str]:
    """The element of CSTAErrorCode and the value in it."""
    return WIRE.get(fault, (OPERATION, fault.value))


def named(spelling: str) -> Fault | None:
    """The error of a name or a wire value, whatever its case (V-35); None for one that is not ours."""
    return _BY_SPELLING.get(spelling.strip().lower())

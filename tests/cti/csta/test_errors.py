"""The errors by name and on the wire (R-CTI-06, T-CTI-5, D-37, V-35)."""

import pytest

from cti.csta.codec import decode, encode
from cti.csta.errors import Fault, named, wire
from cti.csta.messages import CSTAErrorCode

LISTED = (
    "serviceNotSupported invalidMonitorObjectType invalidCrossReferenceIdentifier invalidCallingDeviceIdentifier "
    "invalidCalledDeviceIdentifier noCallToAnswer invalidConnectionIdentifier invalidConnectionState "
    "noConnectionToClear invalidDestination invalidDestinationDeviceObject invalidDivertingDeviceIdentifier "
    "invalidHeldDeviceIdentifier invalidHeldDeviceState noHeldCall invalidParameterValue invalidForwardingDestination"
).split()

WIRE = {
    "invalidCrossReferenceIdentifier": "operation/invalidCrossRefID",
    "invalidCallingDeviceIdentifier": "operation/invalidCallingDeviceID",
    "invalidCalledDeviceIdentifier": "operation/invalidCalledDeviceID",
    "invalidDivertingDeviceIdentifier": "operation/invalidDivertingDeviceID",
    "invalidHeldDeviceIdentifier": "operation/invalidHeldDeviceID",
    "invalidConnectionIdentifier": "operation/invalidConnectionID",
    "noCallToAnswer": "stateIncompatibility/noCallToAnswer",
    "invalidConnectionState": "stateIncompatibility/invalidConnectionState",
    "noConnectionToClear": "stateIncompatibility/noConnectionToClear",
    "invalidHeldDeviceState": "stateIncompatibility/invalidHeldDeviceState",
    "noHeldCall": "stateIncompatibility/noHeldCall",
}
"As D-37 has them; all others are operation and their own name."


def test_the_list_is_complete() -> None:
    """T-CTI-5: the 17, in its order."""
    assert [fault.value for fault in Fault][:17] == LISTED


@pytest.mark.parametrize("name", LISTED)
def test_an_error_has_its_wire_form(name: str) -> None:
    """D-37, R-CTI-06."""
    category, value = wire(Fault(name))
    assert f"{category}/{value}" == WIRE.get(name, f"operation/{name}")
    assert decode(encode(CSTAErrorCode(category, value))).message == CSTAErrorCode(category, value)


@pytest.mark.parametrize("name", LISTED)
def test_both_spellings_are_read_whatever_their_case(name: str) -> None:
    """D-37, V-35: `NoHeldCall` is noHeldCall."""
    value = wire(Fault(name))[1]
    for spelling in (name, name.upper(), name[0].upper() + name[1:], value, value.lower()):
        assert named(spelling) is Fault(name)
    assert named("invalidDeviceID") is None

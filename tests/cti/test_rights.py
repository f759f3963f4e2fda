"""Whom a line may call: every service that brings somebody into a call obeys it, and phones do as well (R-CTI-02)."""

import pytest

from cti.csta import messages as m
from cti.csta.errors import Fault
from cti.csta.features import Device, MayCall
from cti.csta.messages import AutoOriginate, ConnectionID, ForwardingType
from tests.cti.office import PHONES, Office

STRANGER = "+14085550100"
COLLEAGUE = "sip:carol@example.com"
"A user of ours who has no line."


def limit(office: Office, device: str, may_call: MayCall) -> None:
    """An administrator says whom a line may call; calls go on."""
    office.switch.provision([Device(one, may_call=may_call if one == device else MayCall.ANYONE) for one in PHONES])


@pytest.fixture
def office(office: Office) -> Office:
    """Somebody outside can be reached as well, and a user without a line."""
    office.switch.model.meet(STRANGER)
    office.switch.model.meet(COLLEAGUE, ours=True)
    return office


@pytest.mark.parametrize(
    ("may_call", "reached"),
    [
        (MayCall.ANYONE, {"2002", COLLEAGUE, STRANGER}),
        (MayCall.OURS, {"2002", COLLEAGUE}),
        (MayCall.NOBODY, set()),
    ],
)
@pytest.mark.parametrize("called", ["2002", COLLEAGUE, STRANGER])
def test_make_call(office: Office, may_call: MayCall, reached: set[str], called: str) -> None:
    """R-CTI-02, T-CTI-5: whoever may not be called is answered as one that is not there."""
    limit(office, "2001", may_call)
    request = m.MakeCall("2001", called, AutoOriginate.DO_NOT_PROMPT)
    if called in reached:
        assert isinstance(office.ask(request), m.MakeCallResponse)
    else:
        assert office.refused(request) is Fault.INVALID_CALLED_DEVICE_IDENTIFIER


def test_consultation_transfer_and_deflection(office: Office) -> None:
    """T-CTI-5: a call cannot be brought to somebody whom the line could not have called."""
    call = office.talking()
    ring = office.ringing("2004", "2003")
    limit(office, "2001", MayCall.OURS)
    mine = ConnectionID(call, "2001")
    assert office.refused(m.ConsultationCall(mine, STRANGER)) is Fault.INVALID_DESTINATION
    assert office.refused(m.SingleStepTransferCall(mine, STRANGER)) is Fault.INVALID_DESTINATION
    limit(office, "2003", MayCall.NOBODY)
    assert office.refused(m.DeflectCall(ConnectionID(ring, "2003"), "2005")) is Fault.INVALID_DESTINATION
    assert isinstance(office.ask(m.ConsultationCall(mine, STRANGER)), m.ConsultationCallResponse)


def test_forwarding(office: Office) -> None:
    """T-CTI-5: it cannot be set; one that was set before the right was taken does not count any more."""
    limit(office, "2002", MayCall.OURS)
    request = m.SetForwarding("2002", True, ForwardingType.IMMEDIATE, STRANGER)
    assert office.refused(request) is Fault.INVALID_FORWARDING_DESTINATION
    limit(office, "2002", MayCall.ANYONE)
    office.forward("2002", STRANGER)
    limit(office, "2002", MayCall.OURS)
    office.ask(m.MakeCall("2001", "2002", AutoOriginate.DO_NOT_PROMPT))
    assert office.told("2001")[-1] == "2001 Failed c1/2002 connected destNotObtainable"


def test_no_answer_is_not_forwarded_without_the_right(office: Office) -> None:
    office.forward("2002", STRANGER, ForwardingType.NO_ANSWER, rings=1)
    call = office.ringing()
    limit(office, "2002", MayCall.NOBODY)
    office.wait(5)
    assert office.state(call, "2002") == "alerting"


def test_a_number_that_is_dialled(office: Office) -> None:
    """At the phone itself it is heard, not refused."""
    limit(office, "2001", MayCall.OURS)
    office.press("2001", "off hook")
    office.press("2001", "dial", STRANGER)
    assert office.told("2001")[-1] == "2001 Failed c1/2001 fail destNotObtainable"

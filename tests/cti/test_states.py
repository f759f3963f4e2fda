"""Every service against every state of the connections it names (R-CTI-05, T-CTI-4, T-CTI-5).

For each pair there is a transition or an error that is written down here, and no third outcome.
"""

from typing import Any

import pytest

from cti.csta import messages as m
from cti.csta.calls import Call
from cti.csta.errors import Fault, Refused
from cti.csta.messages import AutoOriginate, Cause, ConnectionID, ConnectionState
from tests.cti.office import Office

NULL, INITIATED, ALERTING, CONNECTED, HELD, FAILED = ConnectionState

OTHER_STATE = Fault.INVALID_CONNECTION_STATE
GONE = Fault.INVALID_CONNECTION_IDENTIFIER

# Service -> states in which it succeeds, error in Null, error in any other.
SINGLE: dict[Any, tuple[set[ConnectionState], Fault, Fault]] = {
    m.AnswerCall: ({ALERTING}, Fault.NO_CALL_TO_ANSWER, Fault.NO_CALL_TO_ANSWER),
    m.ClearConnection: (set(ConnectionState) - {NULL}, Fault.NO_CONNECTION_TO_CLEAR, OTHER_STATE),
    m.DeflectCall: ({ALERTING}, Fault.INVALID_DIVERTING_DEVICE_IDENTIFIER, OTHER_STATE),
    m.HoldCall: ({CONNECTED}, GONE, OTHER_STATE),
    m.RetrieveCall: ({HELD}, GONE, Fault.NO_HELD_CALL),
    m.ConsultationCall: ({CONNECTED}, GONE, OTHER_STATE),
    m.SingleStepTransferCall: ({CONNECTED}, GONE, OTHER_STATE),
    m.GenerateDigits: ({CONNECTED}, GONE, OTHER_STATE),
}
MORE = {
    m.DeflectCall: ("2005",), m.ConsultationCall: ("2005",), m.SingleStepTransferCall: ("2005",),
    m.GenerateDigits: ("1",),
}  # fmt: skip
AFTERWARDS = {
    m.AnswerCall: CONNECTED,
    m.ClearConnection: NULL,
    m.DeflectCall: NULL,
    m.HoldCall: HELD,
    m.RetrieveCall: CONNECTED,
    m.ConsultationCall: HELD,
    m.SingleStepTransferCall: NULL,
    m.GenerateDigits: CONNECTED,
}
"The state of the connection after the service."

# Service -> states of the active call in which it succeeds; the held one is in Hold.
PAIRS: dict[Any, set[ConnectionState]] = {
    m.TransferCall: {CONNECTED},
    m.ConferenceCall: {CONNECTED},
    m.AlternateCall: {CONNECTED},
    m.ReconnectCall: {ALERTING, CONNECTED, INITIATED, FAILED},
}

DEVICE = {
    m.SetForwarding: m.SetForwarding("2001", True, None, "2005"),
    m.SetDoNotDisturb: m.SetDoNotDisturb("2001", True),
    m.GetForwarding: m.GetForwarding("2001"),
    m.GetDoNotDisturb: m.GetDoNotDisturb("2001"),
}


def put(office: Office, call: str, other: str, state: ConnectionState) -> None:
    """2001 has this connection in a call that somebody else is connected with."""
    model = office.switch.model
    found = model.calls[call] = Call(call, other, "2001", Cause.NEW_CALL)
    model.enter(found, other, CONNECTED)
    if state is not NULL:
        model.enter(found, "2001", state)


def outcome(office: Office, request: m.Request) -> Fault | None:
    try:
        office.ask(request)
    except Refused as refused:
        return refused.fault
    return None


@pytest.mark.parametrize("state", ConnectionState)
@pytest.mark.parametrize("service", SINGLE)
def test_a_service_in_every_state_of_its_connection(office: Office, service: Any, state: ConnectionState) -> None:
    """T-CTI-4: the six."""
    good, gone, other = SINGLE[service]
    put(office, "a", "2002", state)
    found = outcome(office, service(ConnectionID("a", "2001"), *MORE.get(service, ())))
    assert found is (None if state in good else gone if state is NULL else other)
    assert office.state("a", "2001") == (AFTERWARDS[service] if found is None else state)


@pytest.mark.parametrize("active", ConnectionState)
@pytest.mark.parametrize("held", ConnectionState)
@pytest.mark.parametrize("service", PAIRS)
def test_a_service_in_every_state_of_its_two_connections(
    office: Office, service: Any, held: ConnectionState, active: ConnectionState
) -> None:
    put(office, "a", "2002", held)
    put(office, "b", "2003", active)
    expected = None
    if held is NULL:
        expected = Fault.INVALID_HELD_DEVICE_IDENTIFIER
    elif active is NULL:
        expected = GONE
    elif held is not HELD:
        expected = Fault.INVALID_HELD_DEVICE_STATE
    elif active not in PAIRS[service]:
        expected = OTHER_STATE
    asked = service(held_call=ConnectionID("a", "2001"), active_call=ConnectionID("b", "2001"))
    assert outcome(office, asked) is expected


@pytest.mark.parametrize("state", ConnectionState)
@pytest.mark.parametrize("prompt", AutoOriginate)
def test_make_call_in_every_state_of_the_device(office: Office, state: ConnectionState, prompt: AutoOriginate) -> None:
    """That others hear the device's busy tone does not keep it from calling."""
    put(office, "a", "2002", state)
    expected = None if state in (NULL, INITIATED, FAILED) else OTHER_STATE
    assert outcome(office, m.MakeCall("2001", "2005", prompt)) is expected


@pytest.mark.parametrize("state", ConnectionState)
@pytest.mark.parametrize("service", DEVICE)
def test_a_feature_in_every_state_of_the_device(office: Office, service: Any, state: ConnectionState) -> None:
    put(office, "a", "2002", state)
    assert outcome(office, DEVICE[service]) is None


def test_every_state_is_reached_by_people(office: Office) -> None:
    """R-CTI-05, T-CTI-4: all six, without any help."""
    seen = {office.state("c1", "2001")}
    office.press("2001", "off hook")
    seen.add(office.state("c1", "2001"))
    office.press("2001", "dial", "2002")
    seen |= {office.state("c1", "2001"), office.state("c1", "2002")}
    office.press("2002", "off hook")
    office.press("2002", "hold")
    seen.add(office.state("c1", "2002"))
    office.press("2003", "off hook")
    office.press("2003", "dial", "999")
    seen.add(office.state("c2", "2003"))
    assert seen == {state.value for state in ConnectionState}


@pytest.mark.parametrize(("number", "cause"), [("999", "numberUnallocated"), ("12 x", "invalidNumberFormat")])
def test_a_wrong_number_is_heard_at_the_phone(office: Office, number: str, cause: str) -> None:
    """T-CTI-1 number 5, T-CTI-4: the caller's own connection is in Failed."""
    office.press("2001", "off hook")
    office.press("2001", "dial", number)
    assert office.told() == ["2001 Originated c1/2001 connected newCall", f"2001 Failed c1/2001 fail {cause}"]
    office.press("2001", "hang up")
    assert office.told() == ["2001 ConnectionCleared c1/2001 null normalClearing"]


def test_a_phone_that_was_left_off_the_hook(office: Office) -> None:
    office.press("2001", "off hook")
    office.wait(30)
    assert office.told() == ["2001 Failed c1/2001 fail timeout"] and office.state("c1", "2001") == "fail"


def test_buttons_without_a_meaning_do_nothing(office: Office) -> None:
    for button in ("hang up", "hold", "retrieve", "deflect", "dial", "free"):
        office.press("2001", button, "2002")
    office.press("2001", "unplug")
    office.press("2001", "off hook")
    assert office.told() == [] and office.switch.model.calls == {}
    office.press("2001", "plug")
    office.press("2001", "off hook")
    assert office.state("c1", "2001") == "initiated"


def test_the_other_buttons(office: Office) -> None:
    call = office.ringing()
    office.press("2002", "deflect", "2003")
    assert office.state(call, "2003") == "alerting"
    office.press("2003", "off hook")
    office.press("2001", "hold")
    assert office.state(call, "2001") == "hold"
    office.press("2001", "retrieve")
    office.press("2004", "forward", "2005")
    office.press("2004", "do not forward")
    office.press("2004", "do not disturb")
    office.press("2004", "disturb")
    assert office.told("2004") == ["2004 Forwarding"] * 2 + ["2004 DoNotDisturb"] * 2
    office.press("2001", "unplug")
    assert office.switch.model.calls == {}


@pytest.mark.parametrize(("device", "button"), [("2999", "off hook"), ("2001", "explode")])
def test_a_button_that_is_not_there(office: Office, device: str, button: str) -> None:
    with pytest.raises(Refused):
        office.press(device, button)

"""Each error by requests that deserve it (R-CTI-06, T-CTI-5); nothing changes by any of them.

`serviceNotSupported` and `invalidCrossReferenceIdentifier` are the gateway's: see test_gateway.py and test_codec.py.
"""

import pytest

from cti.csta import messages as m
from cti.csta.errors import Fault
from cti.csta.messages import AutoOriginate, ConnectionID, ForwardingType, Request
from cti.csta.services import MAX_PARTIES
from tests.cti.office import DOOR, Office

NOW = AutoOriginate.DO_NOT_PROMPT


@pytest.mark.parametrize(
    "device", ["2999", "nobody", "sip:x@example.com", "callto:2001"], ids=["unknown", "text", "sip", "scheme"]
)
def test_invalid_calling_device_identifier(office: Office, device: str) -> None:
    """T-CTI-5 number 4."""
    assert office.refused(m.MakeCall(device, "2002", NOW)) is Fault.INVALID_CALLING_DEVICE_IDENTIFIER


def test_a_phone_that_is_not_there_calls_nobody(office: Office) -> None:
    """T-CTI-5 number 4."""
    office.press("2001", "unplug")
    assert office.refused(m.MakeCall("2001", "2002", NOW)) is Fault.INVALID_CALLING_DEVICE_IDENTIFIER


@pytest.mark.parametrize("number", ["2999", "nobody", "2001", DOOR], ids=["unknown", "text", "itself", "door"])
def test_invalid_called_device_identifier(office: Office, number: str) -> None:
    """T-CTI-5 number 5."""
    assert office.refused(m.MakeCall("2001", number, NOW)) is Fault.INVALID_CALLED_DEVICE_IDENTIFIER


def test_no_call_to_answer(office: Office) -> None:
    """T-CTI-5 number 6: no such call, not in it, not ringing."""
    call = office.ringing()
    for connection in (ConnectionID("c9", "2002"), ConnectionID(call, "2003"), ConnectionID(call, "2001")):
        assert office.refused(m.AnswerCall(connection)) is Fault.NO_CALL_TO_ANSWER
    assert office.refused(m.AnswerCall(ConnectionID(None, "2003"))) is Fault.NO_CALL_TO_ANSWER


@pytest.mark.parametrize(
    "request_of",
    [
        m.HoldCall,
        m.RetrieveCall,
        lambda connection: m.ConsultationCall(connection, "2003"),
        lambda connection: m.SingleStepTransferCall(connection, "2003"),
        lambda connection: m.GenerateDigits(connection, "1"),
    ],
    ids=["hold", "retrieve", "consultation", "transfer", "digits"],
)
def test_invalid_connection_identifier(office: Office, request_of: type[m.HoldCall]) -> None:
    """T-CTI-5 number 7: no such call, a device that is not in it, no device."""
    call = office.talking()
    for connection in (ConnectionID("c9", "2001"), ConnectionID(call, "2003"), ConnectionID(call, None)):
        assert office.refused(request_of(connection)) is Fault.INVALID_CONNECTION_IDENTIFIER
    assert office.refused(m.DeflectCall(ConnectionID("c9", "2001"), "2003")) is Fault.INVALID_CONNECTION_IDENTIFIER


def test_invalid_connection_state(office: Office) -> None:
    """T-CTI-5 number 8; the walk through all states is in test_states.py."""
    call = office.ringing()
    assert office.refused(m.HoldCall(ConnectionID(call, "2002"))) is Fault.INVALID_CONNECTION_STATE
    assert office.refused(m.HoldCall(ConnectionID(call, "2001"))) is Fault.INVALID_CONNECTION_STATE, "nobody there yet"
    assert office.refused(m.MakeCall("2001", "2003", NOW)) is Fault.INVALID_CONNECTION_STATE


def test_a_held_call_stays_while_another_is_active(office: Office) -> None:
    """T-CTI-5 number 8."""
    held, _ = office.consulting()
    assert office.refused(m.RetrieveCall(ConnectionID(held, "2001"))) is Fault.INVALID_CONNECTION_STATE


@pytest.mark.parametrize("service", [m.TransferCall, m.ConferenceCall])
def test_a_busy_tone_is_not_joined(office: Office, service: type[m.TransferCall]) -> None:
    """T-CTI-5 number 8."""
    office.press("2003", "busy")
    held, active = office.consulting(answered=False)
    asked = service(ConnectionID(held, "2001"), ConnectionID(active, "2001"))
    assert office.refused(asked) is Fault.INVALID_CONNECTION_STATE


def test_no_connection_to_clear(office: Office) -> None:
    """T-CTI-5 number 9: no such call, not in it, gone already."""
    call = office.talking()
    for connection in (ConnectionID("c9", "2001"), ConnectionID(call, "2003"), ConnectionID(call, "2999")):
        assert office.refused(m.ClearConnection(connection)) is Fault.NO_CONNECTION_TO_CLEAR
    office.ask(m.ClearConnection(ConnectionID(call, "2001")))
    assert office.refused(m.ClearConnection(ConnectionID(call, "2002"))) is Fault.NO_CONNECTION_TO_CLEAR


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        ("2999", Fault.INVALID_DESTINATION),
        ("nobody", Fault.INVALID_DESTINATION),
        ("2001", Fault.INVALID_DESTINATION),
        ("2002", Fault.INVALID_DESTINATION),
        (DOOR, Fault.INVALID_DESTINATION_DEVICE_OBJECT),
    ],
    ids=["unknown", "text", "itself", "the other", "door"],
)
def test_invalid_destination(office: Office, number: str, fault: Fault) -> None:
    """T-CTI-5 numbers 10 and 11, by Consultation, Deflect and single step transfer."""
    call = office.ringing()
    assert office.refused(m.DeflectCall(ConnectionID(call, "2002"), number)) is fault
    office.ask(m.AnswerCall(ConnectionID(call, "2002")))
    for asked in (
        m.ConsultationCall(ConnectionID(call, "2001"), number),
        m.SingleStepTransferCall(ConnectionID(call, "2001"), number),
    ):
        assert office.refused(asked) is fault


def test_invalid_diverting_device_identifier(office: Office) -> None:
    """T-CTI-5 number 12: an unknown device, or one that is not in the call."""
    call = office.ringing()
    for device in ("2999", "nobody", "2003"):
        asked = m.DeflectCall(ConnectionID(call, device), "2004")
        assert office.refused(asked) is Fault.INVALID_DIVERTING_DEVICE_IDENTIFIER


JOINING = [m.TransferCall, m.ConferenceCall, m.AlternateCall, m.ReconnectCall]


@pytest.mark.parametrize("service", JOINING)
def test_the_errors_of_a_held_call(office: Office, service: type[m.TransferCall]) -> None:
    """T-CTI-5 numbers 13, 14 and 15."""
    held, active = office.consulting()
    mine = ConnectionID(active, "2001")

    def refused(connection: ConnectionID, other: ConnectionID = mine) -> Fault:
        return office.refused(service(held_call=connection, active_call=other))

    assert refused(ConnectionID(held, "2002")) is Fault.INVALID_HELD_DEVICE_IDENTIFIER
    assert refused(ConnectionID(held, "2999")) is Fault.INVALID_HELD_DEVICE_IDENTIFIER
    assert refused(ConnectionID("c9", "2001")) is Fault.NO_HELD_CALL
    assert refused(mine, mine) is Fault.INVALID_HELD_DEVICE_STATE
    assert refused(ConnectionID(held, "2001"), ConnectionID("c9", "2001")) is Fault.INVALID_CONNECTION_IDENTIFIER
    both = ConnectionID(held, "2001")
    assert refused(both, both) is Fault.INVALID_CONNECTION_STATE


def test_no_held_call_to_retrieve(office: Office) -> None:
    """T-CTI-5 number 15, V-35."""
    call = office.talking()
    assert office.refused(m.RetrieveCall(ConnectionID(call, "2001"))) is Fault.NO_HELD_CALL


@pytest.mark.parametrize(
    "asked",
    [
        m.SetForwarding("2999", True, None, "2002"),
        m.SetForwarding("2001", True, None, "2002", 0),
        m.SetForwarding("2001", True, None, "2002", 21),
        m.SetDoNotDisturb("2999", True),
        m.GetForwarding("nobody"),
        m.GetDoNotDisturb("2999"),
    ],
)
def test_invalid_parameter_value(office: Office, asked: Request) -> None:
    """T-CTI-5 number 16: a device that is unknown, a number out of range."""
    assert office.refused(asked) is Fault.INVALID_PARAMETER_VALUE


@pytest.mark.parametrize("digits", ["", "12x", "1 2", "1" * 65, "\u0661"])
def test_digits_that_no_phone_has(office: Office, digits: str) -> None:
    """T-CTI-5 number 16."""
    call = office.talking()
    asked = m.GenerateDigits(ConnectionID(call, "2001"), digits)
    assert office.refused(asked) is Fault.INVALID_PARAMETER_VALUE


@pytest.mark.parametrize("number", ["2999", "nobody", "2001", DOOR, None])
def test_invalid_forwarding_destination(office: Office, number: str | None) -> None:
    """T-CTI-5 number 17: unknown, unusable, the device itself, a phone that takes no calls, none at all."""
    asked = m.SetForwarding("2001", True, ForwardingType.BUSY, number)
    assert office.refused(asked) is Fault.INVALID_FORWARDING_DESTINATION


def test_what_no_switching_function_does(office: Office) -> None:
    """T-CTI-5 number 1, D-38."""
    assert office.refused(m.SystemStatus(m.Status.NORMAL)) is Fault.SERVICE_NOT_SUPPORTED


def test_a_switch_that_is_away_does_nothing(office: Office) -> None:
    """ECMA-323 has a name for it, the guide has none."""
    office.switch.away = True
    assert office.refused(m.GetDoNotDisturb("2001")) is Fault.RESOURCE_OUT_OF_SERVICE
    assert not office.switch.beat(0)


def test_a_conference_has_a_limit(office: Office) -> None:
    """Parties who talk are counted in both calls."""
    held, active = office.consulting()
    model = office.switch.model
    for number in range(MAX_PARTIES - 3):
        model.enter(model.calls[held], f"3{number:03}", m.ConnectionState.CONNECTED)
    asked = m.ConferenceCall(ConnectionID(held, "2001"), ConnectionID(active, "2001"))
    assert office.refused(asked) is Fault.CONFERENCE_MEMBER_LIMIT_EXCEEDED

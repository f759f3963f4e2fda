"""The 17 services in their good case, event by event (R-CTI-02, R-CTI-03, T-CTI-1, T-CTI-2).

Each line says whose monitor is told what, of which connection, with which state of its own and why.
"""

import pytest

from cti.csta import messages as m
from cti.csta.errors import Fault
from cti.csta.messages import AutoOriginate, Cause, ConnectionID, ConsultOptions, ForwardingType
from cti.csta.services import SERVICES
from tests.cti.office import Office


def test_the_list_is_complete() -> None:
    """T-CTI-2: the 17, by their elements."""
    assert {kind.__name__ for kind in SERVICES} == set(
        "MakeCall AnswerCall ClearConnection DeflectCall HoldCall RetrieveCall ConsultationCall SingleStepTransferCall "
        "TransferCall ConferenceCall AlternateCall ReconnectCall GenerateDigits SetForwarding SetDoNotDisturb "
        "GetForwarding GetDoNotDisturb".split()
    )


def test_make_call(office: Office) -> None:
    """T-CTI-2 number 1; T-CTI-1 numbers 9 and 2."""
    answer = office.ask(m.MakeCall("tel:2001;phone-context=dialstring", "2002", AutoOriginate.DO_NOT_PROMPT))
    assert answer == m.MakeCallResponse(ConnectionID("c1", "2001"))
    assert office.told() == [
        "2001 Originated c1/2001 connected newCall",
        "2001 Delivered c1/2002 connected newCall",
        "2002 Delivered c1/2002 alerting newCall",
    ]


def test_make_call_that_prompts(office: Office) -> None:
    """T-CTI-2 number 1: without doNotPrompt the caller lifts the handset first (Initiated)."""
    office.ask(m.MakeCall("2001", "2002"))
    assert office.told() == [] and office.state("c1", "2001") == "initiated"
    office.press("2001", "off hook")
    assert office.told("2001") == [
        "2001 Originated c1/2001 connected newCall",
        "2001 Delivered c1/2002 connected newCall",
    ]


def test_make_call_with_the_handset_lifted(office: Office) -> None:
    """T-CTI-2 number 1: the call that the phone has begun is taken."""
    office.press("2001", "off hook")
    assert office.ask(m.MakeCall("2001", "2002")) == m.MakeCallResponse(ConnectionID("c1", "2001"))
    assert office.state("c1", "2002") == "alerting"


@pytest.mark.parametrize(
    ("button", "cause"), [("busy", "busy"), ("do not disturb", "doNotDisturb"), ("unplug", "destOutOfOrder")]
)
def test_make_call_to_a_device_that_takes_none(office: Office, button: str, cause: str) -> None:
    """T-CTI-1 number 5: the call fails at the called device; it ends when the caller hangs up."""
    office.press("2002", button)
    office.news()
    office.ask(m.MakeCall("2001", "2002", AutoOriginate.DO_NOT_PROMPT))
    assert office.told() == [
        "2001 Originated c1/2001 connected newCall",
        f"2001 Failed c1/2002 connected {cause}",
        f"2002 Failed c1/2002 fail {cause}",
    ]
    office.press("2001", "hang up")
    assert office.told() == [
        "2001 ConnectionCleared c1/2001 null normalClearing",
        "2002 ConnectionCleared c1/2001 fail normalClearing",
        "2002 ConnectionCleared c1/2002 null normalClearing",
    ]


def test_make_call_to_a_device_that_talks(office: Office) -> None:
    """T-CTI-1 number 5; its own call goes on."""
    first = office.talking("2002", "2003")
    call = office.ringing("2001", "2002")
    assert office.state(call, "2002") == "fail" and office.state(first, "2002") == "connected"


def test_make_call_ignores_what_the_caller_has_set(office: Office) -> None:
    """T-CTI-2 number 1: forwarding and Do Not Disturb of the caller are for its own calls."""
    office.forward("2001", "2003")
    office.press("2001", "do not disturb")
    assert office.state(office.ringing(), "2002") == "alerting"


def test_answer_call(office: Office) -> None:
    """T-CTI-2 number 2; T-CTI-1 number 3."""
    call = office.ringing()
    assert office.ask(m.AnswerCall(ConnectionID(call, "2002"))) == m.AnswerCallResponse()
    assert office.told() == [
        "2001 Established c1/2002 connected normal",
        "2002 Established c1/2002 connected normal",
    ]


def test_clear_connection(office: Office) -> None:
    """T-CTI-2 number 3; T-CTI-1 number 1: a call of two ends, and each hears of its own part."""
    call = office.talking()
    assert office.ask(m.ClearConnection(ConnectionID(call, "2001"))) == m.ClearConnectionResponse()
    assert office.told() == [
        "2001 ConnectionCleared c1/2001 null normalClearing",
        "2002 ConnectionCleared c1/2001 connected normalClearing",
        "2002 ConnectionCleared c1/2002 null normalClearing",
    ]
    assert office.switch.model.calls == {}


def test_clear_connection_in_a_conference(office: Office) -> None:
    """T-CTI-2 number 3: the others go on."""
    held, active = office.consulting()
    office.ask(m.ConferenceCall(ConnectionID(held, "2001"), ConnectionID(active, "2001")))
    office.news()
    office.ask(m.ClearConnection(ConnectionID("c3", "2001")))
    assert office.told() == [
        "2001 ConnectionCleared c3/2001 null normalClearing",
        "2002 ConnectionCleared c3/2001 connected normalClearing",
        "2003 ConnectionCleared c3/2001 connected normalClearing",
    ]


def test_deflect(office: Office) -> None:
    """T-CTI-2 number 4; T-CTI-1 number 4: the call keeps its id."""
    call = office.ringing()
    assert office.ask(m.DeflectCall(ConnectionID(call, "2002"), "2003")) == m.DeflectCallResponse()
    news = office.news()
    delivered = news[-1].event
    assert isinstance(delivered, m.DeliveredEvent) and delivered.last_redirection_device == "2002"
    office.switch.news.extend(news)
    assert office.told() == [
        "2002 Diverted c1/2002 null redirected",
        "2001 Diverted c1/2002 connected redirected",
        "2001 Delivered c1/2003 connected redirected",
        "2003 Delivered c1/2003 alerting redirected",
    ]


def test_hold_and_retrieve(office: Office) -> None:
    """T-CTI-2 numbers 5 and 6; T-CTI-1 numbers 6 and 7."""
    call = office.talking()
    assert office.ask(m.HoldCall(ConnectionID(call, "2001"))) == m.HoldCallResponse()
    assert office.told() == ["2001 Held c1/2001 hold normal", "2002 Held c1/2001 connected normal"]
    assert office.ask(m.RetrieveCall(ConnectionID(call, "2001"))) == m.RetrieveCallResponse()
    assert office.told() == ["2001 Retrieved c1/2001 connected normal", "2002 Retrieved c1/2001 connected normal"]


def test_consultation(office: Office) -> None:
    """T-CTI-2 number 7."""
    call = office.talking()
    answer = office.ask(m.ConsultationCall(ConnectionID(call, "2001"), "2003"))
    assert answer == m.ConsultationCallResponse(ConnectionID("c2", "2001"))
    assert office.told() == [
        "2001 Held c1/2001 hold consultation",
        "2002 Held c1/2001 connected consultation",
        "2001 Originated c2/2001 connected consultation",
        "2001 Delivered c2/2003 connected consultation",
        "2003 Delivered c2/2003 alerting consultation",
    ]


def test_single_step_transfer(office: Office) -> None:
    """T-CTI-2 number 8; T-CTI-1 number 8: only a primary old call."""
    call = office.talking()
    answer = office.ask(m.SingleStepTransferCall(ConnectionID(call, "2001"), "2003"))
    assert isinstance(answer, m.SingleStepTransferCallResponse)
    assert answer.transferred_call == ConnectionID("c2", "2003")
    first = office.switch.news[0].event
    assert isinstance(first, m.TransferedEvent) and first.secondary_old_call is None
    assert office.told() == [
        "2001 Transfered c1/2001 null singleStepTransfer",
        "2002 Transfered c1/2001 connected singleStepTransfer",
        "2002 Delivered c2/2003 connected singleStepTransfer",
        "2003 Delivered c2/2003 alerting singleStepTransfer",
    ]
    office.ask(m.AnswerCall(ConnectionID("c2", "2003")))
    assert office.told("2002") == ["2002 Established c2/2003 connected normal"]


@pytest.mark.parametrize(("answered", "state"), [(True, "connected"), (False, "alerting")])
def test_transfer(office: Office, answered: bool, state: str) -> None:
    """T-CTI-2 number 9; T-CTI-1 number 8: one event for each, and nothing is cleared."""
    held, active = office.consulting(answered=answered)
    answer = office.ask(m.TransferCall(ConnectionID(held, "2001"), ConnectionID(active, "2001")))
    assert isinstance(answer, m.TransferCallResponse) and answer.transferred_call == ConnectionID("c3", "2003")
    event = office.switch.news[0].event
    assert isinstance(event, m.TransferedEvent)
    assert event.secondary_old_call == ConnectionID("c2", "2001") and event.transferred_to_device == "2003"
    assert event.transferred_connections == (
        m.ConnectionListItem(ConnectionID("c3", "2002"), ConnectionID("c1", "2002"), "2002"),
        m.ConnectionListItem(ConnectionID("c3", "2003"), ConnectionID("c2", "2003"), "2003"),
    )
    assert office.told() == [
        "2001 Transfered c1/2001 null transfer",
        "2002 Transfered c1/2001 connected transfer",
        f"2003 Transfered c1/2001 {state} transfer",
    ]
    assert list(office.switch.model.calls) == ["c3"]


def test_conference_call(office: Office) -> None:
    """T-CTI-2 number 10; T-CTI-1 number 10: the old ids are gone."""
    held, active = office.consulting()
    answer = office.ask(m.ConferenceCall(ConnectionID(held, "2001"), ConnectionID(active, "2001")))
    assert isinstance(answer, m.ConferenceCallResponse) and answer.conference_call == ConnectionID("c3", "2001")
    event = office.switch.news[0].event
    assert isinstance(event, m.ConferencedEvent) and event.added_party == "2003"
    assert office.told() == [
        "2001 Conferenced c1/2001 connected conference",
        "2002 Conferenced c1/2001 connected conference",
        "2003 Conferenced c1/2001 connected conference",
    ]
    assert list(office.switch.model.calls) == ["c3"]


def test_alternate(office: Office) -> None:
    """T-CTI-2 number 11."""
    held, active = office.consulting()
    asked = m.AlternateCall(ConnectionID(held, "2001"), ConnectionID(active, "2001"))
    assert office.ask(asked) == m.AlternateCallResponse()
    assert office.told() == [
        "2001 Held c2/2001 hold alternate",
        "2003 Held c2/2001 connected alternate",
        "2001 Retrieved c1/2001 connected alternate",
        "2002 Retrieved c1/2001 connected alternate",
    ]


def test_reconnect(office: Office) -> None:
    """T-CTI-2 number 12."""
    held, active = office.consulting()
    asked = m.ReconnectCall(ConnectionID(active, "2001"), ConnectionID(held, "2001"))
    assert office.ask(asked) == m.ReconnectCallResponse()
    assert office.told() == [
        "2001 ConnectionCleared c2/2001 null normalClearing",
        "2003 ConnectionCleared c2/2001 connected normalClearing",
        "2003 ConnectionCleared c2/2003 null normalClearing",
        "2001 Retrieved c1/2001 connected normal",
        "2002 Retrieved c1/2001 connected normal",
    ]


def test_generate_digits(office: Office) -> None:
    """T-CTI-2 number 13: none of the guide's events."""
    call = office.talking()
    assert office.ask(m.GenerateDigits(ConnectionID(call, "2001"), "12*#")) == m.GenerateDigitsResponse()
    assert office.ask(m.GenerateDigits(ConnectionID(call, "2001"), "3,4")) == m.GenerateDigitsResponse()
    assert office.switch.model.calls[call].digits == "12*#3,4" and office.told() == []


def test_set_and_get_forwarding(office: Office) -> None:
    """T-CTI-2 numbers 14 and 16; T-CTI-1 number 12: an event only when something has changed."""
    asked = m.SetForwarding("2002", True, ForwardingType.NO_ANSWER, "2003", 2)
    for told in (["2002 Forwarding"], []):
        assert office.ask(asked) == m.SetForwardingResponse()
        assert office.told() == told
    item = m.ForwardListItem(ForwardingType.NO_ANSWER, True, "2003", 2)
    assert office.ask(m.GetForwarding("2002")) == m.GetForwardingResponse((item,))
    office.ask(m.SetForwarding("2002", False, ForwardingType.NO_ANSWER))
    event = office.news()[0].event
    assert event == m.ForwardingEvent("2002", False, ForwardingType.NO_ANSWER, "2003", 2)
    office.ask(m.SetForwarding("2002", True, ForwardingType.NO_ANSWER))
    assert office.told() == ["2002 Forwarding"], "the destination was kept"


def test_nothing_is_forwarded_at_first(office: Office) -> None:
    """T-CTI-2 number 16; taking back what was never set is no change."""
    assert office.ask(m.SetForwarding("2002", False)) == m.SetForwardingResponse()
    nothing = m.ForwardListItem(ForwardingType.IMMEDIATE, False)
    assert office.ask(m.GetForwarding("2002")) == m.GetForwardingResponse((nothing,))
    assert office.told() == []


def test_set_and_get_do_not_disturb(office: Office) -> None:
    """T-CTI-2 numbers 15 and 17; T-CTI-1 number 11: an event only when something has changed."""
    assert office.ask(m.GetDoNotDisturb("2002")) == m.GetDoNotDisturbResponse(False)
    for told in (["2002 DoNotDisturb"], []):
        assert office.ask(m.SetDoNotDisturb("2002", True)) == m.SetDoNotDisturbResponse()
        assert office.told() == told
    assert office.ask(m.GetDoNotDisturb("2002")) == m.GetDoNotDisturbResponse(True)


@pytest.mark.parametrize(
    ("service", "button"),
    [("transfer", "busy"), ("transfer", "do not disturb"), ("deflect", "busy"), ("deflect", "unplug")],
)
def test_a_service_that_fails_later(office: Office, service: str, button: str) -> None:
    """T-CTI-1 number 13: it was accepted, comes to nothing, and everything is as it was."""
    office.press("2003", button)
    if service == "transfer":
        call, device, state = office.talking(), "2001", m.ConnectionState.CONNECTED
        office.ask(m.SingleStepTransferCall(ConnectionID(call, device), "2003"))
    else:
        call, device, state = office.ringing(), "2002", m.ConnectionState.ALERTING
        office.ask(m.DeflectCall(ConnectionID(call, device), "2003"))
    causes = {"busy": Cause.BUSY, "do not disturb": Cause.DO_NOT_DISTURB, "unplug": Cause.DESTINATION_OUT_OF_ORDER}
    told = [one for one in office.news() if not isinstance(one.event, m.DoNotDisturbEvent)]
    leg = m.Leg(device, ConnectionID(call, device), state)
    assert [(one.device, one.event) for one in told] == [(device, m.ServiceCompletionFailureEvent(leg, causes[button]))]
    assert office.state(call, device) == state and list(office.switch.model.calls) == [call]


def test_a_prompt_that_nobody_follows(office: Office) -> None:
    """T-CTI-1 number 13, T-CTI-4: what is reported is the state that holds now, Initiated."""
    office.ask(m.MakeCall("2001", "2002"))
    office.wait(31)
    first, second = office.news()
    assert isinstance(first.event, m.ServiceCompletionFailureEvent) and first.event.cause is Cause.TIMEOUT
    assert first.event.primary_call.local_connection_state is m.ConnectionState.INITIATED
    assert isinstance(second.event, m.ConnectionClearedEvent) and office.switch.model.calls == {}


@pytest.mark.parametrize(
    ("options", "service", "fault"),
    [
        (ConsultOptions.CONSULT_ONLY, m.TransferCall, Fault.INVALID_CONNECTION_STATE),
        (ConsultOptions.CONSULT_ONLY, m.ConferenceCall, Fault.INVALID_CONNECTION_STATE),
        (ConsultOptions.CONFERENCE_ONLY, m.TransferCall, Fault.INVALID_CONNECTION_STATE),
        (ConsultOptions.TRANSFER_ONLY, m.ConferenceCall, Fault.INVALID_CONNECTION_STATE),
        (ConsultOptions.TRANSFER_ONLY, m.TransferCall, None),
        (ConsultOptions.CONFERENCE_ONLY, m.ConferenceCall, None),
        (ConsultOptions.UNRESTRICTED, m.TransferCall, None),
    ],
)
def test_a_consultation_may_be_for_one_thing_only(
    office: Office, options: ConsultOptions, service: type[m.TransferCall], fault: Fault | None
) -> None:
    """T-CTI-2 numbers 7, 9 and 10."""
    held, active = office.consulting(options=options)
    asked = service(ConnectionID(held, "2001"), ConnectionID(active, "2001"))
    if fault is not None:
        assert office.refused(asked) is fault
    else:
        office.ask(asked)

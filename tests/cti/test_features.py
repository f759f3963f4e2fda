"""Forwarding and Do Not Disturb, and the model that obeys them (R-CTI-02, R-CTI-03)."""

import pytest

from cti.csta import messages as m
from cti.csta.messages import AutoOriginate, ConnectionID, ForwardingType
from tests.cti.office import Office


def call(office: Office, caller: str = "2001", called: str = "2002") -> list[str]:
    office.ask(m.MakeCall(caller, called, AutoOriginate.DO_NOT_PROMPT))
    return office.told()


def test_every_call_is_forwarded(office: Office) -> None:
    """T-CTI-1 number 4: the forwarded device hears of it, and never rings."""
    office.forward("2002", "2003")
    assert call(office) == [
        "2001 Originated c1/2001 connected newCall",
        "2002 Diverted c1/2002 null callForwardImmediate",
        "2001 Diverted c1/2002 connected callForwardImmediate",
        "2001 Delivered c1/2003 connected callForwardImmediate",
        "2003 Delivered c1/2003 alerting callForwardImmediate",
    ]


@pytest.mark.parametrize(
    ("kind", "button", "cause"),
    [
        (ForwardingType.BUSY, "busy", "callForwardBusy"),
        (ForwardingType.BUSY_INT, "busy", "callForwardBusy"),
        (ForwardingType.DND, "do not disturb", "callForward"),
        (ForwardingType.DND_INT, "do not disturb", "callForward"),
        (ForwardingType.IMMEDIATE_INT, "free", "callForwardImmediate"),
    ],
)
def test_a_call_is_forwarded_on_condition(office: Office, kind: ForwardingType, button: str, cause: str) -> None:
    office.forward("2002", "2003", kind)
    office.press("2002", button)
    office.news()
    assert call(office)[1] == f"2002 Diverted c1/2002 null {cause}"
    assert office.state("c1", "2003") == "alerting"


@pytest.mark.parametrize("kind", [ForwardingType.BUSY, ForwardingType.DND, ForwardingType.IMMEDIATE_EXT])
def test_without_its_condition_nothing_is_forwarded(office: Office, kind: ForwardingType) -> None:
    office.forward("2002", "2003", kind)
    assert office.state(office.ringing(), "2002") == "alerting"


def test_calls_from_outside_are_told_apart(office: Office) -> None:
    """The special forwarding counts before the general one."""
    office.forward("2002", "2003", ForwardingType.IMMEDIATE)
    office.forward("2002", "2004", ForwardingType.IMMEDIATE_EXT)
    office.switch.ring_in("+14085550100", "2002", now=0)
    assert office.state("c1", "2004") == "alerting"
    assert office.state(office.ringing(), "2003") == "alerting"
    office.switch.ring_in("+14085550199", "2005", now=0)
    assert office.told("2005") == ["2005 Delivered c3/2005 alerting newCall"]


def test_a_call_that_nobody_answers_is_forwarded(office: Office) -> None:
    office.forward("2002", "2003", ForwardingType.NO_ANSWER, rings=2)
    office.ringing()
    assert office.switch.next_deadline() == 10.0
    office.wait(9)
    assert office.told() == []
    office.wait(1)
    assert office.told() == [
        "2002 Diverted c1/2002 null callForwardNoAnswer",
        "2001 Diverted c1/2002 connected callForwardNoAnswer",
        "2001 Delivered c1/2003 connected callForwardNoAnswer",
        "2003 Delivered c1/2003 alerting callForwardNoAnswer",
    ]


def test_a_call_that_nobody_can_take_goes_on_ringing(office: Office) -> None:
    """The forwarding leads to a busy phone; in the end nobody has answered."""
    office.forward("2002", "2003", ForwardingType.NO_ANSWER, rings=2)
    office.press("2003", "busy")
    office.ringing()
    office.wait(10)
    assert office.told() == [] and office.state("c1", "2002") == "alerting"
    office.wait(180)
    assert office.told() == [
        "2001 Failed c1/2002 connected callNotAnswered",
        "2002 Failed c1/2002 fail callNotAnswered",
    ]


def test_a_member_of_a_conference_who_does_not_answer_leaves(office: Office) -> None:
    held, active = office.consulting(answered=False)
    office.ask(m.ConferenceCall(ConnectionID(held, "2001"), ConnectionID(active, "2001")))
    office.news()
    office.wait(180)
    assert office.told("2003") == ["2003 ConnectionCleared c3/2003 null callNotAnswered"]
    assert office.state("c3", "2002") == "connected"


def test_forwardings_in_a_circle_fail(office: Office) -> None:
    office.forward("2002", "2003")
    office.forward("2003", "2002")
    told = call(office)
    assert told[-2:] == [
        "2001 Failed c1/2003 connected destNotObtainable",
        "2003 Failed c1/2003 fail destNotObtainable",
    ]
    assert office.state("c1", "2001") == "connected"


def test_a_forwarding_to_the_caller_fails(office: Office) -> None:
    office.forward("2002", "2001")
    assert call(office)[-1] == "2002 Failed c1/2002 fail destNotObtainable"


def test_a_forwarding_to_a_line_that_is_gone_fails(office: Office) -> None:
    office.forward("2002", "2005")
    office.switch.model.remove("2005")
    assert call(office)[-1] == "2002 Failed c1/2002 fail destNotObtainable"


def test_a_forwarding_goes_on_from_device_to_device(office: Office) -> None:
    office.forward("2002", "2003")
    office.forward("2003", "2004")
    told = call(office)
    assert [one for one in told if "Diverted" in one and one[:4] == "2001"] == [
        "2001 Diverted c1/2002 connected callForwardImmediate",
        "2001 Diverted c1/2003 connected callForwardImmediate",
    ]
    assert told[-1] == "2004 Delivered c1/2004 alerting callForwardImmediate"


def test_a_call_that_is_deflected_is_forwarded_as_well(office: Office) -> None:
    office.forward("2003", "2004")
    call = office.ringing()
    office.ask(m.DeflectCall(ConnectionID(call, "2002"), "2003"))
    assert office.state(call, "2004") == "alerting" and office.state(call, "2002") == "null"

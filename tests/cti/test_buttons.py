"""Phones of the simulated switch: which buttons they offer, and calls from outside (R-CTI-01)."""

import pytest

from cti.csta.devices import BadDevice
from cti.csta.errors import Fault, Refused
from cti.csta.messages import ConnectionID, HoldCall
from cti.switch import BUTTONS
from tests.cti.office import Office

OUTSIDE = "+14085550100"
QUIET = {"busy", "do not disturb", "forward", "unplug"}
"Offered by a phone whose features nobody has touched."


def offered(office: Office, device: str) -> set[str]:
    """Buttons beside those of the features."""
    return set(office.switch.buttons(device)) - QUIET


def test_a_phone_offers_what_would_do_something(office: Office) -> None:
    assert offered(office, "2001") == {"off hook"}
    office.press("2001", "off hook")
    assert offered(office, "2001") == {"dial", "hang up"}
    office.press("2001", "dial", "2002")
    assert offered(office, "2001") == {"hang up"}, "nobody can be put on hold yet"
    assert offered(office, "2002") == {"off hook", "hang up", "deflect"}
    office.press("2002", "off hook")
    assert offered(office, "2001") == offered(office, "2002") == {"hang up", "hold"}
    office.press("2001", "hold")
    assert offered(office, "2001") == {"off hook", "retrieve"}
    office.press("2001", "off hook")
    assert offered(office, "2001") == {"dial", "hang up"}, "the other call waits until this one is over"


def test_features_offer_their_other_side(office: Office) -> None:
    for button in ("busy", "do not disturb", "unplug"):
        office.press("2001", button)
    assert office.switch.buttons("2001") == ["plug"]
    office.press("2001", "plug")
    office.press("2001", "forward", "2002")
    names = office.switch.buttons("2001")
    assert set(names) == {"off hook", "free", "disturb", "forward", "do not forward", "unplug"}
    assert names == [name for name in BUTTONS if name in names], "in the order of the table"


def test_an_unknown_phone_has_no_buttons(office: Office) -> None:
    assert office.switch.buttons("2999") == []


def test_a_call_knows_when_it_was_begun(office: Office) -> None:
    """A joined one is as old as the first of those that it was made from."""
    office.wait(3)
    first, second = office.consulting()
    calls = office.switch.model.calls
    assert calls[first].since == 3 and calls[second].since == 3
    office.wait(4)
    calls[second].since = office.now
    office.switch.model.merge(calls[second], calls[first])
    assert calls[second].since == 3


def test_who_hears_the_busy_tone_outside_hangs_up(office: Office) -> None:
    office.press("2001", "busy")
    office.switch.ring_in(OUTSIDE, "2001", now=office.now)
    assert office.switch.model.calls == {}
    assert office.told("2001") == [
        "2001 Failed c1/2001 fail busy",
        f"2001 ConnectionCleared c1/{OUTSIDE} fail normalClearing",
        "2001 ConnectionCleared c1/2001 null normalClearing",
    ]


def test_who_is_not_answered_outside_hangs_up(office: Office) -> None:
    office.switch.ring_in(OUTSIDE, "2001", now=office.now)
    office.wait(179)
    assert office.state("c1", "2001") == "alerting"
    office.wait(1)
    assert office.switch.model.calls == {}


def test_who_is_answered_outside_stays(office: Office) -> None:
    office.switch.ring_in(OUTSIDE, "2001", now=office.now)
    office.press("2001", "off hook")
    office.ask(HoldCall(ConnectionID("c1", "2001")))
    office.wait(600)
    assert office.state("c1", OUTSIDE) == "connected"


@pytest.mark.parametrize("text", ["", "not a number", "http://x"])
def test_nobody_calls_from_what_is_no_number(office: Office, text: str) -> None:
    with pytest.raises(BadDevice):
        office.switch.ring_in(text, "2001", now=0)


def test_calls_from_outside_come_from_outside_and_one_at_a_time(office: Office) -> None:
    office.switch.ring_in(OUTSIDE, "2001", now=0)
    for caller, fault in (("2003", Fault.INVALID_CALLING_DEVICE_IDENTIFIER), (OUTSIDE, Fault.INVALID_CONNECTION_STATE)):
        with pytest.raises(Refused) as refused:
            office.switch.ring_in(caller, "2002", now=0)
        assert refused.value.fault is fault
    assert office.told("2002") == []

"""REFER that crosses what a program does (RFC 3515)."""

from types import SimpleNamespace
from typing import Any

import pytest

from cti.csta.calls import CONNECTED
from cti.csta.features import Device
from cti.csta.messages import Cause
from sipedge.b2bua.model import SipModel
from sipedge.b2bua.participants import Participants
from sipedge.b2bua.transfers import Transfers
from sipedge.sip.errors import SipError
from tests.builders import parsed


class Phone:
    """A leg of the first device."""

    device = "1"


def test_a_phone_that_was_just_taken_out_of_its_call() -> None:
    """403, and those who stay go on: the phone's BYE is under way."""
    phones: Any = SimpleNamespace()
    model = SipModel("c", phones)
    model.provision(map(Device, ("1", "2", "3", "4")))
    participants = Participants(model)
    call = model.new_call("1", "2", Cause.NEW_CALL)
    for device in ("1", "2", "3"):
        model.enter(call, device, CONNECTED)
    leg: Any = Phone()
    participants.join(leg, call)
    legs: Any = SimpleNamespace(by_tag={})
    directory: Any = SimpleNamespace(device=lambda uri: "4", admit=lambda text: True)
    model.drop(call, "1", Cause.NORMAL_CLEARING)
    with pytest.raises(SipError) as refused:
        Transfers(legs, model, directory, participants).carry_out(leg, parsed("REFER", Refer_To="<tel:4>"), 0.0)
    assert refused.value.status == 403
    assert call.parties == {"2": CONNECTED, "3": CONNECTED}

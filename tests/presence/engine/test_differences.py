"""Differences between two documents in words."""

from dataclasses import replace

import pytest

from presence.engine.composition import PLACEHOLDER_ID
from presence.engine.differences import BEYOND, differences
from presence.engine.reachability import Reachability
from presence.engine.reading import Device, Shown

DESK = Device(True, True, False, False, "sip:joe@desk", False, "desk")
LAPTOP = Device(True, False, False, True, "", False, "laptop")
HERE = Shown(Reachability.BUSY, ("on-the-phone",), "", (DESK, LAPTOP))


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (replace(HERE, state=Reachability.AVAILABLE), "state Busy → Available"),
        (replace(HERE, activities=()), "activities on-the-phone → none"),
        (replace(HERE, note="back at 3"), "note none → “back at 3”"),
        (replace(HERE, devices=(DESK,)), "device laptop is not shown any more"),
        (replace(HERE, devices=(*HERE.devices, replace(DESK, id="m", open=False))), "device m is shown, closed with"),
        (replace(HERE, devices=(replace(DESK, open=False), LAPTOP)), "device desk: open → closed"),
        (replace(HERE, devices=(replace(DESK, text=True), LAPTOP)), "device desk: audio → audio, text"),
        (replace(HERE, devices=(replace(DESK, idle=True), LAPTOP)), "device desk: idle"),
        (replace(HERE, devices=(replace(DESK, contact=""), LAPTOP)), "contact sip:joe@desk → none"),
    ],
)
def test_each_part_is_named(after: Shown, said: str) -> None:
    (found,) = differences(HERE, after)
    assert said in found


def test_the_state_comes_first_and_a_placeholder_is_no_device() -> None:
    """D-42: it only stands in for no device."""
    after = Shown(Reachability.UNAVAILABLE, (), "", (replace(DESK, id=PLACEHOLDER_ID, open=False),))
    found = differences(HERE, after)
    assert found[0] == "state Busy → Unavailable" and not any(PLACEHOLDER_ID in one for one in found[2:])
    assert found[2:] == ("device desk is not shown any more", "device laptop is not shown any more")


def test_what_nobody_shows_is_named_as_such() -> None:
    assert differences(HERE, HERE) == (BEYOND,)

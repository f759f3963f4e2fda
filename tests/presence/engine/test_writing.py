"""The documents of programs: what is said in words comes back in words."""

from datetime import UTC, datetime, timedelta

import pytest

from presence.engine import pidf
from presence.engine.components import component
from presence.engine.composition import compose, render
from presence.engine.errors import MalformedDocument
from presence.engine.explain import deciding
from presence.engine.filtering import View
from presence.engine.reachability import INSTALLED
from presence.engine.reading import read
from presence.engine.types import SourceFacts
from presence.engine.writing import STATES, Statement, write

JOE = "sip:joe@cisco.com"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOURCES = {"Boss": SourceFacts(9, manual_override=True), "Desk": SourceFacts(5)}


def composed(*said: Statement):  # type: ignore[no-untyped-def]
    """One component for each, an hour apart, the first at noon."""
    made = [
        component(
            number, pidf.parse(write(one, JOE), dialects=False), user_agent="",
            updated_at=NOON + timedelta(hours=number), sources=SOURCES, capabilities=(),
        )
        for number, one in enumerate(said)
    ]  # fmt: skip
    return compose(made, rules=INSTALLED, ever_published=True)


def test_what_is_said_is_read() -> None:
    """R-PUB-14, R-EXT-02, D-20: source, activities, note, classes of service, contact, with any letters."""
    said = Statement(
        "Cal & Co", activities=("meeting", "travel"), note="<b>\x00 “at lunch” & more", text=True, idle=True,
        contact="sip:joe@desk",
    )  # fmt: skip
    document = pidf.parse(write(said, "sip:jo&e@cisco.com"), dialects=False)
    assert document.sources == ("Cal & Co",)
    shown = read(render(composed(said), entity=JOE, view=View()).body)
    assert shown.activities == ("meeting", "travel") and shown.note == "<b> “at lunch” & more"
    (device,) = shown.devices
    assert (device.open, device.audio, device.video, device.text, device.idle) == (True, False, False, True, True)
    assert device.contact == "sip:joe@desk"


@pytest.mark.parametrize("state", sorted(STATES))
def test_a_manual_override_states_each_state(state: str) -> None:
    """Section 5.3, R-PUB-11, D-23."""
    assert composed(Statement("Boss", state), Statement("Desk", text=True)).state.value == state


@pytest.mark.parametrize("said", [Statement(state="interruptible"), Statement(activities=("flying",))])
def test_what_there_is_not_is_refused(said: Statement) -> None:
    """D-24: some states follow from rules only."""
    with pytest.raises(MalformedDocument):
        write(said, JOE)


@pytest.mark.parametrize(
    ("said", "hour"),
    [
        ([Statement(contact="a"), Statement("Boss", "away", contact="b"), Statement(contact="c")], 1),
        ([Statement("Desk", "busy", contact="a"), Statement(contact="b", text=True)], 0),
        ([Statement(open=False, contact="a"), Statement(open=False, contact="b")], 1),
        ([Statement("Desk", contact="a"), Statement(open=False, contact="b")], 0),
        ([], None),
    ],
)
def test_since_when_a_state_is_so(said: list[Statement], hour: int | None) -> None:
    """D-24, D-25: since the component that decides about it has changed."""
    found = deciding(composed(*said))
    assert (found.updated_at - NOON == timedelta(hours=hour)) if found is not None else hour is None

"""Why a state is what it is, in sentences (DESIGN section 7)."""

from presence.engine.composition import compose
from presence.engine.explain import explain
from tests.presence.engine.documents import MANUAL, composed, device, made, person


def said(*components, **history):
    return {(step.stage, step.subject): step.text for step in explain(composed(*components, **history))}


def test_a_manual_override_is_named():
    """D-23, D-20, R-AOR-08: source, priority, what it states, which rule fired, where the class of service is from."""
    override = made(device(source=MANUAL, caps="at"), person("rpid:away"), id=7)
    phone = made(
        device("x", contact="sip:p@h", source="Unheard of"), person("rpid:busy"), id=8, user_agent="Cisco-CCM5.1"
    )
    steps = said(override, phone)
    assert (
        steps["component", "7"]
        == f"Priority 100 from the manual override “{MANUAL}”. It states Away. The state rests on it."
    )
    assert "No Source Priority matches “Unheard of”." in steps["component", "8"]
    assert "busy or on the phone" in steps["component", "8"]
    assert steps["tuple", "t1"] == "Open, with audio, text as its document says."
    assert steps["tuple", "x"] == "Open, with audio by the User-Agent capability table."
    assert steps["rule", "manual_override"] == "The state is Away: a manual override states it."


def test_replaced_and_renamed_devices_are_named():
    """D-27, D-43: which component won and why."""
    old = made(device("a", "closed"), id=1, age=9)
    new = made(device("a"), id=2)
    far = made(device("a", contact="sip:far@h"), id=3, created=0)
    steps = said(old, new, far)
    assert "component 2 describes the same device and is newer" in steps["replaced", "a"]
    assert "counts no more" in steps["component", "1"]
    assert any("“a” could not be kept" in text for text in steps.values())
    strong = made(device("a", source="Desk"), id=4, age=99)
    assert "has a higher priority" in said(new, strong)["replaced", "a"]


def test_nobody_is_there():
    """D-23 rule 2, D-42: the three reasons to have no component, and the placeholder."""
    assert "never was one" in said(ever_published=False)["rule", "never_published"]
    assert "back-end" in said(backend_missing=True)["rule", "backend_missing"]
    steps = said()
    assert steps["rule", "no_component"].startswith("The state is Unavailable")
    assert ("placeholder", "") in steps


def test_a_gap_in_the_rules_is_said():
    """D-23: the operator sees that none of the rules applied."""
    (step, _) = explain(compose((), rules=(), ever_published=True))
    assert step.text == "No reachability rule applies, so the state is Unknown."

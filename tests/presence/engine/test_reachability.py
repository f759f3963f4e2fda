"""The reachability rules (D-23, D-24): each rule, every combination, and what an operator may do to them."""

from itertools import combinations_with_replacement, product

import pytest

from presence.engine.reachability import CONDITIONS, INSTALLED, Facts, Reachability, ReachabilityRule, evaluate
from tests.presence.engine.documents import MANUAL, composed, device, made, person

AVAILABLE, BUSY, INTERRUPTIBLE = Reachability.AVAILABLE, Reachability.BUSY, Reachability.INTERRUPTIBLE
UNAVAILABLE, UNKNOWN = Reachability.UNAVAILABLE, Reachability.UNKNOWN

KINDS = {
    "open-text": (device(caps="t"),),
    "open-audio": (device(caps="a"),),
    "open-text-busy": (device(caps="t"), person("rpid:busy")),
    "open-audio-phone": (device(caps="a"), person("rpid:on-the-phone")),
    "open-text-away": (device(caps="t"), person("rpid:away", "rpid:vacation", "ce:dnd", "ce:unavailable")),
    "closed-text": (device(basic="closed", caps="t"),),
    "closed-busy": (device(basic="closed", caps="t"), person("rpid:busy")),
    "person-busy": (person("rpid:busy"),),
    "override-away": (device(caps="t", source=MANUAL), person("rpid:away")),
    "override-silent": (device(caps="t", source=MANUAL), person("rpid:meeting")),
}
"Everything a component can be, as far as the rules care."

MIXTURES = [mix for size in (0, 1, 2, 3) for mix in combinations_with_replacement(KINDS, size)]


def expected(kinds: tuple[str, ...], ever: bool, missing: bool) -> Reachability:
    """D-23 in the words of the requirement."""
    if "override-away" in kinds:
        return Reachability.AWAY
    if not kinds:
        return UNKNOWN if not ever or missing else UNAVAILABLE
    is_open = [kind for kind in kinds if kind.startswith(("open", "override"))]
    if not is_open:
        return UNAVAILABLE
    engaged = [kind for kind in is_open if kind.endswith(("busy", "phone"))]
    if engaged:
        others = [kind for kind in is_open if kind not in engaged and kind != "open-audio"]
        return INTERRUPTIBLE if others else BUSY
    return AVAILABLE


@pytest.mark.parametrize("mix", MIXTURES, ids="+".join)
def test_every_mixture_of_components(mix):
    """D-23, R-PUB-22, R-PUB-23, R-PUB-24, R-CMP-02: every mixture of up to three components, with every history."""
    parts = [
        made(*(child.replace("57.1.1.15", f"57.1.1.{number}") for child in KINDS[kind]), id=number, age=number)
        for number, kind in enumerate(mix)
    ]
    for ever, missing in product((True, False), repeat=2):
        assert composed(*parts, ever_published=ever, backend_missing=missing).state is expected(mix, ever, missing)


def test_every_combination_of_facts():
    """D-23: the installed rules as a table over everything they look at; the first match wins."""
    seen = 0
    for stated in (None, *Reachability):
        for live, ever, missing, is_open, busy, other in product((False, True), repeat=6):
            facts = Facts(stated, live, ever, missing, is_open, busy, other)
            if stated is not None:
                result, number = stated, 0
            elif not live and not ever:
                result, number = UNKNOWN, 1
            elif not live and missing:
                result, number = UNKNOWN, 2
            elif not live:
                result, number = UNAVAILABLE, 3
            elif not is_open:
                result, number = UNAVAILABLE, 4
            elif busy:
                result, number = (INTERRUPTIBLE, 5) if other else (BUSY, 6)
            else:
                result, number = AVAILABLE, 7
            assert evaluate(INSTALLED, facts) == (result, INSTALLED[number])
            seen += 1
    assert seen == 9 * 64


STATED = {
    "ce:available": AVAILABLE,
    "rpid:busy": BUSY,
    "ce:dnd": Reachability.DND,
    "rpid:away": Reachability.AWAY,
    "rpid:vacation": Reachability.VACATION,
    "ce:unavailable": UNAVAILABLE,
}


@pytest.mark.parametrize("activity", STATED)
@pytest.mark.parametrize("basic", ["open", "closed"])
def test_a_manual_override_states_the_state(activity, basic):
    """R-PUB-11, R-PUB-14, D-23 rule 1: whatever the devices do."""
    override = made(device(basic=basic, source=MANUAL), person(activity), age=30)
    phone = made(device("t2", contact="sip:xten3@57.1.1.99"), person("rpid:on-the-phone"), id=2)
    assert composed(override, phone).state is STATED[activity]


@pytest.mark.parametrize("source", [None, "Desk", "manually set by persona", "Nobody provisioned this"])
def test_without_override_power_nothing_is_stated(source):
    """R-PUB-13, R-PUB-24, D-20, D-23: away from an ordinary or unmatched source changes nothing; matching is exact."""
    assert composed(made(device(source=source), person("rpid:away"))).state is AVAILABLE


def test_within_a_component_the_first_state_in_document_order_counts():
    """D-23 rule 1: an activity that is no state is passed over."""
    override = made(device(source=MANUAL), person("rpid:meeting", "rpid:vacation", "rpid:away"))
    assert composed(override).state is Reachability.VACATION


def test_the_strongest_override_counts():
    """D-23 rule 1, D-25: the highest source priority, then the newest."""
    strong_old = made(device("a", source=MANUAL), person("rpid:away"), id=1, age=60)
    weak_new = made(device("b", source="Presence Web Service"), person("ce:dnd"), id=2, age=1)
    strong_new = made(device("c", source=MANUAL), person("rpid:vacation"), id=3, age=5)
    assert composed(weak_new, strong_old).state is Reachability.AWAY
    assert composed(weak_new, strong_old, strong_new).state is Reachability.VACATION


def test_a_device_that_is_busy_itself_does_not_make_itself_interruptible():
    """D-23 rule 4: the text has to come from another component."""
    alone = made(device(caps="at"), person("rpid:on-the-phone"))
    other = made(device("t2", caps="t", contact="sip:xten3@57.1.1.16"), id=2)
    assert composed(alone).state is BUSY
    assert composed(alone, other).state is INTERRUPTIBLE


def test_rules_are_the_operators():
    """D-23: rows in order, first match wins; a gap is Unknown, unknown words are passed over."""
    always_away = (ReachabilityRule("otherwise", "away"), *INSTALLED)
    assert evaluate(always_away, Facts())[0] is Reachability.AWAY
    assert evaluate((), Facts(live=True, open=True)) == (UNKNOWN, None)
    newer = (ReachabilityRule("full_moon", "away"), ReachabilityRule("otherwise", "howling"), *INSTALLED)
    assert evaluate(newer, Facts(live=True, open=True))[0] is AVAILABLE
    assert evaluate((ReachabilityRule("otherwise", "as_stated"),), Facts())[1] is None


def test_names_are_known():
    """D-24: every condition of the installed rules exists, every state has a name for people."""
    assert {rule.condition for rule in INSTALLED} == set(CONDITIONS)
    assert INTERRUPTIBLE.label == "Interruptible But Busy"
    assert len({state.label for state in Reachability}) == 8

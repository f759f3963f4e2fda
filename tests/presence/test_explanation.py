"""What a watcher sees, and why: the steps, from policy and rows alone (DESIGN section 7)."""

from datetime import timedelta
from typing import Any

import pytest

from presence import explanation
from presence.access import sight, target_of
from presence.engine.composition import keep
from presence.engine.explain import Ref, Step
from presence.explanation import Explanation, Question
from presence.presentity import Presentity
from presence.rows import BackendRow, PublicationRow
from provisioning.policy import (
    AclFacts,
    CapabilityFacts,
    ClientFilterFacts,
    DeviceTypeFacts,
    MappingFacts,
    Policy,
    PrivacyListFacts,
    RuleFacts,
    ServerFacts,
    SourceFacts,
)
from provisioning.uri import Aor
from tests.presence.cast import ANN, JOE, NOON, PEOPLE
from tests.presence.engine.documents import device, person, presence

POLICY: dict[str, Any] = {
    "domains": {},
    **PEOPLE,
    "sources": {"Manually set by persona": SourceFacts(100, True), "Desk": SourceFacts(10, False)},
    "capabilities": (CapabilityFacts("Cisco-CCM", "", True, False, False),),
    "device_types": (DeviceTypeFacts("Cisco-CCM", "", "phone"), DeviceTypeFacts("eyeBeam", "", "computer")),
    "rules": (
        RuleFacts("no_component", "unavailable"),
        RuleFacts("busy_and_other_text", "interruptible"),
        RuleFacts("busy_only", "busy"),
        RuleFacts("otherwise", "available"),
    ),
    "client_filters": (ClientFilterFacts("MeetingPlace", "5", "phone_only"),),
    "domain_filters": {"example.org": "im_only"},
}
PHONE = presence(device("desk", contact="sip:joe@desk"), person("rpid:on-the-phone"))
LAPTOP = presence(device("laptop", contact="sip:joe@laptop", caps="t"))


def published(id: int, body: bytes, client: str = "eyeBeam", age: int = 3, left: int = 60) -> PublicationRow:
    """A publication; `age` and `left` are minutes."""
    then = NOON - timedelta(minutes=age)
    return PublicationRow(
        id, 1, 1, JOE.aor, client, "application/pidf+xml", "sip", body, then, then, then, NOON + timedelta(minutes=left)
    )


BOTH = (published(5, PHONE, "Cisco-CCM5.1"), published(6, LAPTOP))


def explained(watcher: str, *rows: PublicationRow, client: str = "", uri: Aor = JOE.aor, **changes: Any) -> Explanation:
    policy = Policy(**{**POLICY, **changes})
    held = Presentity(1, True)
    for row in rows:
        held.put(row, None)
    asked = Question(Aor.parse(watcher), uri, client, "", "P-Asserted-Identity")
    found = target_of(policy, uri)
    assert found is not None
    return explanation.explain_presentity(policy, asked, found, held, NOON, rows)


def steps(found: Explanation, *stages: str) -> list[Step]:
    return [one for one in found.steps if one.stage in stages]


def step(found: Explanation, stage: str) -> Step:
    (only,) = steps(found, stage)
    return only


def test_the_steps_come_in_order_and_under_headings() -> None:
    """R-ARC-02, R-CMP-01: identity, alias, client, target, access, components, rule, filters, result."""
    found = explained("a@cisco.com", published(6, LAPTOP), client="MeetingPlace/5.1", uri=JOE.aliases[0])
    assert [one.stage for one in found.steps] == [
        "identity", "alias", "client", "target", "access", "component", "tuple", "rule", "filter", "placeholder",
        "result",
    ]  # fmt: skip
    assert "P-Asserted-Identity" in found.steps[0].text and "alias of sip:ann@cisco.com" in found.steps[1].text
    assert "alias of sip:joe@cisco.com" in step(found, "target").text
    assert b'entity="sip:joseph@cisco.com"' in found.body and b"sip:joe@laptop" not in found.body
    assert [title for title, _ in found.chapters()] == [
        "Who asks for whom", "Authorization", "Components of state", "State", "Filters", "Result",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("acl", "effect", "said", "less"),
    [
        (None, "allow", "No access list", []),
        (AclFacts("block", {}, {"cisco.com": "allow"}), "allow", "domain cisco.com", ["default: block"]),
        (
            AclFacts("allow", {"sip:a@cisco.com": "block"}, {"cisco.com": "polite_block"}),
            "block", "names sip:a@cisco.com", ["cisco.com: polite block", "default: allow"],
        ),
        (AclFacts("polite_block", {"sip:bob@cisco.com": "allow"}, {}), "polite_block", "its default", []),
    ],
)  # fmt: skip
def test_the_entry_that_decided_is_named_and_so_are_less_specific_ones(
    acl: AclFacts | None, effect: str, said: str, less: list[str]
) -> None:
    """R-SUB-09, D-15: by address before by domain before the default, and what can be changed."""
    found = explained("ann@cisco.com", *BOTH, acls={1: acl} if acl is not None else {})
    access = step(found, "access")
    assert (found.effect, access.subject) == (effect, effect) and said in access.text
    assert [value for _, value in access.details] == less
    assert access.decided_by == ((Ref("uri-acls", (1,)) if acl is not None else Ref("settings", (1,))),)


def test_a_refusal_ends_with_its_answer() -> None:
    """D-15: no document, and nothing about components."""
    found = explained("ann@cisco.com", *BOTH, acls={1: AclFacts("block", {}, {})})
    assert (found.answer, found.body, found.state) == (403, b"", "")
    assert not steps(found, "component", "rule") and "403 Forbidden" in found.steps[-1].text


def test_oneself_is_allowed_by_nothing_that_could_be_changed() -> None:
    assert step(explained("joe@cisco.com", *BOTH), "access").decided_by == ()


def test_a_polite_block_shows_unavailable_and_says_what_it_hides() -> None:
    """D-15, D-16: by the access list, and by the presentity's own Blocked."""
    blocked = PrivacyListFacts("blocked", "", "none", frozenset(), frozenset({ANN.aor}), frozenset())
    for changes in ({"acls": {1: AclFacts("polite_block", {}, {})}}, {"privacy": {1: (blocked,)}}):
        found = explained("ann@cisco.com", *BOTH, **changes)
        assert (found.answer, found.label) == (200, "Unavailable") and b"<ce:unavailable/>" in found.body
        removed = [value for _, value in step(found, "filter").details]
        assert len(removed) == 2 and any("Cisco-CCM5.1" in value for value in removed)
    assert step(found, "privacy").decided_by == (Ref("privacy-lists", (1, "blocked", "")),)
    assert step(found, "access").subject == "allow", "the administrator's list was passed"


def test_a_pending_watcher_is_shown_unknown_until_the_user_decides() -> None:
    found = explained("ann@cisco.com", *BOTH, personas={1: JOE._replace(confirm_watchers=True), 2: ANN})
    assert (found.effect, found.label) == ("confirm", "Unknown")
    assert step(found, "privacy").decided_by == (Ref("users", (1,)),)


def test_a_component_says_where_it_comes_from_and_what_it_was_read_by() -> None:
    """D-16, D-17, D-20, R-PUB-30: source, priority, client, capability row, type of device, age, expiry."""
    body = presence(device("desk", contact="sip:joe@desk", source="Desk"))
    found = explained("ann@cisco.com", published(5, body, "Cisco-CCM5.1", age=3, left=57))
    one = step(found, "component")
    assert one.text == "Priority 10 from the source “Desk”. The state rests on it."
    assert dict(one.details) == {
        "component": "5", "client": "Cisco-CCM5.1", "capability row": "Cisco-CCM", "classes of service": "audio",
        "type of device": "phone, by the client type “Cisco-CCM”", "changed": "3 minutes ago",
        "expires": "in 57 minutes",
    }  # fmt: skip
    assert set(one.decided_by) == {
        Ref("components", (5,)), Ref("sources", ("Desk",)), Ref("capabilities", ("Cisco-CCM", "")),
        Ref("device-types", ("client_type", "Cisco-CCM")),
    }  # fmt: skip


def test_of_two_components_of_one_device_the_priority_decides() -> None:
    """D-25, D-43."""
    strong = published(5, presence(device("d", contact="sip:joe@d", source="Desk")), age=9)
    weak = published(6, presence(device("d", "closed", contact="sip:joe@d")), age=1)
    found = explained("ann@cisco.com", weak, strong)
    assert [one.subject for one in steps(found, "component")] == ["5", "6"]
    replaced = step(found, "replaced")
    assert "component 5" in replaced.text and "higher priority" in replaced.text and not replaced.counts


def test_what_ran_out_or_was_withdrawn_does_not_count() -> None:
    """D-23, R-PUB-29."""
    over = published(5, PHONE, "Cisco-CCM5.1", age=30, left=-2)
    gone = published(7, b"", "Old", age=5, left=-5)
    found = explained("ann@cisco.com", over, gone, published(6, LAPTOP))
    assert found.label == "Available" and [one.subject for one in steps(found, "component")] == ["6"]
    ran_out, withdrawn = steps(found, "gone")
    assert "ran out 2 minutes ago" in ran_out.text and not ran_out.counts
    assert "withdrawn 5 minutes ago" in withdrawn.text


def test_the_rule_that_fired_is_named_with_those_before_it() -> None:
    """R-PUB-23, D-23, D-24: on the phone beside a laptop with text."""
    found = explained("ann@cisco.com", *BOTH)
    rule = step(found, "rule")
    assert (found.label, rule.statement) == ("Interruptible But Busy", "D-23, D-24") and b"<rpid:busy/>" in found.body
    assert rule.details == (
        ("rule 1", "there is no live component: no"),
        ("rule 2", "an open device is busy, and another one offers text: yes"),
    )
    assert rule.decided_by == (Ref("reachability-rules", ("busy_and_other_text",)),)


def test_each_filter_says_what_it_removed() -> None:
    """D-16, D-18, D-28: hidden devices, then the domain's filter, then the client's; what is left is what is sent."""
    hides = PrivacyListFacts("default", "", "none", frozenset({"phone"}), frozenset(), frozenset())
    found = explained("bob@example.org", *BOTH, client="MeetingPlace/5.1", privacy={1: (hides,)})
    removed = [(one.subject, [value.split()[0] for _, value in one.details]) for one in steps(found, "filter")]
    assert removed == [("privacy", ["desk"]), ("domain", ["nothing"]), ("client", ["laptop"])]
    assert steps(found, "filter")[0].decided_by == (Ref("privacy-lists", (1, "default", "")),)
    assert steps(found, "filter")[2].decided_by == (Ref("watcher-filters", ("", "MeetingPlace", "5")),)
    assert b"on-the-phone" not in found.body and [one.subject for one in steps(found, "silent")] == ["5"]


@pytest.mark.parametrize("watcher", ["ann@cisco.com", "bob@example.org"])
@pytest.mark.parametrize("client", ["", "MeetingPlace/5.1", "MeetingPlace/4"])
@pytest.mark.parametrize("hidden", [frozenset(), frozenset({"phone"}), frozenset({"computer"})])
def test_the_filters_one_by_one_leave_what_the_view_keeps(watcher: str, client: str, hidden: frozenset[str]) -> None:
    """D-18: the walk through the filters and the view that serves SIP watchers agree."""
    hides = PrivacyListFacts("default", "", "none", hidden, frozenset(), frozenset())
    found = explained(watcher, *BOTH, client=client, privacy={1: (hides,)})
    policy = Policy(**{**POLICY, "privacy": {1: (hides,)}})
    seen = sight(policy, JOE.aor, Aor.parse(watcher), client)
    assert seen is not None
    held = Presentity(1, True)
    for row in BOTH:
        held.put(row, None)
    kept = {one.id for one in keep(held.composed(policy, NOON).tuples, seen[1].view)}
    removed = {value.split()[0] for one in steps(found, "filter") for _, value in one.details} - {"nothing"}
    assert {"desk", "laptop"} - removed == kept
    assert found.body == held.document(JOE.aor, seen[1].view, policy, NOON).body


def backend(id: int, watcher: str, body: bytes = LAPTOP, state: str = "active", left: int = 60) -> BackendRow:
    ends = NOON + timedelta(minutes=left)
    return BackendRow(
        id, 1, 1, JOE.aor, "sip:5555@cm", 7, False, watcher, "", 5, "edge-1", "", state, "", 0, body, "CM", NOON, NOON,
        NOON, NOON, ends,
    )  # fmt: skip


def test_foreign_states_that_do_not_count_say_why() -> None:
    """D-30, D-32: held for somebody else, not told yet, run out; and mappings that nobody has asked for."""
    policy = Policy(
        **{
            **POLICY,
            "servers": {7: ServerFacts(7, "cm", "127.0.0.1", "udp", "", None, False, "", True)},
            "mappings": {1: (MappingFacts(Aor("sip:5555@cm"), 7, 5), MappingFacts(Aor("sip:6666@cm"), 7, 1))},
        }
    )
    held = Presentity(1, True)
    waits, over = backend(13, ANN.aor, b"", "waiting"), backend(14, ANN.aor, left=-2)
    for row in (backend(11, ANN.aor), backend(12, "sip:bob@x"), waits, over):
        held.put_backend(row, None)
    target = target_of(policy, JOE.aor)
    assert target is not None
    found = explanation.explain_presentity(policy, Question(ANN.aor, JOE.aor), target, held, NOON)
    assert [one.subject for one in steps(found, "component")] == ["11"]
    said = {one.subject: one.text for one in steps(found, "gone")}
    assert (
        "in the name of sip:bob@x" in said["12"] and "waiting" in said["13"] and "ran out 2 minutes ago" in said["14"]
    )
    assert "sip:6666@cm" in said["sip:6666@cm"] and "sip:5555@cm" not in said
    assert len(step(found, "target").details) == 2


def test_another_policy_tells_what_a_change_would_do() -> None:
    """DESIGN section 7: before anything is saved."""
    after = explained("ann@cisco.com", *BOTH, acls={1: AclFacts("polite_block", {}, {})})
    assert after.label == "Unavailable" and explained("ann@cisco.com", *BOTH).label == "Interruptible But Busy"

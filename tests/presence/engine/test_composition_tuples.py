"""The tuples of a composed document: which, in which order, under which id (D-16, D-25, D-27, D-42, D-43, D-49)."""

import pytest

from presence.engine.composition import compose
from presence.engine.filtering import IM_ONLY, PERSON_ONLY, PHONE_ONLY, VIDEO_ONLY, View
from presence.engine.reachability import INSTALLED, Reachability
from tests.presence.engine.documents import (
    MANUAL,
    NOON,
    XTEN3,
    composed,
    data,
    device,
    find,
    made,
    parse,
    person,
    rendered,
    texts,
    tree,
)

DESK, LAPTOP = "sip:xten3@57.1.1.15", "sip:xten3@57.1.1.16"


def ids(root):
    return texts(root, "/p:presence/p:tuple/@id")


def test_one_tuple_for_each_device():
    """R-NTF-06, R-NTF-08, R-AOR-03, R-CMP-02, D-25: priority hides no other device."""
    strong = made(device("a", contact=DESK, source=MANUAL), person("ce:available"), id=1)
    weak = made(device("b", contact=LAPTOP), id=2)
    assert ids(tree(strong, weak)) == ["a", "b"]


def test_open_then_priority_then_newest():
    """D-42: simple clients read the first tuple only."""
    root = tree(
        made(device("closed-strong", "closed", contact="sip:a@h", source=MANUAL), id=1, age=0),
        made(device("open-old", contact="sip:b@h"), id=2, age=9),
        made(device("open-new", contact="sip:c@h"), id=3, age=1),
        made(device("open-strong", contact="sip:d@h", source="Desk"), id=4, age=30),
        made(device("closed-new", "closed", contact="sip:e@h"), id=5, age=2),
    )
    assert ids(root) == ["open-strong", "open-new", "open-old", "closed-strong", "closed-new"]


def test_the_newer_of_one_device_replaces_the_older():
    """D-43, D-25: equal id and contact: a client's leftover from its last log-in gives way."""
    leftover = made(device("bs35r9f", "closed", contact="sip:xten3@h:5060;transport=udp"), id=1, age=5)
    login = made(device("bs35r9f", "open", contact="sips:xten3@H"), id=2, age=1)
    for order in ((leftover, login), (login, leftover)):
        root = tree(*order)
        assert ids(root) == ["bs35r9f"] and texts(root, "//p:basic") == ["open"]


def test_a_higher_priority_replaces_a_newer_one():
    """D-43, D-25: source priority goes before age, also a back-end mapping's."""
    strong = made(device("a", "closed", source="Desk"), id=1, age=50)
    weak = made(device("a", "open"), id=2, age=1)
    assert texts(tree(strong, weak), "//p:basic") == ["closed"]
    mapped = made(device("a", "open"), id=3, age=99, mapping_priority=11)
    assert texts(tree(strong, weak, mapped), "//p:basic") == ["open"]


def test_a_matched_source_goes_before_the_mappings_priority():
    """D-25, R-PUB-12, R-FRN-07: and an unmatched one leaves the mapping's."""
    assert made(device(source="Desk"), mapping_priority=500).priority == 10
    assert made(device(source="Unheard of"), mapping_priority=500).priority == 500
    assert made(device()).priority == 0


def test_a_replaced_device_does_not_count():
    """D-43, D-23: what a newer log-in replaced is neither open nor busy, and its old activities are gone."""
    leftover = made(device("a", "open", caps="t"), person("rpid:on-the-phone"), id=1, age=5)
    closed = made(device("a", "closed", caps="t"), id=2, age=1)
    state = composed(leftover, closed)
    assert state.state is Reachability.UNAVAILABLE and state.leftovers == {1}
    assert b"on-the-phone" not in rendered(leftover, closed).body


def test_a_component_that_lost_to_a_higher_priority_still_reports():
    """D-23, D-43, R-NTF-15: its device is described by the override, its activities are carried."""
    phone = made(device("a"), person("rpid:on-the-phone"), id=1)
    override = made(device("a", source=MANUAL), person("rpid:away"), id=2, age=9)
    body = rendered(phone, override).body
    assert b"<rpid:away/><rpid:on-the-phone/>" in body and body.count(b"<tuple") == 1


def test_equal_ids_of_different_devices_are_told_apart():
    """D-27, D-43: the later one gets a new id, stable, made from the component and the old one."""
    first = made(device("t1", contact=DESK), id=1, created=60, age=60)
    second = made(device("t1", contact=LAPTOP), id=2, created=30, age=30)
    before = ids(tree(first, second))
    assert before[1] == "t1" and before[0] != "t1" and before[0][0].isalpha()
    refreshed = made(device("t1", contact=DESK), id=1, created=60, age=0)
    assert sorted(ids(tree(refreshed, second))) == sorted(before)
    assert rendered(refreshed, second).digest == rendered(first, second).digest


@pytest.mark.parametrize("id", ["", "1abc", "a b", "-x", "p1", "é", "a:b", "_x"])
def test_an_id_that_cannot_stay_is_replaced(id):
    """D-27, D-26: ids start with a letter, and p1 to p7 are the person's."""
    (made_id,) = ids(tree(made(device(id))))
    assert made_id != id and made_id[0].isalpha() and made_id.isalnum()
    assert (made_id,) == tuple(ids(tree(made(device(id)))))


def test_equal_ids_within_one_document_are_told_apart():
    """D-27, R-NTF-17: nothing is lost, in document order."""
    root = tree(made(device("a", "closed"), device("a", "open"), device("a", "open")))
    assert len(set(ids(root))) == 3 and texts(root, "//p:basic") == ["open", "open", "closed"]


def test_contacts_that_are_no_sip_uris_are_compared_as_they_are():
    """D-43: tel, mailto and none at all."""
    for contact in ("tel:+15551234", "mailto:joe@cisco.com", None, "not a uri"):
        assert len(ids(tree(made(device(contact=contact), id=1), made(device(contact=contact), id=2)))) == 1
    assert len(ids(tree(made(device(contact=None), id=1), made(device(contact=DESK), id=2)))) == 2


@pytest.mark.parametrize(
    ("components", "basic"),
    [
        ((), "closed"),
        ((made(person("rpid:meeting")),), "closed"),
        ((made(person("rpid:away"), f"<so:source>{MANUAL}</so:source>"),), "open"),
        ((made(person("ce:unavailable"), f"<so:source>{MANUAL}</so:source>"),), "closed"),
    ],
)
def test_a_placeholder_stands_for_no_device(components, basic):
    """D-42: the AOR as contact; open unless Unavailable or Unknown. Some clients never answer without a tuple."""
    root = tree(*components)
    assert texts(root, "//p:tuple/p:status/p:basic") == [basic]
    assert texts(root, "//p:tuple/p:contact[@priority='1']") == [XTEN3]
    assert len(find(root, "//p:tuple/*")) == 2


@pytest.mark.parametrize("basic", ["unknown", "", None, "busy"])
def test_a_tuple_that_we_close_drops_what_else_its_status_says(basic):
    """D-49, D-42: linphone's `online` overrules a closed that we have written."""
    odd = '<o:online xmlns:o="http://www.linphone.org/xsds/pidfonline.xsd"/>'
    body = rendered(made(device(basic=basic, status=odd))).body
    assert b"<status><basic>closed</basic></status>" in body


@pytest.mark.parametrize("basic", ["open", "closed", " Open "])
def test_a_tuple_that_speaks_for_itself_keeps_it(basic):
    """D-49, R-EXT-01: unknown children of status are carried; basic is written without white space."""
    odd = '<o:online xmlns:o="http://www.linphone.org/xsds/pidfonline.xsd"/>'
    body = rendered(made(device(basic=basic, status=odd))).body
    assert f"<status><basic>{basic.strip().lower()}</basic>{odd}</status>".encode() in body


def test_a_tuple_carries_its_parts():
    """In the order of the schema.

    R-NTF-09, R-NTF-10, R-NTF-11, R-NTF-12, R-NTF-13, R-NTF-17, R-PUB-15, R-PUB-17, R-PUB-19, R-PUB-20, R-PUB-21.
    """
    root = tree(made(device(caps="at", extra="<rpid:user-input>active</rpid:user-input>")))
    (found,) = find(root, "//p:tuple")
    assert [child.tag.rpartition("}")[2] for child in found] == ["status", "servcaps", "user-input", "contact"]
    assert [(child.tag.rpartition("}")[2], child.text) for child in find(root, "//sc:servcaps/*")] == [
        ("audio", "true"),
        ("video", "false"),
        ("text", "true"),
    ]
    assert texts(root, "//p:contact/@priority") == ["1"]
    without = device().replace(' priority="1"', "")
    assert texts(tree(made(without)), "//p:contact/@priority") == ["1"]
    assert texts(tree(made(body=data("old_activity.xml"))), "//p:contact/@priority") == ["0.8"]


@pytest.mark.parametrize(
    ("caps", "user_agent", "expected"),
    [
        ("v", "Cisco-CCM5.1", ["false", "true", "false"]),
        (None, "Cisco-CCM5.1", ["true", "false", "false"]),
        (None, "eyeBeam release 8888a stamp 1", ["true", "false", "true"]),
        (None, "Unheard/2", ["false", "false", "true"]),
        (None, None, ["false", "false", "true"]),
    ],
)
def test_where_the_class_of_service_comes_from(caps, user_agent, expected):
    """R-PUB-30, R-PUB-31, R-PUB-32, R-FRN-13, R-FRN-14, section 7.3: body, table, text."""
    root = tree(made(device(caps=caps), user_agent=user_agent))
    assert texts(root, "//sc:servcaps/*") == expected


def test_views_select_by_class_of_service():
    """R-PUB-16, R-PUB-18, D-16: what each kind of filter keeps; a filter never removes the person."""
    parts = [
        made(device("phone", contact="sip:a@h", caps="a"), person("rpid:on-the-phone"), id=1),
        made(device("im", contact="sip:b@h", caps="t"), person("rpid:meeting"), "<x:forecast/>", id=2),
        made(device("camera", contact="sip:c@h", caps="v"), id=3),
    ]
    shown = {kind: ids(tree(*parts, view=View.of([kind]))) for kind in (PHONE_ONLY, IM_ONLY, VIDEO_ONLY, PERSON_ONLY)}
    assert shown == {PHONE_ONLY: ["phone"], IM_ONLY: ["im"], VIDEO_ONLY: ["camera"], PERSON_ONLY: ["none"]}
    filtered = rendered(*parts, view=View.of([PHONE_ONLY])).body
    assert b"<rpid:busy/><rpid:on-the-phone/></rpid:activities>" in filtered and b"forecast" not in filtered  # D-28


def test_expired_components_are_left_out():
    """Section 6, D-23: between two sweeps an expired publication already counts for nothing."""
    gone = made(device("a", contact=DESK), person("rpid:busy"), id=1)._replace(expires_at=NOON)
    live = made(device("b", contact=LAPTOP), id=2)
    state = compose((gone, live), rules=INSTALLED, ever_published=True, now=NOON)
    assert [one.id for one in state.tuples] == ["b"] and state.state is Reachability.AVAILABLE
    assert len(parse(rendered(gone, live).body).tuples) == 2

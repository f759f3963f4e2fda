"""What a view lets through, and what it says instead (D-16, D-18, D-28, R-CMP-01, R-CMP-03)."""

import pytest
from lxml import etree

from presence.engine.components import component
from presence.engine.composition import compose, render
from presence.engine.filtering import IM_ONLY, NONE, PENDING, PERSON_ONLY, PHONE_ONLY, POLITE, VIDEO_ONLY, View
from presence.engine.reachability import INSTALLED
from provisioning.policy import DeviceTypeFacts
from tests.presence.engine.documents import (
    NOON,
    SOURCES,
    TABLE,
    XTEN3,
    device,
    find,
    made,
    parse,
    person,
    presence,
    rendered,
    texts,
    tree,
)
from tests.schemas import assert_valid


def ids(root):
    return texts(root, "/p:presence/p:tuple/@id")


PARTS = (
    made(device("phone", contact="sip:a@h", caps="a"), person("rpid:on-the-phone"), id=1),
    made(device("soft", contact="sip:b@h", caps="at", extra="<rpid:user-input>idle</rpid:user-input>"), id=2),
    made(device("im", contact="sip:c@h", caps="t"), person("rpid:meeting"), "<x:forecast/>", id=3),
    made(device("camera", contact="sip:d@h", caps="v"), id=4),
)


@pytest.mark.parametrize(
    ("kinds", "kept"),
    [
        ([NONE], {"phone", "soft", "im", "camera"}),
        ([PHONE_ONLY], {"phone", "soft"}),
        ([IM_ONLY], {"soft", "im"}),
        ([VIDEO_ONLY], {"camera"}),
        ([PERSON_ONLY], {"none"}),
        ([PHONE_ONLY, IM_ONLY], {"soft"}),
        ([PHONE_ONLY, VIDEO_ONLY], {"none"}),
        ([PHONE_ONLY, NONE], {"phone", "soft"}),
        (["a kind that nobody knows"], {"none"}),
    ],
)
def test_several_filters_pass_what_each_of_them_passes(kinds, kept):
    """D-16, D-18, R-PUB-16, R-PUB-18, R-CMP-03: and the person is always there, with its composed state."""
    root = tree(*PARTS, view=View.of(kinds))
    assert set(ids(root)) == kept
    assert find(root, "//dm:person/rpid:activities/rpid:busy")


def test_composition_comes_before_filtering():
    """R-CMP-01, R-CMP-02: the state is that of all components, also of those that are filtered away."""
    root = tree(*PARTS, view=View.of([IM_ONLY]))
    assert find(root, "//rpid:busy") and not find(root, "//rpid:on-the-phone")  # D-28
    assert find(root, "//rpid:meeting") and not find(root, "//x:forecast")


def test_user_input_is_passed_without_a_filter():
    """R-PUB-21, R-FRN-11."""
    assert texts(tree(*PARTS, view=View.of([PHONE_ONLY])), "//rpid:user-input") == ["idle"]


def typed(id, tuple_id, user_agent, source=None):
    return component(
        id,
        parse(presence(device(tuple_id, contact=f"sip:{tuple_id}@h", source=source))),
        user_agent=user_agent,
        updated_at=NOON,
        sources=SOURCES,
        capabilities=TABLE,
        device_types=[DeviceTypeFacts("Cisco-CCM", "", "phone"), DeviceTypeFacts("Linphone", "", "mobile")],
        device_sources={"Desk": "computer"},
    )


@pytest.mark.parametrize(
    ("hidden", "kept"),
    [
        (set(), {"desk", "deskphone", "cell", "thing"}),
        ({"phone"}, {"desk", "cell", "thing"}),
        ({"mobile", "other"}, {"desk", "deskphone"}),
        ({"computer"}, {"deskphone", "cell", "thing"}),
        ({"computer", "phone", "mobile", "video", "other"}, {"none"}),
    ],
)
def test_hidden_device_types_are_not_shown(hidden, kept):
    """D-16: by source, else by client type, else other; the person is always shown."""
    parts = [
        typed(1, "desk", "Cisco-CCM5.1", source="Desk"),
        typed(2, "deskphone", "Cisco-CCM5.1"),
        typed(3, "cell", "linphone/4.2"),
        typed(4, "thing", "Toaster/1.0"),
    ]
    root = tree(*parts, view=View.of((), frozenset(hidden)))
    assert set(ids(root)) == kept and find(root, "//dm:person")


@pytest.mark.parametrize(("mask", "id", "state"), [(POLITE, "p6", "ce:unavailable"), (PENDING, "p7", "rpid:unknown")])
def test_a_mask_shows_the_same_whatever_the_state_is(mask, id, state):
    """D-15, D-16: a closed placeholder and the person, nothing else, so nothing can be inferred."""
    view = View(mask=mask)
    busy, nobody = rendered(*PARTS, view=view), rendered(view=view)
    assert (busy.body, busy.digest) == (nobody.body, nobody.digest)
    root = etree.fromstring(busy.body)
    assert texts(root, "//p:basic") == ["closed"] and texts(root, "//p:contact") == [XTEN3]
    assert find(root, f"/p:presence/dm:person[@id='{id}']/rpid:activities/{state}")
    assert len(root) == 2
    really = compose((), rules=INSTALLED, ever_published=mask == POLITE)
    assert busy.digest == render(really, entity=XTEN3, view=View()).digest, "nothing tells them apart"
    assert_valid(busy.body)


@pytest.mark.parametrize("view", [View(), View.of([PHONE_ONLY]), View.of([PERSON_ONLY]), View(mask=POLITE)])
def test_watchers_of_one_view_share_a_document(view):
    """R-NTF-05, D-29: built once; only the entity differs."""
    state = compose(PARTS, rules=INSTALLED, ever_published=True)
    one, other = (render(state, entity=f"sip:{name}@h", view=view) for name in ("a", "b"))
    assert one.digest == other.digest and one.body != other.body
    assert_valid(one.body)

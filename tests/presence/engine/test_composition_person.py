"""The person element and what else is carried (sections 5.2, 5.3, D-20, D-23, D-24, D-26, D-28)."""

import pytest

from presence.engine.composition import compose, render
from presence.engine.filtering import View
from presence.engine.reachability import ReachabilityRule
from tests.presence.engine.documents import (
    MANUAL,
    XTEN3,
    activities,
    data,
    device,
    find,
    made,
    person,
    presence,
    rendered,
    texts,
    tree,
)


@pytest.mark.parametrize(
    ("state", "id", "child"),
    [
        ("available", "p1", b"<ce:available/>"),
        ("busy", "p2", b"<rpid:busy/>"),
        ("interruptible", "p2", b"<rpid:busy/>"),
        ("dnd", "p3", b"<ce:dnd/>"),
        ("away", "p4", b"<rpid:away/>"),
        ("vacation", "p5", b"<rpid:vacation/>"),
        ("unavailable", "p6", b"<ce:unavailable/>"),
        ("unknown", "p7", b"<rpid:unknown/>"),
    ],
)
def test_each_state_and_its_xml(state, id, child):
    """Id, child, namespace, prefix.

    R-STA-01, R-STA-02, R-STA-03, R-STA-04, R-STA-05, R-STA-06, R-STA-07, R-NTF-14, R-NTF-16, D-24, D-26, D-41.
    """
    state_of = compose((), rules=(ReachabilityRule("otherwise", state),), ever_published=True)
    body = render(state_of, entity=XTEN3, view=View()).body
    expected = b'<dm:person id="%s"><rpid:activities>%s</rpid:activities></dm:person>' % (id.encode(), child)
    assert expected in body
    assert b'xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"' in body
    assert (b'xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid"' in body) is child.startswith(b"<ce:")


def test_reported_activities_follow_the_state():
    """R-NTF-15, R-PUB-24, D-23: the state's own child first, then every reported activity once."""
    phone = made(device("a", contact="sip:a@h"), person("rpid:on-the-phone", "rpid:busy"), id=1, age=1)
    desk = made(device("b", contact="sip:b@h"), person("rpid:meeting", "rpid:on-the-phone", "rpid:away"), id=2, age=2)
    assert activities(tree(phone, desk)) == ["rpid:busy", "rpid:on-the-phone", "rpid:meeting", "rpid:away"]


def test_a_reported_unknown_is_not_carried():
    """D-23: it says nothing; it stands only where it is the state."""
    assert activities(tree(made(device(), person("rpid:unknown", "rpid:tv")))) == ["ce:available", "rpid:tv"]
    assert activities(tree()) == ["ce:unavailable"]


def test_activities_of_other_namespaces_and_texts_of_other():
    """R-EXT-01, D-23: unknown activities are carried; two different `other` are two activities."""
    doing = "<rpid:other>a</rpid:other><rpid:other>b</rpid:other><rpid:other>a</rpid:other><x:stargazing/>"
    root = tree(made(device(), f"<dm:person id='a'><rpid:activities>{doing}</rpid:activities></dm:person>"))
    assert activities(root) == ["ce:available", "rpid:other", "rpid:other", "x:stargazing"]


@pytest.mark.parametrize("place", ["status", "tuple"])
def test_activities_of_a_tuple_are_the_persons(place):
    """R-PUB-22, R-NTF-15, section 12.3: read wherever old clients put them, emitted in the person."""
    doing = "<rpid:activities><rpid:on-the-phone/></rpid:activities>"
    body = device(status=doing) if place == "status" else device(extra=doing)
    assert activities(tree(made(body))) == ["rpid:busy", "rpid:on-the-phone"]


def test_other_children_come_from_the_strongest_then_newest():
    """D-23, D-25: of notes, moods and the like, one component's are taken, child by child."""
    root = tree(
        made(device("a", contact="sip:a@h"), person(extra="<rpid:mood/><dm:note>new</dm:note>"), id=1, age=0),
        made(
            device("b", contact="sip:b@h", source="Desk"),
            person(extra="<dm:note>x</dm:note><dm:note>y</dm:note>"),
            id=2,
            age=9,
        ),
        made(
            device("c", contact="sip:c@h"),
            person(extra="<rpid:sphere/><rpid:mood><rpid:sad/></rpid:mood>"),
            id=3,
            age=5,
        ),
    )
    assert texts(root, "//dm:person/dm:note") == ["x", "y"]
    children = [child.tag.rpartition("}")[2] for child in find(root, "//dm:person/*")]
    assert children == ["activities", "mood", "sphere", "note", "note"]
    assert len(find(root, "//rpid:mood/*")) == 0


def test_an_unmatched_source_is_carried_and_named():
    """R-PUB-13, R-FRN-07, D-20: ignored, not dropped; the operator can be told which value is missing."""
    one = made(device(source="Unheard of"), person("rpid:away"))
    assert one.unmatched_sources == ("Unheard of",) and one.priority == 0 and not one.manual_override
    assert b"<so:source>Unheard of</so:source>" in rendered(one).body


def test_what_is_unknown_is_carried_with_its_namespaces():
    """R-EXT-01, R-NTF-07, D-28, D-41: children and attributes of presence, tuple, status and person."""
    body = rendered(made(body=data("extensions.xml"))).body.decode()
    weather = 'xmlns:x="urn:example:weather"'
    for carried in (
        f'<tuple id="desk" {weather} x:room="4&lt;5"><status {weather} x:sure="yes"><basic>open</basic>',
        f'<x:signal {weather} bars="3"/></status>',
        f'<x:sky {weather}><x:cloud kind="cumulus &amp; co">half</x:cloud><rpid:mood><rpid:happy/></rpid:mood></x:sky>',
        '<ns1:plain xmlns:ns1="urn:example:plain">bare <ns1:b>words</ns1:b> stay</ns1:plain>',
        '<rpid:user-input idle-threshold="600">idle</rpid:user-input><rpid:class>work</rpid:class>',
        '<contact priority="0.5">sip:ippm4@57.1.1.17</contact><note xml:lang="fr">à côté</note>'
        "<timestamp>2026-03-01T09:30:00Z</timestamp></tuple>",
        '<note xml:lang="en">back soon</note><dm:person ',
        f'<dm:person {weather} x:shift="late" id="p1"><rpid:activities><ce:available/><rpid:meeting/>'
        f"<x:stargazing {weather}/></rpid:activities><rpid:mood><rpid:sleepy/></rpid:mood><x:hat {weather}>blue</x:hat>"
        "<dm:note>in room 12</dm:note></dm:person>",
        '<dm:device id="dev1"><dm:deviceID>urn:uuid:00000000-0000-1000-8000-aabbccddeeff</dm:deviceID></dm:device>',
        f"<x:forecast {weather}>rain</x:forecast></presence>",
        f'{weather} x:station="KBOS" entity="sip:xten3@compb.cisco.com">',
    ):
        assert carried in body


def test_fragments_stand_on_their_own():
    """D-28, D-41: a carried prefix cannot take ours, a default namespace cannot leak, xsi:type keeps its meaning."""
    odd = (
        '<rpid:thing xmlns:rpid="urn:example:mine" xmlns:sc="urn:example:other" sc:a="1"><sc:b/></rpid:thing>'
        '<bare xmlns=""><person/><note xmlns="urn:ietf:params:xml:ns:pidf">n</note></bare>'
        '<x:t xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:w="urn:example:types" xsi:type="w:Kind"/>'
        '<x:m xmlns:pp="urn:ietf:params:xml:ns:pidf" pp:mustUnderstand="1"/>'
    )
    root = tree(made(device(extra=odd)))
    thing, bare, typed, must = find(root, "//p:tuple/*")[2:6]
    assert thing.tag == "{urn:example:mine}thing" and thing.attrib == {"{urn:example:other}a": "1"}
    assert thing[0].tag == "{urn:example:other}b"
    assert [child.tag for child in bare.iter()] == ["bare", "person", "{urn:ietf:params:xml:ns:pidf}note"]
    (kind,) = typed.attrib.values()
    assert typed.nsmap[kind.partition(":")[0]] == "urn:example:types"
    assert must.attrib == {"{urn:ietf:params:xml:ns:pidf}mustUnderstand": "1"}


def test_the_same_extension_of_two_components_is_carried_once():
    """D-28: and device elements with one id are told apart, as tuples are."""
    urn = "<dm:deviceID>urn:uuid:00000000-0000-1000-8000-00000000000{}</dm:deviceID>"
    both = "<x:forecast>rain</x:forecast>"
    first = made(device("a", contact="sip:a@h"), both, f"<dm:device id='d'>{urn.format(1)}</dm:device>", id=1)
    second = made(device("b", contact="sip:b@h"), both, f"<dm:device id='d'>{urn.format(2)}</dm:device>", id=2, age=1)
    root = tree(first, second)
    assert len(find(root, "//x:forecast")) == 1
    first_id, second_id = texts(root, "//dm:device/@id")
    assert first_id == "d" and second_id != "d"


def test_ids_of_other_documents_are_not_carried_into_ours():
    """D-27: an RPID id or xml:id counts in its own document; two components may have used the same."""
    body = device(extra='<rpid:user-input id="u1">active</rpid:user-input><x:a xml:id="q"/>')
    assert b'id="u1"' not in rendered(made(body)).body and b"xml:id" not in rendered(made(body)).body


def test_hints_about_the_published_schema_are_dropped():
    """D-28: they speak of the document that was published."""
    hint = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:a a.xsd" x:kept="1"'
    body = rendered(made(body=presence(device(), attributes=hint))).body
    assert b"schemaLocation" not in body and b'x:kept="1"' in body


def test_manual_override_of_the_guide():
    """EX-4, R-PUB-11: source, class of service and person come out as they went in."""
    one = made(body=data("ex4.xml"))
    assert one.manual_override and one.source == MANUAL and one.priority == 100

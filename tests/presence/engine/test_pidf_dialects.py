"""The dialects that are read, and counted, while the operator accepts them (section 12, V-05, V-06, V-07, V-08,
V-09, V-10, V-11, V-12, V-13, V-14, V-15, V-16, V-17, V-18).
"""

import pytest

from presence.engine import pidf
from presence.engine.errors import MalformedDocument
from presence.engine.namespaces import RPID_DIALECTS
from presence.engine.types import Capabilities
from tests.presence.engine.documents import MANUAL, data, made, parse, presence, rendered

PIDF = "urn:ietf:params:xml:ns:pidf"


def counted(body: bytes) -> list[str]:
    seen: list[str] = []
    pidf.parse(body, dialects=True, count=seen.append)
    return seen


def reported(body: bytes, dialects: bool = True) -> list[str]:
    return [fragment.xml.decode() for fragment in parse(body, dialects).activities]


def test_the_misprints_of_the_guide_in_one_document():
    """Read as what was meant, each dialect counted once.

    V-05, V-06, V-07, V-08, V-09, V-11, V-12, V-14, V-16, V-18.
    """
    document = parse(data("misprints.xml"))
    assert document.tuples[0].capabilities == Capabilities(audio=True, video=False, text=True)
    assert document.sources == (MANUAL,)
    assert [fragment.xml for fragment in document.activities] == [b"<ce:available/>"]
    assert [fragment.xml for fragment in document.tuples[0].extensions][
        1
    ] == b"<rpid:user-input>active</rpid:user-input>"
    assert sorted(counted(data("misprints.xml"))) == [
        "boolean",
        "cisco-rpid-namespace",
        "data-model-namespace",
        "namespace-white-space",
        "rpid-namespace",
        "servcaps-name",
        "servcaps-namespace",
        "source-namespace",
        "undeclared-prefix",
    ]


def test_nothing_of_a_dialect_is_emitted():
    """V-05, V-06, V-07, V-08, V-09, V-12, section 12.1: the composed document has the right names only."""
    body = rendered(made(body=data("misprints.xml"))).body
    for wrong in (
        b"sercvaps",
        b":person",
        b"rpidf",
        b"status:rpid",
        b"pdf:source",
        b"> true",
        b">>",
        b"xmlns:r=",
        b'=" ',
    ):
        assert wrong not in body.replace(b"dm:person", b"")
    assert b"<so:source>Manually   set by\n      persona</so:source>" in body  # inner white space as published


def test_without_any_namespace():
    """V-10, section 12.1: presence, person, activities, servcaps and the Cisco states without a namespace."""
    document = parse(data("no_namespace.xml"))
    assert document.tuples[0].capabilities == Capabilities(audio=True, video=False, text=False)
    assert [fragment.xml for fragment in document.activities] == [b"<ce:dnd/>", b"<rpid:on-the-phone/>"]
    assert document.tuples[0].contact == "sip:xten3@57.1.1.15"
    assert "entity-without-scheme" in counted(data("no_namespace.xml"))


def test_the_old_activity_form():
    """Section 12.3: also inside status, also in the legacy PIDF namespace; a text of its own becomes "other"."""
    document = parse(data("old_activity.xml"))
    expected = [b"<rpid:on-the-phone/>", b"<rpid:other>juggling</rpid:other>"]
    assert [fragment.xml for fragment in document.activities] == expected
    assert document.tuples[0].status == ()
    assert {"pidf-namespace", "rpid-namespace", "old-activity"} == set(counted(data("old_activity.xml")))


@pytest.mark.parametrize("namespace", RPID_DIALECTS)
def test_every_old_rpid_namespace(namespace):
    """V-06: also as the namespace of attributes, also with white space around it."""
    for written in (namespace, f" {namespace}\n"):
        body = (
            f'<presence xmlns="{PIDF}" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:es="{written}"'
            ' entity="sip:a@b"><dm:person id="x"><es:activities><es:busy/></es:activities>'
            '<es:mood es:sure="1"/></dm:person></presence>'
        ).encode()
        document = parse(body)
        assert [fragment.xml for fragment in document.activities] == [b"<rpid:busy/>"]
        assert [fragment.xml for fragment in document.person] == [b'<rpid:mood rpid:sure="1"/>']


@pytest.mark.parametrize("namespace", ["urn:ietf:params:xml:ns:cpim-pidf", "urn:ietf:params:xml:ns:cpim-pidf:"])
def test_the_legacy_pidf_namespace(namespace):
    """D-33, section 12.1: with and without a final colon."""
    only = '<tuple id="a"><status><basic>open</basic></status></tuple>'
    body = f'<presence xmlns="{namespace}" entity="sip:a@b">{only}</presence>'.encode()
    assert parse(body).tuples[0].basic == "open"
    assert counted(body) == ["pidf-namespace"]


def test_a_tuple_in_the_cisco_namespace():
    """Section 12.1: urn:cisco:params:xml:ns:pidf on tuple."""
    body = presence(
        '<c:tuple xmlns:c="urn:cisco:params:xml:ns:pidf" id="a"><status><basic>open</basic></status></c:tuple>'
    )
    assert [one.basic for one in parse(body).tuples] == ["open"]
    assert parse(body, dialects=False).tuples == ()


@pytest.mark.parametrize(
    "tag",
    [
        'person xmlns="urn:ietf:params:xml:ns:pidf:person"',
        'person xmlns="urn:cisco:params:xml:ns:pidf:rpid"',
        'person xmlns="urn:cisco:params:xml:ns:pidf:rpidd"',
        'person xmlns="urn:ietf:params:xml:ns:pidf"',
        'person xmlns="urn:ietf:params:xml:ns:pidf:rpiddata-model"',
        'person xmlns=""',
    ],
)
def test_a_person_in_a_neighbouring_namespace(tag):
    """Section 12.1: person in the old data model, Cisco RPID, PIDF or no namespace."""
    body = presence(f"<{tag}><rpid:activities><rpid:meal/></rpid:activities></person>")
    assert reported(body) == ["<rpid:meal/>"]
    assert parse(body, dialects=False).activities == ()


@pytest.mark.parametrize("prefix", ["rpid:", "ce:", "", "dm:"])
def test_activities_in_a_neighbouring_namespace(prefix):
    """Section 12.1: standard names in Cisco RPID, PIDF or no namespace; Cisco names in RPID or none; alerting stays."""
    doing = f"<{prefix}on-the-phone/><{prefix}dnd/><ce:alerting/>"
    assert reported(presence(f"<dm:person><rpid:activities>{doing}</rpid:activities></dm:person>")) == [
        "<rpid:on-the-phone/>",
        "<ce:dnd/>",
        "<ce:alerting/>",
    ]


@pytest.mark.parametrize(
    ("group", "read"),
    [
        ('<c:servcaps xmlns:c="urn:ietf:params:xml:ns:pidf:caps"><c:audio>true</c:audio></c:servcaps>', True),
        ('<c:sercvaps xmlns:c="urn:ietf:params:xml:ns:pidf:sercvaps"><c:audio>true</c:audio></c:sercvaps>', True),
        ("<sc:sercvaps><sc:audio>true</sc:audio></sc:sercvaps>", True),
        ("<servcaps><audio>true</audio></servcaps>", True),
        ('<servcaps xmlns=""><audio>true</audio></servcaps>', True),
        ('<servcaps xmlns="urn:example:caps"><audio>true</audio></servcaps>', False),
    ],
)
def test_classes_of_service_under_other_names(group, read):
    """V-05, R-STD-08, section 12.1: the misspelt element and namespace, RFC 5196, and none."""
    body = presence(f"<tuple id='a'><status/>{group}</tuple>")
    assert (parse(body).tuples[0].capabilities is not None) is read
    assert parse(body, dialects=False).tuples[0].capabilities is None


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ("true", True, True),
        ("false", False, False),
        ("1", True, True),
        (" 0 ", False, False),
        ("TRUE", None, True),
        (">false", None, False),
        (" > True ", None, True),
        (">>true", None, None),
        ("yes", None, None),
        ("", None, None),
    ],
)
def test_booleans(text, strict, lenient):
    """V-12, section 12.3: any case, white space, one stray >; the schema's own forms need no dialect."""
    assert pidf.boolean(text, dialects=False) is strict
    assert pidf.boolean(text, dialects=True) is lenient


@pytest.mark.parametrize("name", ["misprints.xml", "no_namespace.xml", "old_activity.xml"])
def test_dialects_can_be_switched_off(name):
    """Section 12: the documents are refused then."""
    with pytest.raises(MalformedDocument):
        parse(data(name), dialects=False)


def test_prefixes_that_nobody_knows_stay_an_error():
    """V-11, section 12.3: only dm, r, ce, sc, so and ci are bound; the rest is still not well-formed."""
    assert reported(presence("<dm:person><r:activities><r:away/></r:activities></dm:person>")) == ["<rpid:away/>"]
    for body in (presence("<zz:thing/>"), presence("<r:user-input/><zz:thing/>"), data("end_tag.xml")):
        with pytest.raises(MalformedDocument):
            parse(body)
    with pytest.raises(MalformedDocument):
        parse(presence("<r:user-input>active</r:user-input>"), dialects=False)


def test_a_proper_document_uses_no_dialect():
    """Section 12: nothing is counted for what is written as it should be."""
    for name in ("ex2.xml", "ex4.xml", "ex9.xml", "ex10.xml", "linphone.xml", "extensions.xml"):
        assert counted(data(name)) == []

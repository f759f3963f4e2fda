"""List notifications and resource lists as documents (RFC 4662, RFC 4826, R-LST, EX-3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from presence.engine import lists
from presence.engine.errors import DocumentTooLarge, DomainError, MalformedDocument
from presence.engine.lists import Resource
from presence.engine.resource_lists import MAX_DEPTH, MAX_DOCUMENT, MAX_ENTRIES, Entry, XmlList, parse, serialize
from sipedge.sip.message import Request
from tests.builders import guide
from tests.builders import read as read_message
from tests.presence.engine.documents import canonical, device, made, person, rendered
from tests.rlmi import Listed, read

NAMESPACE = "urn:ietf:params:xml:ns:resource-lists"


def notify(made: lists.Multipart) -> Request:
    headers = [("Require", "eventlist"), ("Content-Type", made.content_type)]
    return Request.build("NOTIFY", "sip:a@b", headers, made.body)


def test_the_guides_example_is_read_and_written_again():
    """EX-3, R-LST-01, R-LST-02, R-LST-03, R-LST-04, R-LST-05, R-LST-06, R-LST-07, R-CMP-01, V-10, V-24: every value
    of the example, made from publications.
    """
    example = read_message(guide("ex3.sip"))
    assert isinstance(example, Request)
    shown = read(example)
    assert (shown.uri, shown.version, shown.full) == ("sip:publisher@cisco.com", 0, True)
    resources = []
    for name in ("scalar1", "scalar2"):
        publications = [
            made(
                device(id, contact=contact, caps="at", extra="<rpid:user-input>active</rpid:user-input>"),
                person(),
                id=number,
                age=number,
            )
            for number, (id, contact) in enumerate(
                [("t31", f"sip:{name}@57.1.1.15"), ("t32", "sip:xten4@57.1.1.16")], 1
            )
        ]
        uri = f"sip:{name}@cisco.com"
        resources.append(Resource(uri, lists.ACTIVE, body=rendered(*publications, entity=uri).body))
    ours = lists.multipart(
        shown.uri,
        0,
        True,
        resources,
        media_type="application/pidf+xml",
        token="97201414-1dd1-11b2-b",
        host="10.89.51.203",
    )
    again = read(notify(ours))
    assert (again.uri, again.version, again.full) == (shown.uri, shown.version, shown.full)
    assert list(again.resources) == list(shown.resources)
    for uri, listed in shown.resources.items():
        assert again.resources[uri].state == listed.state == "active"
        assert canonical(again.resources[uri].body) == canonical(listed.body)


def test_every_state_of_a_member_can_be_told():
    """R-LST-05, RFC 4662 section 5: active with its part, pending, terminated with a reason, and not known yet."""
    body = rendered(entity="sip:a@h").body
    made_of = [
        Resource("sip:a@h", lists.ACTIVE, body=body),
        Resource("sip:b@h", lists.PENDING),
        Resource("sip:c@h", lists.TERMINATED, "noresource"),
        Resource("sip:d@h", ""),
        Resource("sip:\"<&'>@h", lists.TERMINATED, "rejected"),
    ]
    ours = lists.multipart("sip:l@h", 7, False, made_of, media_type="application/pidf+xml", token="T0", host="h")
    found = read(notify(ours))
    assert (found.version, found.full) == (7, False)
    assert found.resources == {
        "sip:a@h": Listed("active", body=body),
        "sip:b@h": Listed("pending"),
        "sip:c@h": Listed("terminated", "noresource"),
        "sip:d@h": Listed(""),
        "sip:\"<&'>@h": Listed("terminated", "rejected"),
    }


def test_resource_lists_survive_a_round_trip():
    """RFC 4826: names, display names and lists in lists."""
    buddies = [
        XmlList(
            "friends",
            "Friends",
            [Entry("sip:a@h", "Ann"), Entry("sip:b@h")],
            [XmlList("inner", "", [Entry("sip:c@h")])],
        ),
        XmlList("empty"),
    ]
    assert parse(serialize(buddies)) == buddies
    assert buddies[0].uris() == ["sip:a@h", "sip:b@h", "sip:c@h"]


def xml(inner: str) -> bytes:
    return f'<resource-lists xmlns="{NAMESPACE}">{inner}</resource-lists>'.encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<",
        b"<resource-lists/>",
        b'<presence xmlns="urn:ietf:params:xml:ns:pidf"/>',
        xml("<list><entry/></list>"),
        xml("<list>" * (MAX_DEPTH + 1) + "</list>" * (MAX_DEPTH + 1)),
        xml("<list>" + '<entry uri="sip:a@h"/>' * (MAX_ENTRIES + 1) + "</list>"),
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + xml('<list><entry uri="sip:a@h"/></list>'),
    ],
)
def test_a_bad_resource_list_is_refused(body):
    """D-39."""
    with pytest.raises(MalformedDocument):
        parse(body)


def test_a_resource_list_has_a_size():
    """D-39."""
    with pytest.raises(DocumentTooLarge):
        parse(xml(" " * MAX_DOCUMENT))


@given(st.binary(max_size=300) | st.text(alphabet='<>/="list enrtyuri:sp@&;!-', max_size=200).map(lambda t: xml(t)))
def test_any_bytes_are_read_or_refused(body):
    """D-39: no other error than those of the engine."""
    try:
        found = parse(body)
    except DomainError:
        return
    etree.fromstring(serialize(found))

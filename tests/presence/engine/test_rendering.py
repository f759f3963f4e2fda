"""Rendered documents as watchers get them: the guide's examples, bytes that simple clients search for, and schemas."""

import pytest
from lxml import etree

from presence.engine.composition import render
from presence.engine.filtering import PHONE_ONLY, View
from tests import schemas
from tests.presence.engine.documents import (
    XTEN3,
    canonical,
    composed,
    data,
    device,
    made,
    person,
    presence,
    rendered,
)


def same(body: bytes, expected: bytes) -> bool:
    return canonical(body) == canonical(expected)


def test_the_guides_notification():
    """EX-2, R-NTF-05, R-NTF-06, R-NTF-17: composed of two components, value by value."""
    whole = data("ex2.xml").decode()
    start, middle, end = whole.index("<tuple"), whole.index('<tuple id="t32"'), whole.index("<dm:person")
    first = made(body=(whole[:middle] + whole[end:]).encode(), id=1, age=1)
    second = made(body=(whole[:start] + whole[middle:]).encode(), id=2, age=2)
    got = rendered(first, second, entity="sip:xten3@compB.cisco.com")
    assert same(got.body, data("ex2.xml"))


def test_the_guides_publication_comes_back():
    """EX-4, R-EXT-01: one component is rendered as it was published, source included."""
    assert same(rendered(made(body=data("ex4.xml")), entity="sip:xten3@compB.cisco.com").body, data("ex4.xml"))


def test_a_foreign_phones_state():
    """EX-9, EX-10, R-FRN-05, R-FRN-06, R-FRN-12, R-PUB-23, R-PUB-31: translated, busy, audio by the table."""
    joe = made(body=data("ex9.xml"), user_agent="Cisco-CCM5.1", mapping_priority=5)
    got = rendered(joe, entity="sip:joe@cisco.com")
    assert same(got.body, data("ex10.xml"))
    assert set(etree.fromstring(got.body).nsmap) == {None, "dm", "rpid", "sc"}


def test_the_entity_is_what_the_watcher_asked_for():
    """D-29, V-14: the alias, in the placeholder too; contacts are left as published."""
    body = rendered(made(device(contact="sip:xten3@57.1.1.15:5062;transport=tcp")), entity="sip:joe@cisco.com").body
    assert b'entity="sip:joe@cisco.com"' in body and b">sip:xten3@57.1.1.15:5062;transport=tcp<" in body
    assert rendered(entity="sip:joe@cisco.com").body.count(b"sip:joe@cisco.com") == 2


@pytest.mark.parametrize("entity", ["sip:a&b@h", "sip:\"'<>@h", "sip:a\x01\ud800\n@h", "sip:%e9@h", "sip:é@[::1]"])
def test_an_odd_entity_does_no_harm(entity):
    """D-39: whatever stands in an address, the document is well-formed."""
    root = etree.fromstring(rendered(entity=entity).body)
    assert root.get("entity") == "".join(letter if letter.isprintable() else "?" for letter in entity)


def test_the_text_that_simple_clients_search_for():
    """D-41, D-42: baresip and libpurple look for these bytes."""
    body = rendered(made(device(basic="\n open\n"), person("rpid:on-the-phone"))).body
    for text in (b"<basic>open</basic>", b"<rpid:busy/>", b"<rpid:on-the-phone/>", b"<presence xmlns=", b"<tuple id="):
        assert text in body
    assert body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\r\n') and body.endswith(b"</presence>\r\n")


def test_only_the_namespaces_in_use_are_declared():
    """D-41: on presence, in one order."""
    plain = rendered(made(device())).body
    assert b"xmlns:so=" not in plain
    full = rendered(made(body=data("ex4.xml"))).body
    order = [full.index(f"xmlns:{prefix}=".encode()) for prefix in ("dm", "rpid", "ce", "sc", "so")]
    assert order == sorted(order)


def test_a_document_is_built_once_for_each_view():
    """DESIGN 4: the same state gives the same bytes, for each entity its own."""
    state = composed(made(device()))
    once, again = (render(state, entity=XTEN3, view=View()) for _ in range(2))
    assert once == again and len(state._sheets) == 1
    assert render(state, entity=XTEN3, view=View.of([PHONE_ONLY])).digest != once.digest
    assert render(state, entity="sip:other@h", view=View()).digest == once.digest


@pytest.mark.parametrize(
    "name", ["ex2.xml", "ex4.xml", "ex9.xml", "misprints.xml", "no_namespace.xml", "old_activity.xml", "linphone.xml"]
)
def test_what_is_emitted_is_valid(name):
    """R-STD-04, R-STD-06, R-STD-07, section 12.3: by the schemas of RFC 3863, 4479 and 4480."""
    schemas.assert_valid(rendered(made(body=data(name))).body)


def test_many_components_are_valid_too():
    """R-STD-04, D-27, D-42: clashing ids, notes, devices, a placeholder."""
    note = "<note xml:lang='en'>hi</note>"
    gadget = "<dm:device id='d'><dm:deviceID>urn:x:{}</dm:deviceID></dm:device>"
    parts = [
        made(
            device("p1", contact=f"sip:{number}@h", after="<note>n</note>"),
            note,
            gadget.format(number),
            person("rpid:tv"),
            id=number,
        )
        for number in range(4)
    ]
    schemas.assert_valid(rendered(*parts).body)
    schemas.assert_valid(rendered().body)
    schemas.assert_valid(
        rendered(
            made(body=presence(person("x:y", extra="<dm:note>n</dm:note><rpid:mood><rpid:sad/></rpid:mood>")))
        ).body
    )

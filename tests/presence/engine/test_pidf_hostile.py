"""Documents that want to do harm (D-39)."""

import pytest

from presence.engine import pidf
from presence.engine.errors import DocumentTooLarge, MalformedDocument
from tests.presence.engine.documents import data, device, parse, presence


@pytest.mark.parametrize("name", ["doctype.xml", "entity_bomb.xml", "external_entity.xml"])
@pytest.mark.parametrize("dialects", [True, False])
def test_a_document_type_declaration_is_refused(name, dialects):
    """D-39: no DTD, no entity, no file, no network, whatever the DTD holds."""
    with pytest.raises(MalformedDocument):
        parse(data(name), dialects)


@pytest.mark.parametrize("doctype", ["<!DOCTYPE presence>", "<!DOCTYPE presence []>", '<!DOCTYPE p PUBLIC "a" "b">'])
def test_even_an_empty_declaration(doctype):
    """D-39: also in another encoding, where its letters are not found by looking at bytes."""
    text = doctype + presence(device()).decode()
    for body in (text.encode(), text.encode("utf-16")):
        with pytest.raises(MalformedDocument):
            parse(body)


def test_an_undefined_entity_is_not_well_formed():
    """D-39: nothing is looked up; the five of XML itself are read."""
    with pytest.raises(MalformedDocument):
        parse(presence("<note>&copy;</note>"))
    assert parse(presence("<note>&lt;&amp;&#233;</note>")).notes[0].xml == "<note>&lt;&amp;é</note>".encode()


def test_size_is_looked_at_before_anything_else():
    """D-39: 413 beyond the limit, even for what is no XML; at the limit it is read."""
    padding = pidf.MAX_DOCUMENT - len(presence(device()))
    assert len(parse(presence(device(), " " * padding)).tuples) == 1
    with pytest.raises(DocumentTooLarge) as refusal:
        parse(presence(device(), " " * (padding + 1)))
    assert refusal.value.limit == pidf.MAX_DOCUMENT
    with pytest.raises(DocumentTooLarge):
        parse(b"\0" * (pidf.MAX_DOCUMENT + 1))


def nested(levels: int) -> bytes:
    return presence("<x:a>" * levels + "</x:a>" * levels)


@pytest.mark.parametrize("levels", [pidf.MAX_DEPTH, 300, 2500])
def test_depth_has_a_limit(levels):
    """D-39: one level too many, more than the parser itself takes, and more than a stack would."""
    with pytest.raises(MalformedDocument):
        parse(nested(levels))


def test_up_to_the_depth_limit_it_is_read():
    """D-39, R-EXT-01: the limit includes the root."""
    assert parse(nested(pidf.MAX_DEPTH - 1)).extensions[0].xml.count(b"<x:a") == pidf.MAX_DEPTH - 1


@pytest.mark.parametrize(
    "children",
    [
        "<x:a " + " ".join(f'a{number}="1"' for number in range(pidf.MAX_ATTRIBUTES + 1)) + "/>",
        "<x:a/>" * pidf.MAX_ELEMENTS,
        "".join(device(f"t{number}") for number in range(pidf.MAX_TUPLES + 1)),
    ],
    ids=["attributes", "elements", "tuples"],
)
def test_counts_have_limits(children):
    """D-39: attributes, elements, tuples."""
    with pytest.raises(MalformedDocument):
        parse(presence(children))


def test_as_many_tuples_as_are_allowed():
    """D-39: the limit itself is allowed."""
    body = presence(*(device(f"t{number}") for number in range(pidf.MAX_TUPLES)))
    assert len(parse(body).tuples) == pidf.MAX_TUPLES


@pytest.mark.parametrize(
    "body",
    [
        presence("<x:a b='1' b='2'/>"),
        presence("<x:a xmlns:y='urn:example:weather' x:b='1' y:b='2'/>"),
        presence("<x:a xmlns:z=''/>"),
        presence("<x:a:b/>"),
        presence("<x:a>\x01</x:a>"),
        presence("<x:a>&#0;</x:a>"),
        presence("]]>"),
        b"\xef\xbb\xbf",
        b"\xff\xfe<\x00",
    ],
)
def test_broken_xml_of_many_kinds(body):
    """D-39: doubled attributes, names with two colons, control characters, half encodings."""
    with pytest.raises(MalformedDocument):
        parse(body)


@pytest.mark.parametrize("filler", [b" ", b" xmlns=", b' xmlns=" ', b"<r:a ", b" r:", b"\n<"])
def test_the_second_parse_takes_its_time_once(filler):
    """D-39: nothing in a document of the largest size makes the search for undeclared prefixes crawl."""
    head = b'<presence xmlns=" urn:ietf:params:xml:ns:pidf" entity="sip:a@b"><r:a/> xmlns:q="'
    with pytest.raises(MalformedDocument):
        parse(head + filler * ((pidf.MAX_DOCUMENT - len(head)) // len(filler)))


def test_long_names_are_carried():
    """D-39, R-EXT-01: they are read like any other, and not remembered."""
    name = "n" * 4000
    extension = f'<q:{name} xmlns:q="urn:{name}"/>'
    assert parse(presence(extension, f"<rpid:{name}/>")).extensions[0].xml == extension.encode()


def test_two_dialects_of_one_attribute_do_not_collide():
    """D-39: two namespaces that mean the same must not end as a doubled attribute."""
    doubled = (
        '<x:a xmlns:o="urn:ietf:params:xml:ns:pidf:rpidf" xmlns:n="urn:ietf:params:xml:ns:pidf:rpid" n:b="1" o:b="2"/>'
    )
    assert parse(presence(doubled)).extensions[0].xml.count(b"rpid:b=") == 1

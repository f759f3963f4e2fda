"""Reading well-formed presence documents (RFC 3863, 4479, 4480; section 12.3)."""

import pytest

from presence.engine.errors import MalformedDocument
from presence.engine.types import Capabilities
from tests.presence.engine.documents import MANUAL, data, device, parse, person, presence


def names(fragments):
    return [fragment.name.rpartition("}")[2] for fragment in fragments]


@pytest.mark.parametrize("dialects", [True, False])
def test_the_guides_publication(dialects):
    """Tuple, source, classes of service, user-input and person are read.

    EX-4, R-PUB-08, R-PUB-09, R-PUB-10, R-PUB-20.
    """
    document = parse(data("ex4.xml"), dialects)
    (only,) = document.tuples
    assert (only.id, only.basic, only.contact, only.priority) == ("t0", "open", "sip:xten3@57.1.1.15", "1")
    assert only.capabilities == Capabilities(audio=True, video=False, text=True)
    assert names(only.extensions) == ["source", "user-input"]
    assert document.sources == (MANUAL,)
    assert names(document.activities) == ["available"]
    assert document.entity == "sip:xten3@compB.cisco.com"


def test_the_guides_notification_is_read_by_a_client_of_ours():
    """EX-2, R-EXT-02, R-NTF-06: several tuples."""
    assert [one.id for one in parse(data("ex2.xml")).tuples] == ["t31", "t32"]


def test_elements_come_in_any_order():
    """Section 12.3: person first, contact before status; the same content is read."""
    orderly = presence(device(caps="at", source=MANUAL), person("rpid:busy"))
    unruly = presence(
        person("rpid:busy"),
        '<tuple id="t1"><contact priority="1">sip:xten3@57.1.1.15</contact><sc:servcaps><sc:text>true</sc:text>'
        f"<sc:video>false</sc:video><sc:audio>true</sc:audio></sc:servcaps><so:source>{MANUAL}</so:source>"
        "<status><basic>open</basic></status></tuple>",
    )
    assert parse(unruly) == parse(orderly)


@pytest.mark.parametrize(
    ("text", "basic"),
    [
        ("open", "open"),
        ("closed", "closed"),
        (" Open ", "open"),
        ("\n CLOSED", "closed"),
        ("unknown", None),
        ("", None),
    ],
)
def test_basic_is_open_closed_or_neither(text, basic):
    """D-42: what is neither, as baresip's "unknown", says nothing."""
    assert parse(presence(device(basic=text))).tuples[0].basic == basic
    assert parse(presence("<tuple id='a'><status/></tuple>")).tuples[0].basic is None
    assert parse(presence("<tuple id='a'/>")).tuples[0].basic is None


def test_source_is_collapsed():
    """R-PUB-09, R-PUB-12, V-16, section 12.3: white space at the ends is removed, inner white space collapsed."""
    assert parse(presence(device(source="\n Manually   set\tby persona "))).sources == (MANUAL,)
    assert parse(presence(device(source="  "))).sources == ()


def test_stray_text_is_ignored():
    """V-12: text between elements that hold no text."""
    stray = presence("stray", device(caps="t").replace("<sc:text>", ">><sc:text>"), "> ", person("rpid:busy"), "end")
    assert parse(stray) == parse(presence(device(caps="t"), person("rpid:busy")))


def test_servcaps_without_a_class_say_nothing():
    """R-PUB-31, section 7.3: an empty or unreadable group leaves it to the table; a partial one is taken as it is."""
    empty = parse(presence(device(extra="<sc:servcaps/>"))).tuples[0]
    unread = parse(presence(device(extra="<sc:servcaps><sc:audio>maybe</sc:audio></sc:servcaps>"))).tuples[0]
    partial = parse(presence(device(extra="<sc:servcaps><sc:audio>true</sc:audio></sc:servcaps>"))).tuples[0]
    assert empty.capabilities is None and unread.capabilities is None
    assert partial.capabilities == Capabilities(audio=True, video=False, text=False)


def test_a_person_needs_no_id_and_several_are_one():
    """Section 12.3, V-18, D-26: ids of persons carry no meaning; of what two persons say, the first counts."""
    two = presence(
        "<dm:person><rpid:activities><rpid:meal/></rpid:activities><dm:note>one</dm:note></dm:person>",
        "<dm:person id='p3'><rpid:activities><rpid:tv/></rpid:activities><dm:note>two</dm:note><rpid:mood/>"
        "</dm:person>",
    )
    document = parse(two)
    assert names(document.activities) == ["meal", "tv"]
    assert [fragment.xml for fragment in document.person] == [b"<dm:note>one</dm:note>", b"<rpid:mood/>"]


def test_a_note_among_activities_becomes_the_persons_note():
    """R-EXT-01: the text is carried, and the state stays the first child of activities."""
    activities = "<rpid:activities><rpid:note>in Rome</rpid:note><rpid:travel/></rpid:activities>"
    document = parse(presence(f"<dm:person id='a'>{activities}</dm:person>"))
    assert names(document.activities) == ["travel"]
    assert [fragment.xml for fragment in document.person] == [b"<dm:note>in Rome</dm:note>"]


def test_timestamps_that_are_none_are_dropped():
    """R-EXT-01: what no schema would accept is not passed on as a timestamp."""
    good = device(after="<timestamp>2026-02-28T12:00:00.5+01:00</timestamp>")
    for bad in ("yesterday", "2026-02-30T00:00:00Z", "2026-02-28", ""):
        assert parse(presence(device(after=f"<timestamp>{bad}</timestamp>"))).tuples[0].timestamp is None
    assert parse(presence(good)).tuples[0].timestamp is not None


@pytest.mark.parametrize("priority", ["", "2", "0.1234", "high", "-1"])
def test_a_priority_that_is_no_q_value_is_dropped(priority):
    """R-NTF-17: the schema's qvalue."""
    body = presence(device().replace('priority="1"', f'priority="{priority}"'))
    assert parse(body).tuples[0].priority is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_declared_encodings_are_read(encoding):
    """R-STD-04: the XML declaration decides; a byte order mark and leading line ends do no harm."""
    text = presence(device(after="<note>à côté</note>")).decode()
    document = parse(f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode(encoding))
    assert document.tuples[0].notes[0].xml == "<note>à côté</note>".encode()
    assert parse(b"\r\n" + text.encode()) == document


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"hello",
        b"<presence",
        data("end_tag.xml"),
        b"<other/>",
        b'<presence xmlns="urn:ietf:params:xml:ns:pidf"/>',
        b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity=" "/>',
        b'<presence xmlns="urn:example:other" entity="sip:a@b"/>',
        b'<tuple xmlns="urn:ietf:params:xml:ns:pidf" id="a"/>',
        b"<?xml version='1.0' encoding='klingon'?><presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@b'/>",
        b"<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@b'>\xff</presence>",
        b"<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@b'/><!-- --> trailing",
    ],
)
def test_what_is_no_presence_document_is_malformed(body):
    """D-39, V-13: not well-formed, or another root element: refused with or without dialects."""
    for dialects in (True, False):
        with pytest.raises(MalformedDocument):
            parse(body, dialects)

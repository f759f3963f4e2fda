"""Any bytes, any documents: nothing but documents and domain errors comes out (D-39), and what is emitted holds."""

import re
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from presence.engine import pidf
from presence.engine.composition import component, compose, render
from presence.engine.errors import DomainError
from presence.engine.explain import explain
from presence.engine.filtering import IM_ONLY, PERSON_ONLY, PHONE_ONLY, View
from presence.engine.reachability import INSTALLED
from presence.engine.types import Document
from tests import schemas
from tests.presence.engine.documents import DATA, MANUAL, NOON, SOURCES, TABLE, device, find, person, presence

FILES = sorted(DATA.glob("*.xml"))
VIEWS = [View(), View.of([PHONE_ONLY]), View.of([IM_ONLY]), View.of([PERSON_ONLY])]
NCNAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")

words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), max_size=12
)
ACTIVITIES = ["rpid:busy", "rpid:on-the-phone", "rpid:away", "rpid:unknown", "ce:dnd", "ce:available", "rpid:meeting"]


def read(body: bytes, dialects: bool) -> Document | None:
    try:
        return pidf.parse(body, dialects=dialects)
    except DomainError:
        return None


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_read_or_refused(body, dialects):
    """D-39: nothing else than a document or a domain error."""
    read(body, dialects)


@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=6), st.integers(0, 9)), max_size=5),
)
@settings(max_examples=400)
def test_damaged_documents_are_read_or_refused(path, damages):
    """D-39: real documents with bytes replaced; what is still read can be composed and is well-formed."""
    body = path.read_bytes()
    for place, new, cut in damages:
        place %= len(body) + 1
        body = body[:place] + new + body[place + cut :]
    document = read(body, dialects=True)
    if document is not None:
        emitted(document)


TOKENS = st.sampled_from(
    [
        *("<presence ", "</presence>", "<tuple ", "</tuple>", "<status>", "</status>", "<basic>open</basic>"),
        *("<dm:person ", "</dm:person>", "<r:activities>", "</r:activities>", "<activity>busy</activity>"),
        *("<servcaps>", "</servcaps>", "<audio>", "</audio>", "true", ">", "/>", "id='a' ", "x:id='b' ", "<note>"),
        *("xmlns='urn:ietf:params:xml:ns:pidf' ", "xmlns=' urn:ietf:params:xml:ns:pidf:rpid' ", "xmlns:x='urn:x' "),
        *("xmlns:dm='' ", "entity='sip:a@b' ", "</note>", "&amp;", "&#0;", "<![CDATA[", "]]>", "<!--", "-->"),
        *("<?pi ?>", "<!DOCTYPE a>", " ", "\x00", "é"),
    ]
)


@given(st.lists(TOKENS, max_size=25).map("".join), st.booleans())
@settings(max_examples=400)
def test_soup_of_tags_is_read_or_refused(text, dialects):
    """D-39: pieces of presence documents in any order."""
    for body in (
        text.encode(),
        f"<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@b'>{text}</presence>".encode(),
    ):
        document = read(body, dialects)
        if document is not None:
            emitted(document)


def emitted(*documents: Document) -> list[bytes]:
    """Compose and render for every view; everything has to be well-formed, with unique ids."""
    parts = [
        component(
            number,
            document,
            user_agent="eyeBeam release 8888a",
            updated_at=NOON - timedelta(minutes=number),
            sources=SOURCES,
            capabilities=TABLE,
        )
        for number, document in enumerate(documents)
    ]
    state = compose(parts, rules=INSTALLED, ever_published=True)
    bodies = []
    for view in VIEWS:
        body = render(state, entity="sip:xten3@compb.cisco.com", view=view).body
        root = etree.fromstring(body)
        ids = [str(one) for one in find(root, "/p:presence/*[self::p:tuple or self::dm:person or self::dm:device]/@id")]
        assert len(ids) == len(set(ids)) and all(NCNAME.fullmatch(one) for one in ids)
        assert [element.text for element in root.iter("{*}basic")] and len(root.findall("{*}person")) >= 1
        bodies.append(body)
    assert explain(state)
    return bodies


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


@st.composite
def documents(draw) -> bytes:
    """A valid presence document with anything in it that devices publish."""
    children = []
    for _ in range(draw(st.integers(0, 3))):
        source = draw(st.sampled_from([None, MANUAL, "Desk", "Elsewhere"]))
        note = draw(words)
        children.append(
            device(
                escaped(draw(st.sampled_from(["t1", "t2", "p1", "", "1", "a b", "ü", "none"]))),
                draw(st.sampled_from(["open", "closed", "unknown", " Open ", None])),
                contact=draw(st.sampled_from([None, "sip:a@h", "sip:b@h:5060", "tel:+1555", "mailto:a@b.c"])),
                caps=draw(st.sampled_from([None, "", "a", "at", "avt"])),
                source=source,
                extra=draw(st.sampled_from(["", "<rpid:user-input>idle</rpid:user-input>", "<x:a b='1'>z</x:a>"])),
                after=f"<note>{escaped(note)}</note>" if note else "",
            )
        )
    if draw(st.booleans()):
        text = draw(words)
        children.append(
            person(
                *draw(st.lists(st.sampled_from(ACTIVITIES), max_size=3)),
                extra=draw(st.sampled_from(["", "<rpid:mood><rpid:sad/></rpid:mood>"]))
                + f"<dm:note>{escaped(text)}</dm:note>",
            )
        )
    if draw(st.booleans()):
        children.append(
            draw(
                st.sampled_from(["<x:forecast/>", "<dm:device id='t1'><dm:deviceID>urn:a:b</dm:deviceID></dm:device>"])
            )
        )
    return presence(*draw(st.permutations(children)))


@given(st.lists(documents(), max_size=4))
@settings(max_examples=150)
def test_composed_documents_are_well_formed_and_valid(bodies):
    """R-STD-04, D-27, D-42, section 12.3: ids unique, elements in the schema's order, at least one tuple."""
    for body in emitted(*(pidf.parse(body, dialects=False) for body in bodies)):
        assert len(etree.fromstring(body).findall("{*}tuple")) >= 1
        schemas.assert_valid(body)


@given(documents())
@settings(max_examples=150)
def test_rendering_and_reading_is_a_round_trip(body):
    """R-EXT-01, D-40: read, composed, rendered and read again, the devices say the same."""
    document = pidf.parse(body, dialects=True)
    one = component(1, document, user_agent=None, updated_at=NOON, sources=SOURCES, capabilities=TABLE)
    state = compose((one,), rules=INSTALLED, ever_published=True)
    first = render(state, entity="sip:a@b", view=View())
    again = pidf.parse(first.body, dialects=False)
    two = component(1, again, user_agent=None, updated_at=NOON, sources=SOURCES, capabilities=TABLE)
    if state.tuples:
        assert [(named.id, named.device.digest) for named in state.tuples] == [
            (other.id, other.digest) for other in two.devices
        ]
    assert {fragment.name for fragment in again.extensions} == {fragment.name for fragment in document.extensions}
    twice = render(compose((two,), rules=INSTALLED, ever_published=True), entity="sip:a@b", view=View())
    thrice = pidf.parse(twice.body, dialects=False)
    if state.tuples:
        assert thrice.tuples == again.tuples

"""Partial documents: applied to what the watcher has they give the next document (RFC 5262, RFC 5263)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from presence.engine import partial
from presence.engine.media import wants_partial
from tests.presence.engine.documents import NAMESPACES, canonical, device, made, person, rendered
from tests.schemas import assert_valid

DIFF = f"{{{partial.NAMESPACE}}}"


def applied(document: bytes, patch: bytes) -> bytes:
    """What a watcher makes of a pidf-full or of a pidf-diff (RFC 5261)."""
    root, change = etree.fromstring(document), etree.fromstring(patch)
    if change.tag == f"{DIFF}pidf-full":
        whole = etree.Element(f"{{{NAMESPACES['p']}}}presence", nsmap=change.nsmap)
        whole.set("entity", change.get("entity"))
        whole.extend(list(change))
        return etree.tostring(whole)
    for operation in change:
        path = operation.get("sel").replace("*/tuple", "/*/p:tuple").replace("*/dm:", "/*/dm:")
        found = [root] if path == "*" else root.xpath(path, namespaces=NAMESPACES)
        assert len(found) == 1, "a selector names exactly one element"
        (target,) = found
        if operation.tag == f"{DIFF}remove":
            target.getparent().remove(target)
        elif operation.tag == f"{DIFF}replace":
            target.getparent().replace(target, operation[0])
        elif operation.get("pos") == "prepend":
            target.insert(0, operation[0])
        else:
            target.addnext(operation[0])
    return etree.tostring(root)


def shown(*parts: tuple[str, str, str]) -> bytes:
    """The document of devices, each (id, basic, activity)."""
    components = [
        made(device(id, basic, contact=f"sip:{id}@h"), person(f"rpid:{activity}"), id=number)
        for number, (id, basic, activity) in enumerate(parts, 1)
    ]
    return rendered(*components).body


DEVICES = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from(["open", "closed"]), st.sampled_from(["busy", "meeting"])),
    unique_by=lambda part: part[0],
    max_size=5,
)


@given(DEVICES, DEVICES)
def test_a_difference_leads_to_the_next_document(before: list, after: list):
    """RFC 5262 section 4, D-42: order included."""
    old, new = shown(*before), shown(*after)
    patch = partial.diff(old, new, 2)
    if patch is None:
        patch = partial.full(new, 2)
    assert_valid(patch)
    assert canonical(applied(old, patch)) == canonical(new)


def test_a_change_of_one_device_is_small():
    """RFC 5263 section 4.4."""
    devices = [(name, "open", "meeting") for name in "abcdef"]
    old = shown(*devices)
    new = shown(*devices[:-1], ("f", "closed", "meeting"))
    moved = partial.diff(shown(("a", "open", "meeting")), shown(("a", "open", "busy")), 7)
    assert moved is not None and b"<tuple" not in moved and b'version="7"' in moved
    assert partial.diff(old, new, 2) is None, "it goes behind the open ones: the whole document says so"
    more = partial.diff(old, shown(*devices, ("g", "open", "meeting")), 3)
    assert more is not None and more.count(b"<tuple") == 1


def test_what_has_no_id_is_told_by_the_whole_document():
    """RFC 5262: carried children of presence."""
    plain = rendered(made(device("a"))).body
    noted = rendered(made(device("a"), "<x:forecast/>")).body
    assert partial.diff(plain, noted, 2) is None


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("application/pidf+xml, application/pidf-diff+xml", True),
        ("application/pidf+xml, application/PIDF-diff+xml;q=0.9", True),
        ("application/pidf-diff+xml;q=0, application/pidf+xml", False),
        ("application/*", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_only_those_who_ask_get_partial_documents(accept: str, wanted: bool):
    """RFC 5263 section 4.1."""
    assert wants_partial(accept) is wanted

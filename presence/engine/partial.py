"""Partial presence documents: the whole once, then what has changed (RFC 5262, RFC 5263).

Two successive documents of one view are compared child by child. Tuples and the person, which have ids, are added,
replaced and removed one by one; any other difference is told by the whole document.
"""

from lxml import etree

from presence.engine.fragments import escape_value
from presence.engine.namespaces import DATA_MODEL, PIDF, PREFIXES
from presence.engine.pidf import PARSER

NAMESPACE = "urn:ietf:params:xml:ns:pidf-diff"

_TUPLE = f"{{{PIDF}}}tuple"
_PERSON = f"{{{DATA_MODEL}}}person"
_DECLARED = "".join(f' xmlns:{prefix}="{namespace}"' for namespace, (prefix, _) in PREFIXES.items())

_DECLARATIONS = [f' xmlns="{PIDF}"'.encode()] + [
    f' xmlns:{prefix}="{namespace}"'.encode() for namespace, (prefix, _) in PREFIXES.items()
]
"As they stand in a start tag; in an attribute's value quotes are escaped."


def full(document: bytes, version: int) -> bytes:
    """The whole document as a pidf-full; `version` counts the notifications of one subscription.

    Carried attributes of `<presence>` have no place on its root.
    """
    root = etree.fromstring(document, PARSER)
    inside = b"".join(_bytes(child) for child in root)
    attributes = f' entity="{escape_value(root.get("entity") or "")}"'
    return _root("pidf-full", attributes, version, inside)


def diff(before: bytes, after: bytes, version: int) -> bytes | None:
    """What leads from one document to the next as a pidf-diff; None when only the whole document can tell."""
    old, new = (etree.fromstring(document, PARSER) for document in (before, after))
    if old.items() != new.items() or _others(old) != _others(new):
        return None
    was, now = (_tuples(root) for root in (old, new))
    if was is None or now is None or [id for id in was if id in now] != [id for id in now if id in was]:
        return None
    changes = [f'<p:remove sel="{_selector(id)}"/>'.encode() for id in was if id not in now]
    changes += [
        b'<p:replace sel="%s">%s</p:replace>' % (_selector(id).encode(), element)
        for id, element in now.items()
        if id in was and was[id] != element
    ]
    position = 'sel="*" pos="prepend"'
    for id, element in now.items():
        if id not in was:
            changes.append(f"<p:add {position}>".encode() + element + b"</p:add>")
        position = f'sel="{_selector(id)}" pos="after"'
    persons = [root.find(_PERSON) for root in (old, new)]
    if persons[0] is None or persons[1] is None:
        return None
    if (person := _bytes(persons[1])) != _bytes(persons[0]):
        changes.append(b'<p:replace sel="*/dm:person">' + person + b"</p:replace>")
    attributes = f' entity="{escape_value(new.get("entity") or "")}"'
    return _root("pidf-diff", attributes, version, b"".join(changes))


def _root(name: str, attributes: str, version: int, inside: bytes) -> bytes:
    head = (
        f'<?xml version="1.0" encoding="UTF-8"?>\r\n<p:{name} xmlns="{PIDF}" xmlns:p="{NAMESPACE}"{_DECLARED}'
        f'{attributes} version="{version}">'
    )
    return head.encode() + inside + f"</p:{name}>\r\n".encode()


def _tuples(root: etree._Element) -> dict[str, bytes] | None:
    """Tuples by id; None when a selector could not name one of them."""
    found = {element.get("id") or "": _bytes(element) for element in root.iterchildren(_TUPLE)}
    return None if any('"' in id or "'" in id for id in found) else found


def _selector(id: str) -> str:
    return f"*/tuple[@id='{escape_value(id)}']"


def _others(root: etree._Element) -> list[bytes]:
    """Everything beside tuples and the person."""
    return [_bytes(child) for child in root if child.tag not in (_TUPLE, _PERSON)]


def _bytes(element: etree._Element) -> bytes:
    """An element by itself, without the declarations that our root has: the same for the same content."""
    head, bracket, rest = etree.tostring(element, with_tail=False).partition(b">")
    for declaration in _DECLARATIONS:
        head = head.replace(declaration, b"")
    return head + bracket + rest

"""Resource lists as XML (RFC 4826): read from a SUBSCRIBE (RFC 5367) or a REST door, and written for it.

No DTD, no entity, no network; a document over a limit ends in a domain error.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from lxml import etree

from presence.engine.errors import DocumentTooLarge, MalformedDocument
from presence.engine.pidf import PARSER

NAMESPACE = "urn:ietf:params:xml:ns:resource-lists"

MAX_DOCUMENT = 256 * 1024
"Bytes: a thousand entries with names."

MAX_ENTRIES = 1000
"Entries of one document: several times what people have in a buddy list."

MAX_DEPTH = 5
"Levels of lists in lists."


@dataclass(slots=True)
class Entry:
    """One resource."""

    uri: str
    name: str = ""


@dataclass(slots=True)
class XmlList:
    """A named list of entries and lists."""

    name: str = ""
    display_name: str = ""
    entries: list[Entry] = field(default_factory=list)
    lists: list["XmlList"] = field(default_factory=list)

    def uris(self) -> list[str]:
        """Every address in it, lists in lists included, in document order, each once."""
        found = dict.fromkeys(entry.uri for entry in self.entries)
        for one in self.lists:
            found.update(dict.fromkeys(one.uris()))
        return list(found)


def parse(body: bytes) -> list[XmlList]:
    """The lists of a document; raises DocumentTooLarge or MalformedDocument."""
    if len(body) > MAX_DOCUMENT:
        raise DocumentTooLarge(MAX_DOCUMENT)
    try:
        root = etree.fromstring(body.lstrip(b" \t\r\n"), PARSER)
    except (etree.LxmlError, ValueError, LookupError) as error:
        raise MalformedDocument(f"not well-formed: {error}") from None
    if root is None or root.tag != f"{{{NAMESPACE}}}resource-lists":
        raise MalformedDocument("not a resource-lists document")
    if root.getroottree().docinfo.internalDTD is not None:
        raise MalformedDocument("a document type declaration is not accepted")
    found = [_list(child, 1) for child in root if child.tag == f"{{{NAMESPACE}}}list"]
    if sum(map(_count, found)) > MAX_ENTRIES:
        raise MalformedDocument(f"more than {MAX_ENTRIES} entries")
    return found


def _list(element: etree._Element, depth: int) -> XmlList:
    if depth > MAX_DEPTH:
        raise MalformedDocument(f"lists in lists, more than {MAX_DEPTH} deep")
    found = XmlList(name=(element.get("name") or "").strip(), display_name=_display_name(element))
    for child in element:
        if child.tag == f"{{{NAMESPACE}}}entry":
            uri = (child.get("uri") or "").strip()
            if not uri:
                raise MalformedDocument("an entry without uri")
            found.entries.append(Entry(uri, _display_name(child)))
        elif child.tag == f"{{{NAMESPACE}}}list":
            found.lists.append(_list(child, depth + 1))
    return found


def _display_name(element: etree._Element) -> str:
    child = element.find(f"{{{NAMESPACE}}}display-name")
    return " ".join((child.text or "").split()) if child is not None else ""


def _count(one: XmlList) -> int:
    return len(one.entries) + sum(map(_count, one.lists))


def serialize(lists: Iterable[XmlList]) -> bytes:
    """The document of these lists."""
    root = etree.fromstring(f'<resource-lists xmlns="{NAMESPACE}"/>')
    for one in lists:
        root.append(_element(one))
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _element(one: XmlList) -> etree._Element:
    element = etree.Element(f"{{{NAMESPACE}}}list")
    if one.name:
        element.set("name", one.name)
    _say_name(element, one.display_name)
    for entry in one.entries:
        child = etree.SubElement(element, f"{{{NAMESPACE}}}entry", uri=entry.uri)
        _say_name(child, entry.name)
    for inner in one.lists:
        element.append(_element(inner))
    return element


def _say_name(element: etree._Element, name: str) -> None:
    if name:
        etree.SubElement(element, f"{{{NAMESPACE}}}display-name").text = name

"""Reading presence documents (RFC 3863, 4479, 4480; REQUIREMENTS section 12, D-28, D-39).

Any bytes end in a `Document` or in a domain error. The parser knows no DTD, no entity and no network. Elements
come in any order, stray text between them is ignored, and what the engine has no use for is carried.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from lxml import etree

from presence.engine.errors import DocumentTooLarge, MalformedDocument
from presence.engine.fragments import FragmentWriter, leaf
from presence.engine.namespaces import (
    DATA_MODEL,
    PIDF,
    RPID,
    SERVCAPS,
    SOURCE,
    UNDECLARED,
    Name,
    activity,
    capability,
    old_activity,
)
from presence.engine.types import Attribute, Capabilities, Document, Fragment, PresenceTuple

MAX_DOCUMENT = 32 * 1024
"Bytes: what a watcher without TCP is told has to fit into one datagram, with room for other devices."

MAX_DEPTH = 32
"Levels of elements; documents of real clients have six or seven."

MAX_ELEMENTS = 4096
"Elements of one document; keeps the time for one document in milliseconds."

MAX_ATTRIBUTES = 1024
"Attributes of one document, for the same reason."

_SURELY_FEW = 4 * min(MAX_ELEMENTS, MAX_ATTRIBUTES)
"Bytes in which neither limit can be reached: `<a/>` and ` a=''` have four or more."

MAX_TUPLES = 64
"Tuples of one document; each is a device or service of one person."

Count = Callable[[str], None]

PARSER = etree.XMLParser(
    resolve_entities=False,
    no_network=True,
    huge_tree=False,
    load_dtd=False,
    dtd_validation=False,
    remove_comments=True,
    remove_pis=True,
)
_TOO_DEEP = etree.XPath("boolean(" + "/*" * (MAX_DEPTH + 1) + ")")
_ELEMENTS = etree.XPath("count(//*)")
_ATTRIBUTES = etree.XPath("count(//@*)")

_NAMESPACE_ERRORS = frozenset({etree.ErrorTypes.NS_ERR_UNDEFINED_NAMESPACE, etree.ErrorTypes.WAR_NS_URI})
"A prefix without a declaration; a namespace name that is no URI, as one with white space around it is not."

_DECLARATION = re.compile(rb"""(\sxmlns(?::[\w.-]+)?\s*=\s*)("[^"<]*"|'[^'<]*')""")
_ROOT_NAME = re.compile(rb"<(?![?!])[^\s/>]+")
_Q_VALUE = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-](0\d|1[0-3]):\d\d)?", re.ASCII)

_ID = frozenset({"id"})
_ENTITY = frozenset({"entity"})
_PRIORITY = frozenset({"priority"})
_CLASSES = ("audio", "video", "text")


def parse(body: bytes, *, dialects: bool, count: Count | None = None) -> Document:
    """Read one document.

    `dialects`: also accept what section 12 lists as "accept also"; `count` is called with the name of each dialect
    that was met, once. Raises DocumentTooLarge or MalformedDocument, nothing else.
    """
    if len(body) > MAX_DOCUMENT:
        raise DocumentTooLarge(MAX_DOCUMENT)
    writer = FragmentWriter(dialects=dialects)
    root = _tree(body, writer)
    if body.count(b"<") > MAX_DEPTH and _TOO_DEEP(root):
        raise MalformedDocument(f"more than {MAX_DEPTH} levels of elements")
    if len(body) > _SURELY_FEW and (
        _number(_ELEMENTS(root)) > MAX_ELEMENTS or _number(_ATTRIBUTES(root)) > MAX_ATTRIBUTES
    ):
        raise MalformedDocument("too many elements or attributes")
    document = _Reader(writer).document(root)
    if count is not None:
        for name in writer.used:
            count(name)
    return document


def _number(value: object) -> float:
    return value if isinstance(value, float) else 0.0


def _tree(body: bytes, writer: FragmentWriter) -> etree._Element:
    body = body.lstrip(b" \t\r\n")
    try:
        root = etree.fromstring(body, PARSER)
    except etree.XMLSyntaxError as error:
        if not writer.dialects or getattr(error, "code", None) not in _NAMESPACE_ERRORS:
            raise MalformedDocument(f"not well-formed: {error.msg}") from None
        root = _second_parse(body, writer)
    except (ValueError, LookupError, etree.LxmlError) as error:
        raise MalformedDocument(f"not readable: {error}") from None
    if root is None:
        raise MalformedDocument("no element")
    if root.getroottree().docinfo.internalDTD is not None:
        raise MalformedDocument("a document type declaration is not accepted")
    return root


def _second_parse(body: bytes, writer: FragmentWriter) -> etree._Element:
    """Once more with the usual meaning of undeclared prefixes, and without white space in namespaces (12.1, 12.3)."""
    trimmed = _DECLARATION.sub(_trimmed, body)
    if trimmed != body:
        writer.note("namespace-white-space")
    start = _ROOT_NAME.search(trimmed)
    if start is not None:
        head = trimmed[start.end() : trimmed.find(b">", start.end())]
        missing = [
            (prefix, namespace)
            for prefix, namespace in UNDECLARED.items()
            if f"xmlns:{prefix}=".encode() not in head.replace(b" ", b"")
            and re.search(rf"[<\s/]{prefix}:".encode(), trimmed)
        ]
        if missing:
            writer.note("undeclared-prefix")
            declarations = "".join(f' xmlns:{prefix}="{namespace}"' for prefix, namespace in missing)
            trimmed = trimmed[: start.end()] + declarations.encode() + trimmed[start.end() :]
    try:
        return etree.fromstring(trimmed, PARSER)
    except (etree.LxmlError, ValueError, LookupError) as error:
        raise MalformedDocument(f"not well-formed: {error}") from None


def _trimmed(match: re.Match[bytes]) -> bytes:
    quote = match[2][:1]
    return match[1] + quote + match[2][1:-1].strip() + quote


def boolean(text: str, *, dialects: bool) -> bool | None:
    """A boolean of section 12.3; None for anything else. The schema's own spellings need no dialect."""
    word = text.strip()
    if dialects:
        word = word.removeprefix(">").strip().lower()
    return {"true": True, "1": True, "false": False, "0": False}.get(word)


@dataclass(slots=True)
class _Status:
    """What the `<status>` of a tuple said."""

    basic: str | None = None
    fragments: list[Fragment] = field(default_factory=list)
    attributes: tuple[Attribute, ...] = ()


class _Reader:
    """One document on its way from elements to values."""

    def __init__(self, writer: FragmentWriter) -> None:
        self.writer = writer
        self.dialects = writer.dialects
        self.sources: list[str] = []
        self.person_activities: list[Fragment] = []
        self.tuple_activities: list[Fragment] = []
        self.activity_notes: list[Fragment] = []
        self.person: dict[str, list[Fragment]] = {}
        self.person_attributes: dict[tuple[str, str], Attribute] = {}

    def document(self, root: etree._Element) -> Document:
        if self.writer.name(root)[:2] != (PIDF, "presence"):
            raise MalformedDocument("not a presence document")
        entity = (root.get("entity") or "").strip()
        if not entity:
            raise MalformedDocument("no entity")
        if ":" not in entity:
            if not self.dialects:
                raise MalformedDocument("entity is not a URI")
            self.writer.note("entity-without-scheme")
        tuples: list[PresenceTuple] = []
        notes: list[Fragment] = []
        extensions: list[Fragment] = []
        for child in root:
            name = self.writer.name(child)
            if name[:2] == (PIDF, "tuple"):
                tuples.append(self._tuple(child))
            elif name[:2] == (DATA_MODEL, "person"):
                self._person(child)
            elif name[:2] == (PIDF, "note"):
                notes.append(self.writer.fragment(child, name))
            elif name[:2] == (RPID, "activities"):
                self._activities(child, self.person_activities)
            else:
                extensions.append(self._carried(child, name))
        if len(tuples) > MAX_TUPLES:
            raise MalformedDocument(f"more than {MAX_TUPLES} tuples")
        if self.activity_notes and (key := f"{{{DATA_MODEL}}}note") not in self.person:
            self.person[key] = self.activity_notes
        return Document(
            entity=entity,
            tuples=tuple(tuples),
            activities=(*self.person_activities, *self.tuple_activities),
            person=tuple(fragment for group in self.person.values() for fragment in group),
            person_attributes=tuple(self.person_attributes.values()),
            notes=tuple(notes),
            extensions=tuple(extensions),
            attributes=self.writer.attributes(root, _ENTITY),
            sources=tuple(self.sources),
        )

    def _carried(self, element: etree._Element, name: Name) -> Fragment:
        """An element that goes on as it is; a `<source>` is also remembered."""
        if name[:2] == (SOURCE, "source"):
            text = " ".join("".join(str(piece) for piece in element.itertext()).split())
            if text:
                self.sources.append(text)
        return self.writer.fragment(element, name)

    def _tuple(self, element: etree._Element) -> PresenceTuple:
        status = _Status()
        capabilities: Capabilities | None = None
        servcaps: list[Fragment] = []
        extensions: list[Fragment] = []
        notes: list[Fragment] = []
        contact: str | None = None
        priority: str | None = None
        contact_attributes: tuple[Attribute, ...] = ()
        timestamp: Fragment | None = None
        for child in element:
            name = self.writer.name(child)
            key = name[:2]
            if key == (PIDF, "status"):
                self._status(child, status)
            elif key == (SERVCAPS, "servcaps"):
                said = self._servcaps(child, servcaps)
                capabilities = capabilities or said
            elif key == (RPID, "activities"):
                self._activities(child, self.tuple_activities)
            elif key == (PIDF, "contact"):
                if contact is None:
                    contact = (child.text or "").strip()
                    wish = (child.get("priority") or "").strip()
                    priority = wish if _Q_VALUE.fullmatch(wish) else None
                    contact_attributes = self.writer.attributes(child, _PRIORITY)
            elif key == (PIDF, "note"):
                notes.append(self.writer.fragment(child, name))
            elif key == (PIDF, "timestamp"):
                timestamp = timestamp or self._timestamp(child, name)
            else:
                extensions.append(self._carried(child, name))
        return PresenceTuple(
            id=(element.get("id") or "").strip(),
            basic=status.basic,
            capabilities=capabilities,
            servcaps=tuple(servcaps),
            status=tuple(status.fragments),
            status_attributes=status.attributes,
            extensions=tuple(extensions),
            contact=contact or None,
            priority=priority,
            contact_attributes=contact_attributes,
            notes=tuple(notes),
            timestamp=timestamp,
            attributes=self.writer.attributes(element, _ID),
        )

    def _status(self, element: etree._Element, status: _Status) -> None:
        status.attributes = status.attributes or self.writer.attributes(element)
        for child in element:
            name = self.writer.name(child)
            if name[:2] == (PIDF, "basic"):
                word = (child.text or "").strip().lower()
                if status.basic is None and word in ("open", "closed"):
                    status.basic = word
            elif name[:2] == (RPID, "activities"):
                self._activities(child, self.tuple_activities)
            else:
                status.fragments.append(self._carried(child, name))

    def _servcaps(self, element: etree._Element, others: list[Fragment]) -> Capabilities | None:
        """The classes of service that a group says; what it leaves out is false, None when it says none at all."""
        said: dict[str, bool] = {}
        for child in element:
            name = capability(str(child.tag), self.dialects)
            self.writer.note(name.dialect)
            if name.namespace == SERVCAPS and name.local in _CLASSES:
                text = child.text or ""
                value = boolean(text, dialects=False)
                if value is None and self.dialects:
                    value = boolean(text, dialects=True)
                    self.writer.note("boolean")
                if value is not None:
                    said.setdefault(name.local, value)
            else:
                others.append(self.writer.fragment(child, name))
        if not said:
            return None
        return Capabilities(*(said.get(kind, False) for kind in _CLASSES))

    def _activities(self, element: etree._Element, found: list[Fragment]) -> None:
        for child in element:
            name = activity(str(child.tag), self.dialects)
            self.writer.note(name.dialect)
            if name.local == "note" and name.namespace in (RPID, DATA_MODEL, PIDF):
                self.activity_notes.append(self.writer.fragment(child, Name(DATA_MODEL, "note")))
            elif name.local == "activity" and self.dialects and len(child) == 0:
                old = old_activity(child.text or "")
                self.writer.note("old-activity")
                if old is not None:
                    found.append(leaf(old.namespace, old.local))
                elif child.text and child.text.strip():
                    found.append(self.writer.fragment(child, Name(RPID, "other")))
            else:
                found.append(self.writer.fragment(child, name))

    def _person(self, element: etree._Element) -> None:
        """Several persons are read as one; of what they both say, the first counts."""
        said: dict[str, list[Fragment]] = {}
        for child in element:
            name = self.writer.name(child)
            if name[:2] == (RPID, "activities"):
                self._activities(child, self.person_activities)
            elif name[:2] == (DATA_MODEL, "timestamp"):
                timestamp = self._timestamp(child, name)
                if timestamp is not None:
                    said.setdefault(timestamp.name, [timestamp])
            else:
                fragment = self._carried(child, name)
                said.setdefault(fragment.name, []).append(fragment)
        for key, fragments in said.items():
            self.person.setdefault(key, fragments)
        for attribute in self.writer.attributes(element, _ID):
            self.person_attributes.setdefault((attribute.namespace, attribute.local), attribute)

    def _timestamp(self, element: etree._Element, name: Name) -> Fragment | None:
        """A timestamp that a schema accepts, else nothing."""
        text = (element.text or "").strip()
        try:
            datetime.fromisoformat(text)
        except ValueError:
            return None
        return self.writer.fragment(element, name) if _DATE_TIME.fullmatch(text) and len(element) == 0 else None

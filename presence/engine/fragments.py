"""From a read element to bytes that fit into any document of ours, and to a digest of its content (D-28, D-40, D-41).

A fragment uses the prefixes that `<presence>` declares; any other namespace is declared inside it, so it can be
joined anywhere. It is made once, when its document is read.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from lxml import etree

from presence.engine.namespaces import (
    DATA_MODEL,
    KNOWN,
    PIDF,
    PREFIXES,
    RPID,
    XML,
    XSI,
    Name,
    canonical,
)
from presence.engine.types import Attribute, Fragment

RESERVED = frozenset({"xml", "xmlns", *(prefix for prefix, _ in PREFIXES.values())})
"Prefixes that a carried namespace cannot have."

DIGEST_SIZE = 8
"Bytes: 16 hexadecimal digits; enough to tell two successive states of one presentity apart."

LEAF_TEXT = 64
"Characters of an element's name and text up to which its fragment is shared between documents; bounds the cache."

_NO_LEAVES = frozenset({"note", "timestamp"})
"Their text is kept to the letter, or never the same twice."

TIMESTAMPS = frozenset({(PIDF, "timestamp"), (DATA_MODEL, "timestamp")})
"Say when something was written, not what the state is: left out of digests, so a mere refresh is not a change."

SCHEMA_HINTS = frozenset({"schemaLocation", "noNamespaceSchemaLocation"})
"They describe the document that was published, and not the one that is sent."

_TEXT = re.compile(r"[&<>\r]")
_VALUE = re.compile(r'[&<>"\r\n\t]')
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}


def escape(text: str) -> str:
    """Character data for element content."""
    return _TEXT.sub(lambda match: _ESCAPES[match[0]], text) if _TEXT.search(text) else text


def escape_value(text: str) -> str:
    """Character data for an attribute in double quotes."""
    return _VALUE.sub(lambda match: _ESCAPES[match[0]], text) if _VALUE.search(text) else text


def digest(*parts: bytes) -> bytes:
    """A digest of digests; the order of `parts` counts."""
    return blake2b(b"".join(parts), digest_size=DIGEST_SIZE).digest()


@lru_cache(maxsize=4096)
def leaf(namespace: str, local: str, text: str = "") -> Fragment:
    """An element of a namespace of ours with nothing but `text` in it: most activities, user-input, source."""
    prefix, bit = PREFIXES[namespace]
    qname = f"{prefix}:{local}"
    canon = _canon(Name(namespace, local), "", " ".join(text.split()), ())
    return Fragment(
        name=f"{{{namespace}}}{local}",
        xml=(f"<{qname}>{escape(text)}</{qname}>" if text else f"<{qname}/>").encode(),
        prefixes=bit,
        digest=blake2b(canon.encode(), digest_size=DIGEST_SIZE).digest(),
    )


def _canon(name: Name, attributes: str, text: str, children: Iterable[str]) -> str:
    """The content of an element in a form that equal content shares; control characters keep the parts apart."""
    if name[:2] in TIMESTAMPS:
        return ""
    return f"\x01{name.namespace}\x02{name.local}{attributes}\x03{text}{''.join(children)}\x04"


def attribute_name(tag: str, dialects: bool) -> Name | None:
    """The canonical name of a carried attribute; None for one that means nothing outside its own document.

    An xml:id is such a one: two components may well have used the same.
    """
    name = canonical(tag, dialects) if tag.startswith("{") else Name("", tag)
    if name.namespace == XML and name.local == "id":
        return None
    return None if name.namespace == XSI and name.local in SCHEMA_HINTS else name


def attributes_xml(attributes: Sequence[Attribute]) -> tuple[str, int]:
    """Carried attributes with the declarations they need, and the `Prefix` bits they use."""
    scope = _Scope({}, PIDF)
    declarations: list[str] = []
    pairs = []
    for attribute in attributes:
        prefix = scope.attribute_prefix(attribute.namespace, attribute.prefix, declarations)
        pairs.append(f' {prefix}{attribute.local}="{escape_value(attribute.value)}"')
    return "".join(declarations) + "".join(pairs), scope.prefixes


def attributes_digest(attributes: Iterable[Attribute]) -> bytes:
    """Equal for equal attributes in any order."""
    canon = sorted(f"\x01{a.namespace}\x02{a.local}\x03{' '.join(a.value.split())}" for a in attributes)
    return blake2b("".join(canon).encode(), digest_size=DIGEST_SIZE).digest()


class _Scope:
    """Which prefixes are declared where an element stands."""

    __slots__ = ("declared", "default", "prefixes")

    def __init__(self, declared: dict[str, str], default: str) -> None:
        self.declared = declared
        "Namespace -> prefix, of namespaces that are not known."
        self.default = default
        self.prefixes = 0

    def element(self, name: Name, wish: str | None, declarations: list[str]) -> str:
        """The qualified name of an element; adds the declaration it needs."""
        namespace = name.namespace
        if namespace in PREFIXES:
            prefix, bit = PREFIXES[namespace]
            self.prefixes |= bit
            return f"{prefix}:{name.local}"
        if namespace in ("", PIDF):
            if self.default != namespace:
                self.default = namespace
                declarations.append(f' xmlns="{namespace}"')
            return name.local
        return f"{self._prefix(namespace, wish, declarations)}:{name.local}"

    def attribute_prefix(self, namespace: str, wish: str | None, declarations: list[str]) -> str:
        """The prefix of an attribute with its colon; adds the declaration it needs."""
        if not namespace:
            return ""
        if namespace == XML:
            return "xml:"
        if namespace in PREFIXES:
            prefix, bit = PREFIXES[namespace]
            self.prefixes |= bit
            return f"{prefix}:"
        return f"{self._prefix(namespace, wish, declarations)}:"

    def _prefix(self, namespace: str, wish: str | None, declarations: list[str]) -> str:
        prefix = self.declared.get(namespace)
        if prefix is None:
            taken = set(self.declared.values()) | RESERVED
            prefix = wish if wish and wish not in taken and not wish.lower().startswith("xml") else None
            number = 1
            while prefix is None:
                prefix = f"ns{number}" if f"ns{number}" not in taken else None
                number += 1
            self.declared = {**self.declared, namespace: prefix}
            declarations.append(f' xmlns:{prefix}="{escape_value(namespace)}"')
        return prefix


class FragmentWriter:
    """Makes fragments of the elements of one document, and notes the dialects met on the way."""

    def __init__(self, *, dialects: bool) -> None:
        self.dialects = dialects
        self.used: dict[str, None] = {}
        "Names of the dialects met, in order."

    def note(self, dialect: str) -> None:
        """Remember that a dialect was used."""
        if dialect:
            self.used[dialect] = None

    def name(self, element: etree._Element) -> Name:
        """The canonical name of an element."""
        name = canonical(str(element.tag), self.dialects)
        if name.dialect:
            self.used[name.dialect] = None
        return name

    def fragment(self, element: etree._Element, name: Name | None = None) -> Fragment:
        """The element and all that is in it, under another name if one is given."""
        name = name or self.name(element)
        if len(element) == 0 and name.namespace in PREFIXES and name.local not in _NO_LEAVES and not element.keys():
            text = (element.text or "").strip()
            if len(text) + len(name.local) <= LEAF_TEXT:
                return leaf(name.namespace, name.local, text)
        out: list[str] = []
        scope = _Scope({}, PIDF)
        canon = self._write(element, name, out, scope)
        return Fragment(
            name=f"{{{name.namespace}}}{name.local}",
            xml="".join(out).encode(),
            prefixes=scope.prefixes,
            digest=blake2b(canon.encode(), digest_size=DIGEST_SIZE).digest(),
        )

    def attributes(self, element: etree._Element, known: frozenset[str] = frozenset()) -> tuple[Attribute, ...]:
        """The attributes to carry, without the `known` ones (local names in no namespace)."""
        tags = [tag for tag in map(str, element.keys()) if tag not in known]
        if not tags:
            return ()
        found: dict[tuple[str, str], Attribute] = {}
        for tag in tags:
            name = attribute_name(tag, self.dialects)
            if name is not None:
                wish = _prefix_of(element, tag)
                value = str(element.get(tag) or "")
                found.setdefault(name[:2], Attribute(name.namespace, name.local, value, wish))
        return tuple(found.values())

    def _write(self, element: etree._Element, name: Name, out: list[str], scope: _Scope) -> str:
        """Append the element's XML to `out`; the result is its content in a form that equal content shares."""
        outer = scope.declared, scope.default
        declarations: list[str] = []
        known = name.namespace in KNOWN
        untyped: Any = element  # its stub promises a prefix, which elements of the default namespace do not have
        qname = scope.element(name, untyped.prefix, declarations)
        pairs, canon_attributes = self._attributes(element, name, scope, declarations) if element.keys() else ("", "")
        out.append(f"<{qname}{''.join(declarations)}{pairs}")
        text = element.text or ""
        children: list[str] = []
        if len(element) == 0:
            if known and name.local != "note":
                text = text.strip()
            out.append(f">{escape(text)}</{qname}>" if text else "/>")
            text = " ".join(text.split())
        else:
            out.append(">")
            text = self._mixed(text, out)
            for child in element:
                # Without a namespace a name only means something of ours inside something of ours.
                foreign = not known and not str(child.tag).startswith("{")
                child_name = Name("", str(child.tag)) if foreign else self.name(child)
                children.append(self._write(child, child_name, out, scope))
                tail = self._mixed(child.tail or "", out)
                if tail:
                    children.append(f"\x05{tail}")
            out.append(f"</{qname}>")
            if known:
                children.sort()
        scope.declared, scope.default = outer
        return _canon(name, canon_attributes, text, children)

    @staticmethod
    def _mixed(text: str, out: list[str]) -> str:
        """Text between elements: layout is dropped, words are kept."""
        words = " ".join(text.split())
        if words:
            out.append(escape(text))
        return words

    def _attributes(
        self, element: etree._Element, name: Name, scope: _Scope, declarations: list[str]
    ) -> tuple[str, str]:
        """(XML, canonical form) of an element's attributes."""
        pairs: list[str] = []
        canon: list[str] = []
        for attribute in self.attributes(element):
            if attribute.local == "id" and not attribute.namespace and name.namespace == RPID:
                continue  # an xs:ID that only counts inside its own document
            value = attribute.value
            if attribute.namespace == XSI and attribute.local == "type":
                value = self._qualified(element, value, scope, declarations)
            prefix = scope.attribute_prefix(attribute.namespace, attribute.prefix, declarations)
            pairs.append(f' {prefix}{attribute.local}="{escape_value(value)}"')
            canon.append(f"\x06{attribute.namespace}\x02{attribute.local}\x03{' '.join(attribute.value.split())}")
        return "".join(pairs), "".join(sorted(canon))

    def _qualified(self, element: etree._Element, value: str, scope: _Scope, declarations: list[str]) -> str:
        """The value of xsi:type is a name with a prefix: it has to keep its meaning."""
        prefix, colon, local = value.strip().partition(":")
        namespace = element.nsmap.get(prefix) if colon else None
        if not namespace:
            return value
        name = canonical(f"{{{namespace}}}{local}", self.dialects)
        return scope.attribute_prefix(name.namespace, prefix, declarations) + name.local


def _prefix_of(element: etree._Element, tag: str) -> str:
    """The prefix that the document used for an attribute's namespace."""
    if not tag.startswith("{"):
        return ""
    namespace = tag[1:].rpartition("}")[0]
    return next((prefix for prefix, name in element.nsmap.items() if prefix and name == namespace), "")

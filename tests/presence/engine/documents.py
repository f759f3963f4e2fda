"""Presence documents and components for the engine's tests: well-formed, with one thing changed at a time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from lxml import etree

from presence.engine import pidf
from presence.engine.composition import Component, Composed, Rendered, component, compose, render
from presence.engine.filtering import View
from presence.engine.reachability import INSTALLED
from presence.engine.types import CapabilityRow, Document, SourceFacts

DATA = Path(__file__).parents[2] / "data" / "pidf"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
XTEN3 = "sip:xten3@compb.cisco.com"
UNFILTERED = View()
MANUAL = "Manually set by persona"
SOURCES = {
    MANUAL: SourceFacts(100, True),
    "Presence Web Service": SourceFacts(90, True),
    "Desk": SourceFacts(10, False),
}
TABLE = (
    CapabilityRow("Cisco-CCM", "", True, False, False),
    CapabilityRow("eyeBeam", "", True, True, True),
    CapabilityRow("eyeBeam", "8888", False, True, True),
    CapabilityRow("eyeBeam", "8888a", True, False, True),
)
NAMESPACES = {
    "p": "urn:ietf:params:xml:ns:pidf",
    "dm": "urn:ietf:params:xml:ns:pidf:data-model",
    "rpid": "urn:ietf:params:xml:ns:pidf:rpid",
    "ce": "urn:cisco:params:xml:ns:pidf:rpid",
    "sc": "urn:ietf:params:xml:ns:pidf:servcaps",
    "so": "urn:cisco:params:xml:ns:pidf:source",
    "x": "urn:example:weather",
}


def data(name: str) -> bytes:
    """A file of tests/data/pidf."""
    return (DATA / name).read_bytes()


def presence(*children: str, attributes: str = "", entity: str = "sip:xten3@compB.cisco.com") -> bytes:
    """A document around `children`, with every namespace of ours declared."""
    declared = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in NAMESPACES.items() if prefix != "p")
    start = f'<presence xmlns="{NAMESPACES["p"]}" {declared} entity="{entity}" {attributes}>'
    return f"{start}{''.join(children)}</presence>".encode()


def device(
    id: str = "t1",
    basic: str | None = "open",
    *,
    contact: str | None = "sip:xten3@57.1.1.15",
    caps: str | None = None,
    source: str | None = None,
    status: str = "",
    extra: str = "",
    after: str = "",
) -> str:
    """A tuple; `caps` is any of the letters a, v, t."""
    said = "" if basic is None else f"<basic>{basic}</basic>"
    group = ""
    if caps is not None:
        kinds = (("audio", "a"), ("video", "v"), ("text", "t"))
        group = "".join(f"<sc:{name}>{str(letter in caps).lower()}</sc:{name}>" for name, letter in kinds)
        group = f"<sc:servcaps>{group}</sc:servcaps>"
    named = f"<so:source>{source}</so:source>" if source is not None else ""
    where = f'<contact priority="1">{contact}</contact>' if contact is not None else ""
    return f'<tuple id="{id}"><status>{said}{status}</status>{named}{group}{extra}{where}{after}</tuple>'


def person(*activities: str, extra: str = "", attributes: str = "") -> str:
    """A person who does `activities`, each a prefixed name."""
    doing = "".join(f"<{name}/>" for name in activities)
    group = f"<rpid:activities>{doing}</rpid:activities>" if activities else ""
    return f'<dm:person id="me" {attributes}>{group}{extra}</dm:person>'


def parse(body: bytes, dialects: bool = True) -> Document:
    return pidf.parse(body, dialects=dialects)


def made(
    *children: str,
    id: int = 1,
    age: int = 0,
    created: int | None = None,
    user_agent: str | None = None,
    mapping_priority: int = 0,
    body: bytes | None = None,
) -> Component:
    """A component; `age` and `created` are minutes before noon."""
    return component(
        id,
        parse(presence(*children) if body is None else body),
        user_agent=user_agent,
        updated_at=NOON - timedelta(minutes=age),
        created_at=NOON - timedelta(minutes=age if created is None else created),
        sources=SOURCES,
        capabilities=TABLE,
        mapping_priority=mapping_priority,
    )


def composed(*components: Component, ever_published: bool = True, backend_missing: bool = False) -> Composed:
    return compose(components, rules=INSTALLED, ever_published=ever_published, backend_missing=backend_missing)


def rendered(*components: Component, entity: str = XTEN3, view: View = UNFILTERED) -> Rendered:
    return render(composed(*components), entity=entity, view=view)


def tree(*components: Component, entity: str = XTEN3, view: View = UNFILTERED) -> etree._Element:
    """The rendered document as elements."""
    return etree.fromstring(rendered(*components, entity=entity, view=view).body)


def find(root: etree._Element, path: str) -> list[etree._Element]:
    """XPath with the prefixes of NAMESPACES."""
    return root.xpath(path, namespaces=NAMESPACES)


def texts(root: etree._Element, path: str) -> list[str]:
    return [element if isinstance(element, str) else element.text or "" for element in find(root, path)]


def activities(root: etree._Element) -> list[str]:
    """The composed activities, prefixed as emitted."""
    found = find(root, "/p:presence/dm:person/rpid:activities/*")
    return [f"{element.prefix}:{etree.QName(element).localname}" for element in found]


def canonical(body: bytes) -> str:
    """Equal for documents that differ in layout only."""
    return etree.canonicalize(etree.fromstring(body), strip_text=True)

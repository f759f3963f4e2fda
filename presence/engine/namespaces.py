"""XML names of presence documents: what is emitted, and the dialects that are read too (section 12.1, V-05 to V-11).

Whatever a client wrote, the engine works with canonical names only; nothing from the dialect tables is ever emitted.
"""

from functools import lru_cache
from typing import NamedTuple

from presence.engine.types import Prefix

PIDF = "urn:ietf:params:xml:ns:pidf"
DATA_MODEL = "urn:ietf:params:xml:ns:pidf:data-model"
RPID = "urn:ietf:params:xml:ns:pidf:rpid"
CISCO_RPID = "urn:cisco:params:xml:ns:pidf:rpid"
SERVCAPS = "urn:ietf:params:xml:ns:pidf:servcaps"
SOURCE = "urn:cisco:params:xml:ns:pidf:source"
CIPID = "urn:ietf:params:xml:ns:pidf:cipid"
RLMI = "urn:ietf:params:xml:ns:rlmi"
CISCO_PIDF = "urn:cisco:params:xml:ns:pidf"
"Seen on `<tuple>`; stands for PIDF there."
XML = "http://www.w3.org/XML/1998/namespace"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

PREFIXES: dict[str, tuple[str, int]] = {
    DATA_MODEL: ("dm", int(Prefix.DM)),
    RPID: ("rpid", int(Prefix.RPID)),
    CISCO_RPID: ("ce", int(Prefix.CE)),
    SERVCAPS: ("sc", int(Prefix.SC)),
    SOURCE: ("so", int(Prefix.SO)),
}
"The prefixes on output (D-41) and their bits; PIDF has none. In the order of their declaration."

KNOWN = frozenset({PIDF, *PREFIXES})
"Namespaces whose elements mean the same in any order."

UNDECLARED = {"dm": DATA_MODEL, "r": RPID, "ce": CISCO_RPID, "sc": SERVCAPS, "so": SOURCE, "ci": CIPID}
"What a prefix is taken to mean that a document uses without declaring it (section 12.3, V-11)."

RPID_DIALECTS = (
    "urn:ietf:params:xml:pidf:rpidf",
    "urn:ietf:params:xml:ns:pidf:rpidf",
    "urn:ietf:params:xml:ns:pidf:rpidd",
    "urn:ietf:params:xml:ns:pidf:rpiddata-model",
    "urn:ietf:params:xml:ns:pidf:rpidd:status:rpidd",
    "urn:ietf:params:xml:ns:pidf:rpiddata-model:status:rpiddata-model",
    "urn:ietf:params:xml:ns:pidf:status:rpid",
    "urn:ietf:params:xml:ns:pidf:status:rpid-status",
    "urn:ietf:params:xml:ns:pidf:rpid:status:rpid",
    "urn:ietf:params:xml:ns:pidf:rpid:status:rpid-status",
    "urn:ietf:params:xml:ns:pidf:rpid:rpid-person",
    "urn:ietf:params:xml:ns:pidf:rpid:rpid-tuple",
    "urn:ietf:params:xml:ns:pidf:rpid-tuple",
)

NAMESPACE_DIALECTS: dict[str, tuple[str, str]] = {
    "urn:ietf:params:xml:ns:cpim-pidf": (PIDF, "pidf-namespace"),
    "urn:ietf:params:xml:ns:cpim-pidf:": (PIDF, "pidf-namespace"),
    "urn:ietf:params:xml:ns:pidf:person": (DATA_MODEL, "data-model-namespace"),
    **dict.fromkeys(RPID_DIALECTS, (RPID, "rpid-namespace")),
    "urn:cisco:params:xml:ns:pidf:rpidf": (CISCO_RPID, "cisco-rpid-namespace"),
    "urn:cisco:params:xml:ns:pidf:rpidd": (CISCO_RPID, "cisco-rpid-namespace"),
    "urn:ietf:params:xml:ns:pidf:sercvaps": (SERVCAPS, "servcaps-namespace"),
    "urn:ietf:params:xml:ns:pidf:caps": (SERVCAPS, "servcaps-namespace"),
    "urn:cisco:params:xml:ns:pdf:source": (SOURCE, "source-namespace"),
}
"Accepted namespace -> (what it means, name of the dialect for counting)."

PIDF_NAMES = frozenset({"presence", "tuple", "status", "basic", "contact", "note", "timestamp"})

CISCO_ACTIVITIES = frozenset({"available", "dnd", "unavailable"})

RPID_ACTIVITIES = frozenset(
    "appointment away breakfast busy dinner holiday in-transit looking-for-work meal meeting on-the-phone other"
    " performance permanent-absence playing presentation shopping sleeping spectator steering travel tv unknown"
    " vacation working worship".split()
)
"RFC 4480 section 3.2."


class Name(NamedTuple):
    """An element's name in canonical form."""

    namespace: str
    local: str
    dialect: str = ""
    "Which dialect was translated; empty when the name was written as it should be."


def split(tag: str) -> tuple[str, str]:
    """Namespace and local part of lxml's `{namespace}local`."""
    namespace, brace, local = tag.rpartition("}")
    return (namespace[1:], local) if brace else ("", tag)


CACHED_NAME = 256
"Characters of a name up to which its translation is remembered; bounds the memory that hostile names can take."


def canonical(tag: str, dialects: bool) -> Name:
    """The canonical name of an element or attribute that lxml calls `tag`."""
    return _remembered(tag, dialects) if len(tag) <= CACHED_NAME else _canonical(tag, dialects)


def _canonical(tag: str, dialects: bool) -> Name:
    namespace, local = split(tag)
    if not dialects:
        return Name(namespace, local)
    dialect = ""
    if namespace in NAMESPACE_DIALECTS:
        namespace, dialect = NAMESPACE_DIALECTS[namespace]
    if namespace in ("", CISCO_PIDF) and local in PIDF_NAMES:
        return Name(PIDF, local, "no-namespace" if not namespace else "pidf-namespace")
    if local == "person" and namespace in ("", PIDF, CISCO_RPID, RPID):
        return Name(DATA_MODEL, local, "person-namespace")
    if local == "activities" and namespace in ("", PIDF, CISCO_RPID, DATA_MODEL):
        return Name(RPID, local, "activities-namespace")
    if local == "servcaps" and namespace in ("", PIDF):
        return Name(SERVCAPS, local, "servcaps-namespace")
    if local == "sercvaps" and namespace in ("", PIDF, SERVCAPS):
        return Name(SERVCAPS, "servcaps", "servcaps-name")
    return Name(namespace, local, dialect)


_remembered = lru_cache(maxsize=4096)(_canonical)


def activity(tag: str, dialects: bool) -> Name:
    """The canonical name of a child of `<activities>`: known activities are found in neighbouring namespaces too."""
    name = canonical(tag, dialects)
    if not dialects or name.namespace not in ("", PIDF, DATA_MODEL, RPID, CISCO_RPID):
        return name
    for namespace, names in ((CISCO_RPID, CISCO_ACTIVITIES), (RPID, RPID_ACTIVITIES)):
        if name.local in names and name.namespace != namespace:
            return Name(namespace, name.local, "activity-namespace")
    return name


def capability(tag: str, dialects: bool) -> Name:
    """The canonical name of a child of the servcaps group."""
    name = canonical(tag, dialects)
    if dialects and name.namespace in ("", PIDF) and name.local in ("audio", "video", "text"):
        return Name(SERVCAPS, name.local, "servcaps-namespace")
    return name


def old_activity(text: str) -> Name | None:
    """What `<activity>text</activity>` of the early drafts means (section 12.3); None for a text we do not know."""
    word = text.strip().lower()
    if word in CISCO_ACTIVITIES:
        return Name(CISCO_RPID, word)
    return Name(RPID, word) if word in RPID_ACTIVITIES else None

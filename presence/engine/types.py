"""Values that the engine's modules hand to each other: a read document and its parts, and what policy looks like.

Everything a document carries is already normalised and serialised when it stands here, once, so that composing
is joining bytes. Policy rows come as anything with the right attributes; the protocols name them.
"""

from enum import IntEnum
from typing import NamedTuple, Protocol


class Prefix(IntEnum):
    """The namespaces that `<presence>` declares when they are used (D-41), as bits, in the order of declaration."""

    DM = 1
    RPID = 2
    CE = 4
    SC = 8
    SO = 16


class Capabilities(NamedTuple):
    """Classes of service of one tuple (section 7.2)."""

    audio: bool
    video: bool
    text: bool


class Fragment(NamedTuple):
    """One serialised element, ready to be joined into a document that declares `prefixes`."""

    name: str
    "`{namespace}local` in the canonical namespace."
    xml: bytes
    prefixes: int
    "The `Prefix` bits that it needs; other namespaces are declared inside."
    digest: bytes
    "Equal for equal content, whatever white space, prefixes, or order without a meaning (D-40)."


class Attribute(NamedTuple):
    """An attribute that is carried (D-28)."""

    namespace: str
    "Empty for none."
    local: str
    value: str
    prefix: str
    "As published; a wish, not a promise."


class PresenceTuple(NamedTuple):
    """One `<tuple>`: what a device says (RFC 3863 section 4.1.2)."""

    id: str
    "As published; empty when there was none."
    basic: str | None
    "`open`, `closed`, or None when it said neither."
    capabilities: Capabilities | None
    "From the servcaps group, None when the body does not say (section 7.3)."
    servcaps: tuple[Fragment, ...]
    "Other children of the servcaps group."
    status: tuple[Fragment, ...]
    "Unknown children of `<status>` (D-49)."
    status_attributes: tuple[Attribute, ...]
    extensions: tuple[Fragment, ...]
    contact: str | None
    priority: str | None
    "The contact's priority as published, if it is a q-value."
    contact_attributes: tuple[Attribute, ...]
    notes: tuple[Fragment, ...]
    timestamp: Fragment | None
    attributes: tuple[Attribute, ...]


class Document(NamedTuple):
    """A presence document as read: known parts in fields, everything else carried (R-EXT-01, D-28)."""

    entity: str
    "As published; the Request-URI decides whose state it is (V-14)."
    tuples: tuple[PresenceTuple, ...]
    activities: tuple[Fragment, ...]
    "Every reported activity in document order, those of the person first."
    person: tuple[Fragment, ...]
    "Other children of the person, notes and timestamp last; of several persons the first that has one."
    person_attributes: tuple[Attribute, ...]
    notes: tuple[Fragment, ...]
    extensions: tuple[Fragment, ...]
    "Unknown children of `<presence>`."
    attributes: tuple[Attribute, ...]
    sources: tuple[str, ...]
    "Texts of `<source>`, white space collapsed, in document order (section 12.3)."


class SourceLike(Protocol):
    """A Source Priority row (section 7.4)."""

    @property
    def priority(self) -> int: ...
    @property
    def manual_override(self) -> bool: ...


class SourceFacts(NamedTuple):
    """The plain form of `SourceLike`."""

    priority: int
    manual_override: bool = False


class ClientLike(Protocol):
    """A row about a client type; an empty version covers all versions (D-17)."""

    @property
    def client_type(self) -> str: ...
    @property
    def client_version(self) -> str: ...


class DeviceTypeLike(ClientLike, Protocol):
    """Which type of device a client type stands for (D-16)."""

    @property
    def kind(self) -> str: ...


class CapabilityLike(ClientLike, Protocol):
    """A User-Agent capability row (R-PUB-30)."""

    @property
    def audio(self) -> bool: ...
    @property
    def video(self) -> bool: ...
    @property
    def text(self) -> bool: ...


class CapabilityRow(NamedTuple):
    """The plain form of `CapabilityLike`."""

    client_type: str
    client_version: str
    audio: bool
    video: bool
    text: bool

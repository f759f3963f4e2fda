"""One component of state, made ready for composition (sections 1.3 step 2, 7.2 to 7.4, D-20, D-25, D-49).

Everything here depends on one published document and on policy alone, so it is done once, when the document comes
or the policy changes; composing afterwards joins the bytes made here.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2b
from itertools import product
from re import ASCII, compile
from types import MappingProxyType
from typing import NamedTuple

from presence.engine.capabilities import TEXT_ONLY, lookup
from presence.engine.filtering import OTHER_DEVICE
from presence.engine.fragments import DIGEST_SIZE, attributes_digest, attributes_xml, escape
from presence.engine.namespaces import CISCO_RPID, RPID, SOURCE
from presence.engine.reachability import Reachability
from presence.engine.types import (
    Attribute,
    Capabilities,
    CapabilityLike,
    DeviceTypeLike,
    Document,
    Fragment,
    Prefix,
    PresenceTuple,
    SourceLike,
)
from provisioning.uri import BadUri, SipUri, parse_uri

STATED_BY: dict[str, Reachability] = {
    f"{{{CISCO_RPID}}}available": Reachability.AVAILABLE,
    f"{{{RPID}}}busy": Reachability.BUSY,
    f"{{{CISCO_RPID}}}dnd": Reachability.DND,
    f"{{{RPID}}}away": Reachability.AWAY,
    f"{{{RPID}}}vacation": Reachability.VACATION,
    f"{{{CISCO_RPID}}}unavailable": Reachability.UNAVAILABLE,
}
"The activities that are states of the person (section 5.3, D-23 rule 1)."

BUSY = frozenset({f"{{{RPID}}}on-the-phone", f"{{{RPID}}}busy"})
"The activities that the reachability rules look at (R-PUB-23)."

_VALID_ID = compile(r"[A-Za-z][A-Za-z0-9._-]*", ASCII)
"Ids that are kept (D-27). xs:ID allows more letters, but not the same ones in every edition of XML."

_SOURCE = f"{{{SOURCE}}}source"
_SAID = {False: "false", True: "true"}
_CLASSES_XML = {
    Capabilities(*said): (
        f"<sc:audio>{_SAID[said[0]]}</sc:audio><sc:video>{_SAID[said[1]]}</sc:video><sc:text>{_SAID[said[2]]}</sc:text>"
    ).encode()
    for said in product((False, True), repeat=3)
}


class Device(NamedTuple):
    """One tuple of a component; its id is filled in when the whole document is known."""

    id: str
    id_valid: bool
    "The published id can stand in a document of ours."
    key: tuple[str, str, str]
    "Id, user and host: equal keys of two components are the same device (D-43)."
    open: bool
    capabilities: Capabilities
    capabilities_from: str
    "`body`, `table` or `default` (section 7.3)."
    xml: bytes
    "What follows the id attribute, up to the end tag."
    prefixes: int
    digest: bytes
    "Of the content without the id."


class Component(NamedTuple):
    """One published document, or the state that one back-end subscription holds."""

    id: int | str
    document: Document
    user_agent: str
    updated_at: datetime
    created_at: datetime
    expires_at: datetime | None
    source: str | None
    "The provisioned source value it matched (section 7.4)."
    unmatched_sources: tuple[str, ...]
    "Values that no Source Priority row has; to be counted for the operator (D-20)."
    priority: int
    manual_override: bool
    stated: Reachability | None
    "The first reported activity that is a state of the person; only a manual override gives it power."
    busy: bool
    "On the phone or busy."
    devices: tuple[Device, ...]
    device_type: str = OTHER_DEVICE
    "Which type of device the client or source stands for (D-16)."
    capability: CapabilityLike | None = None
    "The row that says what its client can do, where the document does not; None for no row (R-PUB-32)."
    typed_by: DeviceTypeLike | str | None = None
    "The row for its client, or the source, that says the type of device; None when nothing does."


def component(
    id: int | str,
    document: Document,
    *,
    user_agent: str | None,
    updated_at: datetime,
    sources: Mapping[str, SourceLike],
    capabilities: Iterable[CapabilityLike],
    mapping_priority: int = 0,
    created_at: datetime | None = None,
    expires_at: datetime | None = None,
    device_types: Iterable[DeviceTypeLike] = (),
    device_sources: Mapping[str, str] = MappingProxyType({}),
) -> Component:
    """Prepare what `document` says for composition.

    `sources` and `capabilities` are the operator's tables; `mapping_priority` is that of the back-end mapping, for a
    state that came from a foreign server (D-25). `created_at` says which of two components keeps a tuple id that
    both use (D-27), `expires_at` when `compose` leaves it out. The type of device is that of a source in
    `device_sources`, else of the client in `device_types`.
    """
    matched = [value for value in document.sources if value in sources]
    row = lookup(user_agent, capabilities)
    default = TEXT_ONLY if row is None else Capabilities(audio=row.audio, video=row.video, text=row.text)
    origin = "default" if row is None else "table"
    names = [fragment.name for fragment in document.activities]
    device_type, typed_by = _device_type(document.sources, user_agent, device_types, device_sources)
    return Component(
        id=id,
        document=document,
        user_agent=user_agent or "",
        updated_at=updated_at,
        created_at=created_at or updated_at,
        expires_at=expires_at,
        source=max(matched, key=lambda value: sources[value].priority, default=None),
        unmatched_sources=tuple(value for value in document.sources if value not in sources),
        priority=max((sources[value].priority for value in matched), default=mapping_priority),
        manual_override=any(sources[value].manual_override for value in matched),
        stated=next((STATED_BY[name] for name in names if name in STATED_BY), None),
        busy=not BUSY.isdisjoint(names),
        devices=tuple(_device(one, default, origin) for one in document.tuples),
        device_type=device_type,
        capability=row,
        typed_by=typed_by,
    )


def _device_type(
    said: Iterable[str], user_agent: str | None, types: Iterable[DeviceTypeLike], sources: Mapping[str, str]
) -> tuple[str, DeviceTypeLike | str | None]:
    """(type, what says so)."""
    for value in said:
        if value in sources:
            return sources[value], value
    found = lookup(user_agent, types)
    return (OTHER_DEVICE if found is None else found.kind), found


def _device(one: PresenceTuple, default: Capabilities, origin: str) -> Device:
    said = one.capabilities
    capabilities = default if said is None else said
    xml, prefixes, digest = _tuple_xml(one, capabilities)
    return Device(
        id=one.id,
        id_valid=_VALID_ID.fullmatch(one.id) is not None,
        key=(one.id, *_contact_key(one.contact)),
        open=one.basic == "open",
        capabilities=capabilities,
        capabilities_from=origin if said is None else "body",
        xml=xml,
        prefixes=prefixes,
        digest=digest,
    )


def _tuple_xml(one: PresenceTuple, capabilities: Capabilities) -> tuple[bytes, int, bytes]:
    """(XML after the id, prefix bits, digest) in the order of the PIDF schema (section 12.3)."""
    parts: list[bytes] = []
    prefixes = int(Prefix.SC)
    digests = bytearray(f"{one.basic == 'open'}{capabilities}\x01{one.contact}\x01{one.priority}".encode())

    def attributes(carried: tuple[Attribute, ...]) -> None:
        nonlocal prefixes
        if carried:
            text, bits = attributes_xml(carried)
            parts.append(text.encode())
            prefixes |= bits
            digests.extend(attributes_digest(carried))

    def fragments(carried: Iterable[Fragment]) -> None:
        nonlocal prefixes
        for fragment in carried:
            parts.append(fragment.xml)
            prefixes |= fragment.prefixes

    attributes(one.attributes)
    parts.append(b"><status")
    # A tuple that said neither open nor closed is closed by us, and then its other status counts no more (D-49).
    status = one.status if one.basic is not None else ()
    if one.basic is not None:
        attributes(one.status_attributes)
    parts.append(b"><basic>open</basic>" if one.basic == "open" else b"><basic>closed</basic>")
    fragments(status)
    parts.append(b"</status>")
    fragments(fragment for fragment in one.extensions if fragment.name == _SOURCE)
    parts += (b"<sc:servcaps>", _CLASSES_XML[capabilities])
    fragments(one.servcaps)
    parts.append(b"</sc:servcaps>")
    fragments(fragment for fragment in one.extensions if fragment.name != _SOURCE)
    if one.contact is not None:
        parts.append(b"<contact")
        attributes(one.contact_attributes)
        parts.append(f' priority="{one.priority or 1}">{escape(one.contact)}</contact>'.encode())
    fragments(one.notes)
    if one.timestamp is not None:
        fragments((one.timestamp,))
    for group in (status, one.servcaps, one.extensions, one.notes):
        digests.extend(b"\x02" + b"".join(sorted(fragment.digest for fragment in group)))
    return b"".join(parts), prefixes, blake2b(digests, digest_size=DIGEST_SIZE).digest()


def _contact_key(contact: str | None) -> tuple[str, str]:
    """User and host of a contact (D-43); a contact that is not a SIP URI is its own key."""
    if contact is None:
        return "", ""
    try:
        uri = parse_uri(contact)
    except BadUri:
        return contact, ""
    return (uri.user or "", uri.host.lower()) if isinstance(uri, SipUri) else (contact, "")

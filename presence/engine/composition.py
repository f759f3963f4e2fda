"""One state out of all components, and the document that says it (sections 1.3, 5.3, 7.5, D-23 to D-29, D-40 to D-43).

`components.component` prepares what one source published, `compose` decides about the whole, `render` joins bytes
for one view.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from re import compile
from typing import NamedTuple

from presence.engine.components import STATED_BY, Component, Device, component
from presence.engine.filtering import PENDING, POLITE, View
from presence.engine.fragments import attributes_digest, attributes_xml, digest, escape_value, leaf
from presence.engine.namespaces import DATA_MODEL, PIDF, PREFIXES, RPID, split
from presence.engine.reachability import Facts, Reachability, RuleLike, evaluate
from presence.engine.types import Attribute, Fragment, Prefix

__all__ = ["Component", "Composed", "ComposedTuple", "Rendered", "component", "compose", "keep", "render", "shown"]

PERSON_IDS: dict[Reachability, str] = {
    Reachability.AVAILABLE: "p1",
    Reachability.BUSY: "p2",
    Reachability.INTERRUPTIBLE: "p2",
    Reachability.DND: "p3",
    Reachability.AWAY: "p4",
    Reachability.VACATION: "p5",
    Reachability.UNAVAILABLE: "p6",
    Reachability.UNKNOWN: "p7",
}
"The id of the person element (section 5.3; Interruptible But Busy is emitted as Busy, D-24)."

PLACEHOLDER_ID = "none"
"The id of the tuple that stands in a document without devices (D-42)."

_ACTIVITY_OF = {
    **{state: name for name, state in STATED_BY.items()},
    Reachability.INTERRUPTIBLE: next(name for name, state in STATED_BY.items() if state is Reachability.BUSY),
    Reachability.UNKNOWN: f"{{{RPID}}}unknown",
}
_PERSON_IDS = frozenset(PERSON_IDS.values())
_UNKNOWN_ACTIVITY = _ACTIVITY_OF[Reachability.UNKNOWN]
_OTHER = f"{{{RPID}}}other"
_NOTE = f"{{{DATA_MODEL}}}note"
_TIMESTAMP = f"{{{DATA_MODEL}}}timestamp"
_DEVICE = f"{{{DATA_MODEL}}}device"
_ID_ATTRIBUTE = compile(rb'^<dm:device[^>]*? id="([^"]*)"')
_CLOSED_STATES = frozenset({Reachability.UNAVAILABLE, Reachability.UNKNOWN})


class ComposedTuple(NamedTuple):
    """A device's tuple in the composed document, under the id it has there (D-27)."""

    id: str
    device: Device
    component: Component


class _Sheet(NamedTuple):
    """A document of one view, with a gap wherever the entity stands."""

    pieces: tuple[bytes, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Composed:
    """The state of a persona: what the rules made of its live components, and all that its documents may say."""

    state: Reachability
    rule: RuleLike | None
    "The reachability rule that fired; None when none did."
    facts: Facts
    components: tuple[Component, ...]
    "The live ones, the strongest first: higher priority, then newer (D-25)."
    tuples: tuple[ComposedTuple, ...]
    "In the order of the document (D-42)."
    replaced: tuple[tuple[Device, Component, Component], ...] = ()
    "Devices that are left out, whose component that was, and the component that describes them better (D-43)."
    leftovers: frozenset[int | str] = frozenset()
    "Components of which nothing counts any more: newer ones of the same rank describe all their devices."
    _sheets: dict[View, _Sheet] = field(default_factory=dict, repr=False, compare=False)


class Rendered(NamedTuple):
    """A document for the watchers that share a view."""

    body: bytes
    digest: str
    "16 hexadecimal digits, equal for equal content (D-40): white space, order, timestamps and entity do not count."
    state: Reachability


def compose(
    components: Iterable[Component],
    *,
    rules: Sequence[RuleLike],
    ever_published: bool,
    backend_missing: bool = False,
    now: datetime | None = None,
) -> Composed:
    """Compose the live components of one persona.

    With `now`, components whose `expires_at` has come are left out. `ever_published`: the persona had a component
    at some time; `backend_missing`: a back-end subscription it is mapped to is not active (D-23 rule 2).
    """
    live = [one for one in components if now is None or one.expires_at is None or one.expires_at > now]
    live.sort(key=lambda one: (one.priority, one.updated_at, str(one.id)), reverse=True)
    winners, replaced = _distinct(live)
    leftovers = _leftovers(live, winners, replaced)
    facts = _facts(live, winners, ever_published, backend_missing)
    state, rule = evaluate(rules, facts)
    return Composed(
        state=state,
        rule=rule,
        facts=facts,
        components=tuple(live),
        tuples=_named(winners),
        replaced=tuple(replaced),
        leftovers=leftovers,
    )


def render(composed: Composed, *, entity: str, view: View) -> Rendered:
    """The document for one view; `entity` is the address that the watcher asked for (D-29)."""
    sheet = composed._sheets.get(view)
    if sheet is None:
        sheet = composed._sheets[view] = _sheet(composed, view)
    return Rendered(_escaped(entity).join(sheet.pieces), sheet.digest, composed.state)


@lru_cache(maxsize=8192)
def _escaped(entity: str) -> bytes:
    """The entity for an attribute or for text; what XML cannot hold becomes a question mark."""
    return escape_value("".join(letter if letter.isprintable() else "?" for letter in entity)).encode()


def _distinct(
    live: Sequence[Component],
) -> tuple[list[tuple[Device, Component]], list[tuple[Device, Component, Component]]]:
    """Every device once: of two components that describe it the stronger one counts (D-25, D-43)."""
    winners: list[tuple[Device, Component]] = []
    replaced: list[tuple[Device, Component, Component]] = []
    claimed: dict[tuple[str, str, str], Component] = {}
    for one in live:
        for device in one.devices:
            owner = claimed.get(device.key) if device.id else None
            if owner is not None and owner is not one:
                replaced.append((device, one, owner))
            else:
                claimed[device.key] = one
                winners.append((device, one))
    winners.sort(key=lambda pair: not pair[0].open)
    return winners, replaced


def _leftovers(
    live: Sequence[Component],
    winners: Sequence[tuple[Device, Component]],
    replaced: Sequence[tuple[Device, Component, Component]],
) -> frozenset[int | str]:
    """Components that a client left behind at its last log-in (D-43).

    All their devices are described by newer components of equal priority. What they say of the person is as old
    as their tuples. A component that only lost to a higher priority is alive: its activities are still reported.
    """
    if not replaced:
        return frozenset()
    alive = {one.id for _, one in winners} | {one.id for _, one, owner in replaced if owner.priority > one.priority}
    return frozenset(one.id for one in live if one.devices and one.id not in alive)


def _facts(
    live: Sequence[Component],
    winners: Sequence[tuple[Device, Component]],
    ever_published: bool,
    backend_missing: bool,
) -> Facts:
    """What the reachability rules ask for (D-23); a device that was replaced is not looked at."""
    opened = {one.id for device, one in winners if device.open}
    busy = {one.id for one in live if one.busy and one.id in opened}
    return Facts(
        stated=next((one.stated for one in live if one.manual_override and one.stated is not None), None),
        live=bool(live),
        ever_published=ever_published,
        backend_missing=backend_missing,
        open=bool(opened),
        busy=bool(busy),
        other_text=any(device.open and device.capabilities.text and one.id not in busy for device, one in winners),
    )


def _named(winners: Sequence[tuple[Device, Component]]) -> tuple[ComposedTuple, ...]:
    """Give every tuple an id of its own (D-27): the oldest component keeps its ids, so that they stay what they are."""
    taken = set(_PERSON_IDS)
    wished = {device.id for device, _ in winners if device.id_valid and device.id not in taken}
    if len(wished) == len(winners):
        return tuple(ComposedTuple(device.id, device, one) for device, one in winners)
    ids: dict[int, str] = {}
    order = sorted(range(len(winners)), key=lambda i: (winners[i][1].created_at, str(winners[i][1].id), i))
    for index in order:
        device, one = winners[index]
        name = device.id
        if not device.id_valid or name in taken:
            name = _fresh_id(one, device.id, taken)
        taken.add(name)
        ids[index] = name
    return tuple(ComposedTuple(ids[index], device, one) for index, (device, one) in enumerate(winners))


def _fresh_id(one: Component, old: str, taken: set[str]) -> str:
    """An id made from the component and the old id; the number only counts for equal ids within one component."""
    number = 0
    while True:
        made = blake2b(f"{one.id}\x01{old}\x01{number}".encode(), digest_size=6).hexdigest()
        if f"t{made}" not in taken:
            return f"t{made}"
        number += 1


_PLACEHOLDER = {
    basic: (f'<tuple id="{PLACEHOLDER_ID}"><status><basic>{basic}</basic></status><contact priority="1">'.encode())
    for basic in ("open", "closed")
}
"The tuple of a document without devices, up to the address that stands in it (D-42)."


def _mask(state: Reachability) -> _Sheet:
    """A document that says nothing but this state, whatever the real one is (D-16).

    To the digest it is the document of somebody who really is so, without a device: nothing tells them apart.
    """
    digests = [digest(b"closed")]
    person, prefixes = _person(state, (), digests)
    declared = "".join(f' xmlns:{name}="{ns}"' for ns, (name, bit) in PREFIXES.items() if prefixes & bit)
    return _Sheet(
        (
            f'<?xml version="1.0" encoding="UTF-8"?>\r\n<presence xmlns="{PIDF}"{declared} entity="'.encode(),
            b'">' + _PLACEHOLDER["closed"],
            b"</contact></tuple>" + person + b"</presence>\r\n",
        ),
        digest(*sorted(digests)).hex(),
    )


def shown(composed: Composed, view: View) -> tuple[list[ComposedTuple], list[Component]]:
    """(tuples that a view keeps, components whose word about the person counts in it); a mask is not looked at."""
    kept = keep(composed.tuples, view)
    speaking = [one for one in composed.components if one.id not in composed.leftovers]
    if not view.unfiltered:  # D-28: who has no tuple left in the view does not speak in it
        silent = {one.component.id for one in composed.tuples} - {one.component.id for one in kept}
        speaking = [one for one in speaking if one.id not in silent]
    return kept, speaking


def keep(tuples: Iterable[ComposedTuple], view: View) -> list[ComposedTuple]:
    """Those that pass the filters of a view (D-16)."""
    return [one for one in tuples if view.keeps(one.device.capabilities, one.component.device_type)]


def _sheet(composed: Composed, view: View) -> _Sheet:
    """Build the document of one view: tuples, notes, person, other children (section 12.3)."""
    if view.mask:
        return _MASKS[view.mask]
    kept, speaking = shown(composed, view)
    prefixes = 0
    body: list[bytes] = []
    digests: list[bytes] = []
    for one in kept:
        body += (b'<tuple id="', one.id.encode(), b'"', one.device.xml, b"</tuple>")
        prefixes |= one.device.prefixes
        digests.append(digest(b"tuple", one.id.encode(), one.device.digest))
    gap = len(body)
    if not kept:
        basic = "closed" if composed.state in _CLOSED_STATES else "open"
        digests.append(digest(basic.encode()))
        body.append(_PLACEHOLDER[basic])
        gap = len(body)
        body.append(b"</contact></tuple>")
    attributes = ""
    notes, others = ([], []) if not view.unfiltered else _children(speaking, {one.id for one in kept})
    if view.unfiltered:
        attributes, bits = _attributes(speaking, "attributes", digests)
        prefixes |= bits
    for fragment in notes:
        body.append(fragment.xml)
    person, bits = _person(composed.state, speaking, digests)
    body.append(person)
    prefixes |= bits
    for fragment in others:
        body.append(fragment.xml)
    for fragment in (*notes, *others):
        prefixes |= fragment.prefixes
        digests.append(digest(b"child", fragment.digest))
    declared = "".join(f' xmlns:{name}="{ns}"' for ns, (name, bit) in PREFIXES.items() if prefixes & bit)
    head = f'<?xml version="1.0" encoding="UTF-8"?>\r\n<presence xmlns="{PIDF}"{declared}{attributes} entity="'
    pieces = [head.encode()]
    if kept:
        pieces.append(b'">' + b"".join(body) + b"</presence>\r\n")
    else:
        pieces.append(b'">' + b"".join(body[:gap]))
        pieces.append(b"".join(body[gap:]) + b"</presence>\r\n")
    digests.sort()
    return _Sheet(tuple(pieces), digest(*digests).hex())


def _attributes(speaking: Sequence[Component], which: str, digests: list[bytes]) -> tuple[str, int]:
    """Carried attributes of `<presence>` or of the person; of equal names the strongest component's counts."""
    found: dict[tuple[str, str], Attribute] = {}
    for one in speaking:
        for attribute in getattr(one.document, which):
            found.setdefault((attribute.namespace, attribute.local), attribute)
    if not found:
        return "", 0
    digests.append(digest(which.encode(), attributes_digest(found.values())))
    return attributes_xml(tuple(found.values()))


def _children(speaking: Sequence[Component], ids: set[str]) -> tuple[list[Fragment], list[Fragment]]:
    """Notes and unknown children of `<presence>`, each once."""
    notes: dict[bytes, Fragment] = {}
    others: dict[bytes, Fragment] = {}
    taken = ids | _PERSON_IDS
    for one in speaking:
        for fragment in one.document.notes:
            notes.setdefault(fragment.digest, fragment)
        for fragment in one.document.extensions:
            if fragment.digest not in others:
                others[fragment.digest] = _unclashed(one, fragment, taken)
    return list(notes.values()), list(others.values())


def _unclashed(one: Component, fragment: Fragment, taken: set[str]) -> Fragment:
    """A device element whose id another element has gets a new one, as a tuple would (D-27)."""
    if fragment.name != _DEVICE:
        return fragment
    found = _ID_ATTRIBUTE.search(fragment.xml)
    if found is None:
        return fragment
    old = found[1].decode()
    name = old if old not in taken else _fresh_id(one, old, taken)
    taken.add(name)
    return fragment._replace(xml=fragment.xml[: found.start(1)] + name.encode() + fragment.xml[found.end(1) :])


def _person(state: Reachability, speaking: Sequence[Component], digests: list[bytes]) -> tuple[bytes, int]:
    """The person element: its state first, then what the devices report (R-NTF-14, R-NTF-15, D-23)."""
    attributes, prefixes = _attributes(speaking, "person_attributes", digests)
    own = leaf(*split(_ACTIVITY_OF[state]))
    activities: dict[str | bytes, Fragment] = {own.name: own}
    children: dict[str, list[Fragment]] = {}
    for one in speaking:
        for fragment in one.document.activities:
            if fragment.name != _UNKNOWN_ACTIVITY:
                activities.setdefault(fragment.digest if fragment.name == _OTHER else fragment.name, fragment)
        said: dict[str, list[Fragment]] = {}
        for fragment in one.document.person:
            said.setdefault(fragment.name, []).append(fragment)
        for name, fragments in said.items():
            children.setdefault(name, fragments)
    last = [fragment for name in (_NOTE, _TIMESTAMP) for fragment in children.pop(name, ())]
    first = [fragment for fragments in children.values() for fragment in fragments]
    for fragment in (*activities.values(), *first, *last):
        prefixes |= fragment.prefixes
    reported = sorted(fragment.digest for fragment in activities.values() if fragment is not own)
    said_else = sorted(fragment.digest for fragment in (*first, *last) if fragment.name != _TIMESTAMP)
    digests.append(digest(b"person", own.digest, *reported, b"and", *said_else))
    xml = b"".join(
        (
            f'<dm:person{attributes} id="{PERSON_IDS[state]}"><rpid:activities>'.encode(),
            *(fragment.xml for fragment in activities.values()),
            b"</rpid:activities>",
            *(fragment.xml for fragment in first),
            *(fragment.xml for fragment in last),
            b"</dm:person>",
        )
    )
    return xml, prefixes | int(Prefix.DM | Prefix.RPID)


_MASKS = {POLITE: _mask(Reachability.UNAVAILABLE), PENDING: _mask(Reachability.UNKNOWN)}

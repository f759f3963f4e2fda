"""May this watcher see this presentity, and how much? The one function that every door asks (DESIGN section 6, D-15).

The administrator's access list comes first, then the presentity's own privacy lists. An entry by address goes before
one by domain, and both before what a list says about all others.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import NamedTuple, Protocol

from presence.engine.filtering import NONE


class Effect(Enum):
    """What becomes of a subscription."""

    ALLOW = "allow"
    BLOCK = "block"
    "Refused (403)."
    POLITE_BLOCK = "polite_block"
    "Accepted, but the watcher only ever sees Unavailable."
    CONFIRM = "confirm"
    "Accepted, but pending until the presentity has decided."


class AclLike(Protocol):
    """The administrator's access list of a presentity (R-SUB-09)."""

    @property
    def default(self) -> str: ...
    @property
    def uris(self) -> Mapping[str, str]: ...
    @property
    def domains(self) -> Mapping[str, str]: ...


class PrivacyListLike(Protocol):
    """A privacy list of a presentity."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def filter(self) -> str: ...
    @property
    def hidden(self) -> frozenset[str]: ...
    @property
    def uris(self) -> AbstractSet[str]: ...
    @property
    def domains(self) -> AbstractSet[str]: ...


DEFAULT = "default"
BLOCKED = "blocked"
CUSTOM = "custom"

SELF = "self"
SETTING = "setting"
URI = "uri"
DOMAIN = "domain"


class Match(NamedTuple):
    """Something in an access list that concerns a watcher."""

    by: str
    "URI, DOMAIN, or DEFAULT for what the list does with all others."
    entry: str
    "The address or domain that it names; empty for the default."
    effect: Effect


class Decision(NamedTuple):
    """An effect, what the presentity shows to this watcher, and the reasons in sentences."""

    effect: Effect
    why: str
    filter: str = NONE
    "The presentity's privacy filter for this watcher (D-16)."
    hidden: frozenset[str] = frozenset()
    "Types of device that the presentity hides from this watcher."
    privacy: str = ""
    "Which privacy list says so, in a sentence; empty when none was asked."
    by: str = SETTING
    "What has decided about access: URI, DOMAIN or DEFAULT of the access list, the engine's SETTING, or SELF."
    entry: str = ""
    "The address or domain of the entry that decided."
    private: PrivacyListLike | None = None
    "The privacy list that applies."


_SELF = Decision(Effect.ALLOW, "The presentity may always see its own state.", by=SELF)
_OPEN = Decision(Effect.ALLOW, "No access list is defined and everyone is allowed by default.")
_SHUT = Decision(Effect.BLOCK, "No access list is defined and nobody is allowed by default.")
_DOES = {
    Effect.ALLOW: "allows it",
    Effect.BLOCK: "blocks it",
    Effect.POLITE_BLOCK: "blocks it politely",
}


def authorize(
    *,
    addresses: Sequence[str],
    watcher_persona: int | None,
    presentity_persona: int,
    allow_by_default: bool,
    acl: AclLike | None = None,
    privacy: Iterable[PrivacyListLike] = (),
    confirm: bool = False,
) -> Decision:
    """Decide about one watcher.

    `addresses` are the watcher's: the identity that it has first, then the others of the same user; domains are
    compared with the first only. `watcher_persona` is None for somebody who is not a user of ours. `confirm`:
    watchers that no list names wait for the presentity.
    """
    if watcher_persona is not None and watcher_persona == presentity_persona:
        return _SELF
    if acl is not None:
        listed = _listed(next(matches(acl, addresses)))
    else:
        listed = _OPEN if allow_by_default else _SHUT
    return listed if listed.effect is not Effect.ALLOW else _private(listed, tuple(privacy), addresses, confirm)


def matches(acl: AclLike, addresses: Sequence[str]) -> Iterator[Match]:
    """All in an access list that concerns a watcher, the most specific first: the first one decides (D-15)."""
    for address in addresses:
        if (found := acl.uris.get(address)) is not None:
            yield Match(URI, address, Effect(found))
    domain = _domain(addresses)
    if (found := acl.domains.get(domain)) is not None:
        yield Match(DOMAIN, domain, Effect(found))
    yield Match(DEFAULT, "", Effect(acl.default))


def _listed(found: Match) -> Decision:
    """What the access list says."""
    does = _DOES[found.effect]
    if found.by == DEFAULT:
        why = f"No entry of the access list matches; its default {does}."
    else:
        why = f"The access list names {'the domain ' if found.by == DOMAIN else ''}{found.entry} and {does}."
    return Decision(found.effect, why, by=found.by, entry=found.entry)


def _domain(addresses: Sequence[str]) -> str:
    """That of the identity that the watcher has."""
    return addresses[0].rpartition("@")[2]


def _private(listed: Decision, lists: Sequence[PrivacyListLike], addresses: Sequence[str], confirm: bool) -> Decision:
    """The presentity's own lists, for a watcher whom the access list lets in."""
    domain = _domain(addresses)
    by_uri = listed.by == URI
    custom = [one for one in lists if one.kind == CUSTOM]
    named = next((one for one in custom if not one.uris.isdisjoint(addresses)), None)
    for one in lists:
        if one.kind != BLOCKED:
            continue
        if not one.uris.isdisjoint(addresses):
            why = "The presentity has blocked this watcher."
            return listed._replace(effect=Effect.POLITE_BLOCK, privacy=why, private=one)
        if domain in one.domains and not by_uri and named is None:
            why = f"The presentity has blocked the domain {domain}."
            return listed._replace(effect=Effect.POLITE_BLOCK, privacy=why, private=one)
    found = named or next((one for one in custom if domain in one.domains), None)
    if found is not None:
        return _shown(listed, found, f"The privacy list “{found.name}” applies.")
    if confirm and listed.by not in (URI, DOMAIN):
        why = "The presentity has not decided about this watcher yet."
        return listed._replace(effect=Effect.CONFIRM, privacy=why)
    for one in lists:
        if one.kind == DEFAULT:
            return _shown(listed, one, "The default privacy list applies.")
    return listed


def _shown(listed: Decision, found: PrivacyListLike, why: str) -> Decision:
    """As this privacy list shows it."""
    return listed._replace(filter=found.filter, hidden=found.hidden, privacy=why, private=found)

"""May this watcher see this presentity, and how much? The one function that every door asks (DESIGN section 6, D-15).

The administrator's access list comes first, then the presentity's own privacy lists. An entry by address goes before
one by domain, and both before what a list says about all others.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

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


@dataclass(frozen=True, slots=True)
class Decision:
    """An effect, what the presentity shows to this watcher, and the reasons in sentences."""

    effect: Effect
    why: str
    filter: str = NONE
    "The presentity's privacy filter for this watcher (D-16)."
    hidden: frozenset[str] = frozenset()
    "Types of device that the presentity hides from this watcher."
    privacy: str = ""
    "Which privacy list says so, in a sentence; empty when none was asked."


_SELF = Decision(Effect.ALLOW, "The presentity may always see its own state.")
_OPEN = "No access list is defined and everyone is allowed by default."
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
    domain = addresses[0].rpartition("@")[2]
    why, known, by_uri = _OPEN, False, False
    if acl is not None:
        effect, why, known, by_uri = _listed(acl, addresses, domain)
        if effect is not Effect.ALLOW:
            return Decision(effect, why)
    elif not allow_by_default:
        return _SHUT
    return _private(tuple(privacy), addresses, domain, why, known=known, by_uri=by_uri, confirm=confirm)


def _listed(acl: AclLike, addresses: Sequence[str], domain: str) -> tuple[Effect, str, bool, bool]:
    """(effect, why, whether an entry names the watcher, whether by its address)."""
    for address in addresses:
        if (found := acl.uris.get(address)) is not None:
            effect = Effect(found)
            return effect, f"The access list names {address} and {_DOES[effect]}.", True, True
    if (found := acl.domains.get(domain)) is not None:
        effect = Effect(found)
        return effect, f"The access list names the domain {domain} and {_DOES[effect]}.", True, False
    effect = Effect(acl.default)
    return effect, f"No entry of the access list matches; its default {_DOES[effect]}.", False, False


def _private(
    lists: Sequence[PrivacyListLike],
    addresses: Sequence[str],
    domain: str,
    why: str,
    *,
    known: bool,
    by_uri: bool,
    confirm: bool,
) -> Decision:
    """The presentity's own lists, for a watcher whom the access list lets in."""
    custom = [one for one in lists if one.kind == CUSTOM]
    named = next((one for one in custom if not one.uris.isdisjoint(addresses)), None)
    for one in lists:
        if one.kind != BLOCKED:
            continue
        if not one.uris.isdisjoint(addresses):
            return Decision(Effect.POLITE_BLOCK, why, privacy="The presentity has blocked this watcher.")
        if domain in one.domains and not by_uri and named is None:
            return Decision(Effect.POLITE_BLOCK, why, privacy=f"The presentity has blocked the domain {domain}.")
    found = named or next((one for one in custom if domain in one.domains), None)
    if found is not None:
        return Decision(Effect.ALLOW, why, found.filter, found.hidden, f"The privacy list “{found.name}” applies.")
    if confirm and not known:
        return Decision(Effect.CONFIRM, why, privacy="The presentity has not decided about this watcher yet.")
    for one in lists:
        if one.kind == DEFAULT:
            return Decision(Effect.ALLOW, why, one.filter, one.hidden, "The default privacy list applies.")
    return Decision(Effect.ALLOW, why)

"""From rows to the policy: what is read, and which part a change touches (DESIGN: policy is a snapshot).

Rows are read as plain tuples, so that a hundred thousand users take about a second; after a change only the parts
that it touched are read again. `users` reads what grows with their number, `site` the rest; each function answers
fields of the policy.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from provisioning.policy import Policy
from provisioning.snapshot import site, users
from provisioning.snapshot.parts import (
    ACCESS,
    BY_USER,
    CAPABILITIES,
    DEVICES,
    EXPIRY,
    FILTERS,
    INTEGRATORS,
    LIMITS,
    LISTENERS,
    LISTS,
    MAPPINGS,
    MESSENGER,
    PARTS,
    PEERS,
    PEOPLE,
    ROUTES,
    RULES,
    SERVERS,
    SETTINGS,
    SOURCES,
    elsewhere,
)
from provisioning.uri import Aor

_READERS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    PEOPLE: users.people,
    EXPIRY: site.expiry,
    SOURCES: site.sources,
    CAPABILITIES: site.capabilities,
    RULES: site.rules,
    PEERS: site.peers,
    LISTENERS: site.listeners,
    SETTINGS: site.settings,
    ACCESS: users.access,
    FILTERS: site.filters,
    DEVICES: site.devices,
    LISTS: users.lists,
    SERVERS: site.servers,
    MAPPINGS: users.mappings,
    ROUTES: site.routes,
    LIMITS: site.limits,
    MESSENGER: site.messenger,
    INTEGRATORS: site.integrators,
}


def load() -> Policy:
    """Read everything."""
    return refresh(Policy(), PARTS)


def refresh(policy: Policy, parts: Iterable[str]) -> Policy:
    """A policy with these parts read again; unknown parts mean everything."""
    wanted = set(parts) - elsewhere()
    if not wanted <= set(PARTS):
        wanted = set(PARTS)
    changes: dict[str, Any] = {}
    for part in PARTS:
        if part in wanted:
            changes.update(_READERS[part]())
    return replace(policy, **changes)


def load_rules(persona_ids: Collection[int] = ()) -> Policy:
    """Everything but the users, for one look at some of them: its cost does not grow with their number.

    Access lists, privacy lists and mappings are those of `persona_ids`.
    """
    some = refresh(Policy(), set(PARTS) - BY_USER)
    return replace(some, domains=users.domains(), **users.access(persona_ids), **users.mappings(persona_ids))


def load_for(aors: Collection[Aor]) -> Policy:
    """Everything but the users to whom none of these addresses leads, and lists: for one look by them or at them."""
    return narrowed(load_rules(), aors)


def narrowed(policy: Policy, aors: Collection[Aor]) -> Policy:
    """A policy with the users to whom these addresses lead read anew, and no others in it."""
    return replace(policy, **users.reached_by(aors))

"""All sections of the provisioning file, in the order in which they are applied: what others name comes first."""

from collections.abc import Iterator

from provisioning.importing import access, directories, programs, routing, rules, sections, users
from provisioning.importing.grammar import ELSEWHERE
from provisioning.importing.sections import Section
from provisioning.models import Alias, Domain, Persona

PEOPLE = (
    Section("domains", "domains", Domain, None, users.domains),
    Section("users", "users", Persona, None, users.users, users.removable_users),
    Section("aliases", "aliases", Alias, None, users.aliases, users.removable_aliases),
)
"Applied all at once, since there may be very many."

BY_ENTRY = (
    *directories.SECTIONS, *access.SECTIONS, *routing.SECTIONS, *rules.SECTIONS, *programs.SECTIONS,
)  # fmt: skip
"Applied entry by entry."


def every() -> Iterator[Section]:
    """Those of other applications included, where they are installed."""
    yield from PEOPLE
    yield from BY_ENTRY
    yield from (sections.REGISTERED[name] for name in sorted(ELSEWHERE, reverse=True) if name in sections.REGISTERED)


assert sorted(ELSEWHERE, reverse=True) == ["lines", "application_users"], "programs name lines"

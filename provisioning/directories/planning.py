"""What a synchronisation would change: the entries of a directory against the users that are here. Nothing is written.

A directory owns the users that it has made or adopted, and of their aliases those that follow from entries; what others
have made is never touched, and where both want the same address the entry is a conflict.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from provisioning.choices import Vanished
from provisioning.directories import records
from provisioning.directories.records import BadEntry, Person, Raw
from provisioning.importing.tables import BATCH
from provisioning.models import Alias, Directory, DirectoryUser, Domain, Persona, ResourceList
from provisioning.uri import Aor

CREATED, CHANGED, ADOPTED, ENABLED, DISABLED, DELETED, VANISHED, CONFLICT = (
    "created", "changed", "adopted", "enabled", "disabled", "deleted", "vanished", "conflict",
)  # fmt: skip

Item = TypeVar("Item")


@dataclass(slots=True)
class Change:
    """What becomes of one user; a user who is only looked at has no `what`."""

    what: str
    user: str
    "Its address of record, the one before where it changes."
    entry: str = ""
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    "Field -> before, after."
    reason: str = ""
    person: Person | None = None
    link: DirectoryUser | None = None
    persona: Persona | None = None
    aliases: tuple[str, ...] = ()
    "Those that follow from the entry, as far as they are free; what is here by hand is not among them."

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        found: dict[str, Any] = {"what": self.what, "user": self.user, "entry": self.entry}
        if self.fields:
            found["fields"] = {name: list(values) for name, values in self.fields.items()}
        return found | ({"reason": self.reason} if self.reason else {})


@dataclass(slots=True)
class Plan:
    """All of it."""

    entries: int
    changes: list[Change]
    owned: int
    "Users of the directory before."
    unchanged: int = 0

    def counts(self) -> dict[str, int]:
        """How many of each kind."""
        found = Counter(change.what for change in self.changes if change.what)
        return {"entries": self.entries, **dict(sorted(found.items())), "unchanged": self.unchanged}

    @property
    def losses(self) -> int:
        """Users who could no longer log in, or would no longer be."""
        return sum(change.what in (DISABLED, DELETED) for change in self.changes)

    def too_many(self, percent: int) -> str:
        """Why this has to be confirmed, in a sentence; empty when it has not."""
        allowed = max(1, self.owned * percent // 100)
        if self.losses and self.owned and not self.entries:
            return f"The directory names nobody any more, and {self.losses} users would be disabled or deleted."
        if self.losses > allowed:
            return (
                f"{self.losses} of {self.owned} users would be disabled or deleted at once; "
                f"more than {allowed} ({percent} %) have to be confirmed."
            )
        return ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an entry has been read as."""

    entry: str
    identifier: str
    "Empty: it has none."
    person: Person | None
    reason: str
    "Why it makes no user."


def read(directory: Directory, entries: Iterable[Raw]) -> list[Reading]:
    """Entries as what they say; the larger part of the work, for which nothing has to be locked."""
    domains = set(Domain.objects.values_list("name", flat=True))
    return [_reading(directory, entry, domains) for entry in entries]


def _reading(directory: Directory, entry: Raw, domains: set[str]) -> Reading:
    shown = records.printable(entry.dn)[: records.ENTRY_LIMIT]
    identifier = ""
    try:
        identifier = records.identifier(entry, directory)
        return Reading(shown, identifier, records.person(entry, directory, domains), "")
    except BadEntry as error:
        return Reading(shown, identifier, None, str(error))


def plan(directory: Directory, readings: list[Reading], now: datetime) -> Plan:
    """Compare with the users that are here."""
    return _Comparison(directory, now).plan(readings)


class _Comparison:
    """One comparison, with what it looks up."""

    def __init__(self, directory: Directory, now: datetime) -> None:
        self._directory = directory
        self._now = now
        self._links = {link.identifier: link for link in directory.users.select_related("persona", "persona__domain")}
        self._of_persona = {link.persona_id: link for link in self._links.values()}
        self._seen: set[str] = set()
        "Identifiers of entries, those that make no user included: their users have not vanished."
        self._conflicts: list[Change] = []

    def plan(self, readings: list[Reading]) -> Plan:
        """All of it."""
        people = self._people(readings)
        self._look_up(people)
        present = [self._change(person, persona) for person, persona in self._placed(people)]
        vanished = self._vanished({change.persona.pk for change in present if change.persona is not None})
        self._share_aliases(
            present, {change.persona.pk for change in vanished if change.persona is not None and change.what == DELETED}
        )
        unchanged = sum(not change.what for change in (*present, *vanished))
        return Plan(len(readings), [*present, *vanished, *self._conflicts], len(self._links), unchanged)

    def _conflict(self, entry: str, reason: str, user: str = "") -> None:
        self._conflicts.append(Change(CONFLICT, user, entry, reason=reason))

    def _people(self, readings: list[Reading]) -> list[Person]:
        """The users that entries make; those who have their address already come first and keep it."""
        found: list[Person] = []
        for one in readings:
            reason = one.reason
            if one.identifier and one.identifier in self._seen:
                reason = f"another entry has the same {self._directory.id_attribute}"
            elif one.person is not None:
                found.append(one.person)
            if reason:
                link = self._links.get(one.identifier)
                self._conflict(one.entry, reason, str(link.persona.aor) if link else "")
            if one.identifier:
                self._seen.add(one.identifier)
        return sorted(found, key=lambda one: (not self._is_settled(one), one.identifier))

    def _is_settled(self, person: Person) -> bool:
        link = self._links.get(person.identifier)
        return link is not None and link.persona.aor == person.aor

    def _look_up(self, people: list[Person]) -> None:
        """Who has the addresses that are wanted."""
        wanted = list({uri for person in people for uri in (person.aor, *person.aliases)})
        self._held: dict[Aor, int] = {}
        self._lists: set[Aor] = set()
        for batch in batches(wanted):
            self._held.update(Alias.objects.filter(uri__in=batch).order_by().values_list("uri", "persona_id"))
            self._lists.update(ResourceList.objects.filter(uri__in=batch).order_by().values_list("uri", flat=True))
        ids = {self._held[person.aor] for person in people if person.aor in self._held}
        self._personas = {link.persona_id: link.persona for link in self._links.values()}
        for batch in batches(list(ids - set(self._personas))):
            rows = Persona.objects.filter(pk__in=batch).select_related("domain", "directory_user__directory")
            self._personas.update({persona.pk: persona for persona in rows})

    def _placed(self, people: list[Person]) -> list[tuple[Person, Persona | None]]:
        """Everybody whose address is free, or becomes so since its holder is renamed; the rest are conflicts.

        Who cannot be renamed keeps the old address, so that it is not free for another one: again from the start,
        without that entry.
        """
        refused: dict[str, str] = {}
        while True:
            left = [one for one in people if one.identifier not in refused]
            links = [(self._links.get(one.identifier), one) for one in left]
            freed = {link.persona.aor for link, one in links if link is not None and link.persona.aor != one.aor}
            taken: set[Aor] = set()
            placed: list[tuple[Person, Persona | None]] = []
            for person in left:
                persona, reason = self._place(person, freed, taken)
                if reason:
                    refused[person.identifier] = reason
                else:
                    taken.add(person.aor)
                    placed.append((person, persona))
            if len(placed) == len(left):
                break
        for person in people:
            if person.identifier in refused:
                link = self._links.get(person.identifier)
                self._conflict(person.entry, refused[person.identifier], str(link.persona.aor if link else person.aor))
        return placed

    def _place(self, person: Person, freed: set[Aor], taken: set[Aor]) -> tuple[Persona | None, str]:
        """The user that the entry is about (None: a new one), or why there can be none."""
        link = self._links.get(person.identifier)
        own = link.persona if link is not None else None
        if person.aor in taken:
            return None, f"{person.aor} is the address of another entry"
        if person.aor in self._lists:
            return None, f"{person.aor} is the URI of a list"
        holder = self._held.get(person.aor)
        if holder is None or person.aor in freed or (own is not None and holder == own.pk):
            return own, ""
        persona = self._personas[holder]
        if persona.aor != person.aor:
            return None, f"{person.aor} is an alias of {persona.aor}"
        if own is not None:
            return None, f"{person.aor} is the address of another user"
        other = self._of_persona.get(holder)
        if other is not None and other.identifier in self._seen:
            return None, f"{person.aor} is the address of another entry"
        if other is None and hasattr(persona, "directory_user"):
            return None, f"{person.aor} is a user of the directory {persona.directory_user.directory}"
        if not self._directory.adopt:
            return None, f"{person.aor} is here already, and the directory was not told to adopt it"
        return persona, ""

    def _change(self, person: Person, persona: Persona | None) -> Change:
        if persona is None:
            fields: dict[str, tuple[Any, Any]] = {"name": (None, person.name)} if person.name else {}
            if person.enabled is False:
                fields["enabled"] = (None, False)
            return Change(CREATED, str(person.aor), person.entry, fields, person=person)
        link = self._of_persona.get(persona.pk)
        fields = {}
        if persona.aor != person.aor:
            fields["address"] = (str(persona.aor), str(person.aor))
            if persona.has_password:
                fields["password"] = ("set", "void")  # digest secrets hold for one address only (D-50)
        if person.name is not None and persona.name != person.name:
            fields["name"] = (persona.name, person.name)
        enabled = True if person.enabled is None and link is not None and link.disabled else person.enabled
        what = CHANGED if fields else ""
        if enabled is not None and enabled != persona.enabled:
            fields["enabled"] = (persona.enabled, enabled)
            what = ENABLED if enabled else DISABLED
        if (link is None or link.identifier != person.identifier) and what != DISABLED:
            what = ADOPTED
        return Change(what, str(persona.aor), person.entry, fields, person=person, link=link, persona=persona)

    def _vanished(self, present: set[int]) -> list[Change]:
        """Users whom the server does not name any more, by the directory's rule for them."""
        found = []
        rule = Vanished(self._directory.vanished)
        for identifier, link in self._links.items():
            if identifier in self._seen or link.persona_id in present:
                continue
            persona = link.persona
            change = Change("", str(persona.aor), link.entry, link=link, persona=persona)
            due = (link.missing_since or self._now) + timedelta(days=self._directory.delete_after) <= self._now
            if rule is Vanished.DELETE and due:
                change.what = DELETED
            elif rule is not Vanished.KEEP and persona.enabled:
                change.what, change.fields = DISABLED, {"enabled": (True, False)}
            elif link.missing_since is None:
                change.what = VANISHED
            change.reason = "the directory does not name it any more" if change.what else ""
            found.append(change)
        return found

    def _share_aliases(self, present: list[Change], deleted: set[int]) -> None:
        """Aliases that follow from entries: whoever has one keeps it, and what others have is a conflict."""
        follows = {uri for change in present if change.link is not None for uri in change.link.aliases}
        freed = {change.fields["address"][0] for change in present if "address" in change.fields}
        owners: dict[str, str] = {
            str(uri): str(self._personas[id].aor) if id in self._personas else "another user"
            for uri, id in self._held.items()
            if id not in deleted and str(uri) not in follows and str(uri) not in freed
        }
        owners |= {str(change.person.aor): change.user for change in present if change.person is not None}
        by_hand = set(owners)
        kept: dict[int, list[str]] = {id(change): [] for change in present}
        for before in (True, False):
            for change in present:
                assert change.person is not None
                held = set(change.link.aliases) if change.link is not None else set()
                for uri in map(str, change.person.aliases):
                    if (uri in held) is not before:
                        continue
                    owner = owners.setdefault(uri, change.user)
                    if owner == change.user and uri not in by_hand and Aor(uri) not in self._lists:
                        kept[id(change)].append(uri)
                    elif owner != change.user or Aor(uri) in self._lists:
                        whose = "the URI of a list" if Aor(uri) in self._lists else f"an address of {owner}"
                        self._conflict(change.entry, f"the alias {uri} is {whose}", change.user)
        for change in present:
            change.aliases = tuple(sorted(kept[id(change)]))
            held_before = sorted(change.link.aliases) if change.link is not None else []
            if list(change.aliases) != held_before:
                change.fields["aliases"] = (held_before, list(change.aliases))
                change.what = change.what or CHANGED


def batches(items: list[Item]) -> Iterator[list[Item]]:
    """Parts that fit into one statement."""
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]

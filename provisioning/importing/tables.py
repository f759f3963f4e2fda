"""Where the entries of a provisioning file are written, and counted."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError

from provisioning.fields import ChoiceListField, domain_name
from provisioning.importing.grammar import BadFile, Entry
from provisioning.models import Domain, Persona
from provisioning.uri import Aor, BadUri

BATCH = 1000
"Rows in one INSERT."

Fields = dict[str, tuple[Any, Any]]
"Column -> before, after."

SECRET = "(secret)"
"Stands for what nobody is shown."


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that is not what the file says."""

    kind: str
    what: str
    "`+` for a new one, `~` for a changed one, `-` for one that is removed."
    label: str
    fields: Fields = field(default_factory=dict)

    def __str__(self) -> str:
        changes = ", ".join(
            f"{name}: {shown(after)}" if self.what == "+" else f"{name}: {shown(before)} -> {shown(after)}"
            for name, (before, after) in self.fields.items()
        )
        return f"{self.what} {self.kind} {self.label}{'  ' if changes else ''}{changes}"


def shown(value: Any) -> str:
    """A value in a difference, on one line."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(shown(one) for one in value) + "]"
    return " ".join("".join(char if char.isprintable() else " " for char in str(value)).split())


@dataclass
class Report:
    """What applying a file has done, or would do."""

    created: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    "Object by object."
    unused: list[str] = field(default_factory=list)
    "Sections whose application is not installed."

    def lines(self) -> Iterator[str]:
        """The report for people."""
        kinds = {*+self.created, *+self.changed, *+self.unchanged, *+self.removed}  # + leaves out what is 0
        for kind in sorted(kinds):
            yield (
                f"{kind}: {self.created[kind]} created, {self.changed[kind]} changed, "
                f"{self.unchanged[kind]} as they were"
                + (f", {self.removed[kind]} removed" if self.removed[kind] else "")
            )
        for name in self.unused:
            yield f"{name}: not used by this version"


def told(error: ValidationError) -> str:
    """The first thing that is wrong, with the column where it is of one."""
    if hasattr(error, "error_dict"):
        name, errors = next(iter(error.message_dict.items()))
        return errors[0] if name == "__all__" else f"“{name}”: {errors[0]}"
    return str(error.messages[0])


class Tables:
    """Rows are made or changed, never taken away but by `prune`; each is validated by its model."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.domains = {domain.name: domain for domain in Domain.objects.all()}
        "By name."
        self.named: dict[type, set[int]] = {}
        "Rows that the file names, by model: `prune` leaves them."

    def domain(self, item: Any) -> Domain:
        """Serve this domain, if it is not served yet; an item is its name, or an entry; raises BadFile."""
        values = item.values if isinstance(item, Entry) else {"name": item}
        try:
            name = domain_name(str(values.get("name", "")))
        except ValidationError as error:
            raise BadFile(f"section “domains”: {error.messages[0]}") from None
        domain = self.domains.get(name)
        changes: Fields = {}
        if domain is None:
            domain = self.domains[name] = Domain(name=name)
            changes["name"] = (None, name)
        description = str(values.get("description", domain.description) or "")
        if description != domain.description:
            changes["description"] = (domain.description, description)
            domain.description = description
        self.save("domains", domain, item if isinstance(item, Entry) else Entry({}, 1), changes)
        return domain

    def known_domain(self, text: str, entry: Entry) -> str:
        """The canonical name of a domain that is served; raises BadFile."""
        try:
            name = domain_name(text)
        except ValidationError as error:
            raise BadFile(f"line {entry.line}: {error.messages[0]}") from None
        if name not in self.domains:
            raise BadFile(f"line {entry.line}: the domain {name} is not one of ours; name it under “domains”")
        return name

    def user(self, entry: Entry, key: str) -> Persona:
        """The user whom a key names by any of its addresses."""
        return self.who(entry.values.get(key), entry)

    def who(self, value: Any, entry: Entry) -> Persona:
        """The user to whom any address leads; raises BadFile."""
        aor = self.aor(value, entry)
        persona = Persona.objects.filter(aliases__uri=aor).first()
        if persona is None:
            raise BadFile(f"line {entry.line}: no user {aor}")
        return persona

    def aor(self, value: Any, entry: Entry) -> Aor:
        """An address; raises BadFile."""
        try:
            return Aor.parse(str(value or ""))
        except BadUri as error:
            raise BadFile(f"line {entry.line}: {error}") from None

    def number(self, value: Any, entry: Entry, key: str) -> int:
        """A count from 0; raises BadFile."""
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise BadFile(f"line {entry.line}: “{key}” is a number")
        return value

    def row(self, kind: str, model: Any, entry: Entry, key: dict[str, Any], rest: dict[str, Any]) -> Any:
        """Create or change one row found by its key, in canonical form; the row."""
        for name, value in {**key, **rest}.items():
            many = isinstance(model._meta.get_field(name), ChoiceListField)
            if isinstance(value, Entry) or (isinstance(value, list) and not many):
                raise BadFile(f"line {entry.line_of(name)}: “{name}” holds one value")
        row = model(**key, **rest)
        try:
            row.clean_fields()
            row.clean()
        except ValidationError as error:
            raise BadFile(f"line {entry.line}: {told(error)}") from None
        found = model.objects.filter(**{name: getattr(row, name) for name in key}).first()
        if found is None:
            self.save(kind, row, entry, {name: (None, getattr(row, name)) for name in rest})
            return row
        pairs = {name: (getattr(found, name), getattr(row, name)) for name in rest}
        for name in rest:
            setattr(found, name, getattr(row, name))
        self.save(kind, found, entry, {name: pair for name, pair in pairs.items() if pair[0] != pair[1]})
        return found

    def save(self, kind: str, row: Any, entry: Entry, changes: Fields) -> None:
        """Save a row that is new or has changed, count it, and note what has changed; raises BadFile."""
        created = row.pk is None
        if not created and not changes:
            self.report.unchanged[kind] += 1
            self.keep(row)
            return
        try:
            row.full_clean()
        except ValidationError as error:
            raise BadFile(f"line {entry.line}: {told(error)}") from None
        row.save()
        self.keep(row)
        (self.report.created if created else self.report.changed)[kind] += 1
        self.note(kind, "+" if created else "~", row, changes)

    def keep(self, row: Any) -> None:
        """The file names this row."""
        self.named.setdefault(type(row), set()).add(row.pk)

    def note(self, kind: str, what: str, row: Any, changes: Fields) -> None:
        """A difference, for people."""
        self.report.differences.append(Difference(kind, what, shown(row), changes))

    def many(self, kind: str, row: Any, name: str, wanted: list[Any]) -> None:
        """The rows that a column leads to are these, and no others."""
        related = getattr(row, name)
        before = {one.pk: one for one in related.all()}
        if set(before) == {one.pk for one in wanted}:
            return
        related.set(wanted)
        self.report.changed[kind] += 1
        self.note(kind, "~", row, {name: (list(before.values()), wanted)})

    def words(self, entry: Entry, key: str) -> list[str]:
        """A list of words; raises BadFile."""
        value = entry.values.get(key)
        if not isinstance(value, list) or any(isinstance(one, Entry | list) for one in value):
            raise BadFile(f"line {entry.line_of(key)}: “{key}” holds a list of words")
        return [str(one) for one in value]

    def columns(self, entry: Entry, names: Iterable[str]) -> dict[str, Any]:
        """Those of these keys that the entry has, each with one value; raises BadFile."""
        found = {name: entry.values[name] for name in names if name in entry.values}
        for name, value in found.items():
            if isinstance(value, Entry | list):
                raise BadFile(f"line {entry.line_of(name)}: “{name}” holds one value")
        return found

    def count(self, kind: str, created: int, changed: int, wanted: int) -> None:
        """Count what was written in bulk: of all that were wanted so many were made, and so many changed."""
        self.report.created[kind] += created
        self.report.changed[kind] += changed
        self.report.unchanged[kind] += wanted - created - changed

"""Where the entries of a provisioning file are written, and counted."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError

from provisioning.fields import domain_name
from provisioning.importing.grammar import BadFile, Entry
from provisioning.models import Domain, Persona
from provisioning.uri import Aor, BadUri

BATCH = 1000
"Rows in one INSERT."


@dataclass
class Report:
    """What applying a file has done, or would do."""

    created: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    unused: list[str] = field(default_factory=list)
    "Sections whose application is not installed."

    def lines(self) -> Iterator[str]:
        """The report for people."""
        for kind in sorted({*+self.created, *+self.changed, *+self.unchanged}):  # + leaves out what was counted 0 times
            yield (
                f"{kind}: {self.created[kind]} created, {self.changed[kind]} changed, "
                f"{self.unchanged[kind]} as they were"
            )
        for name in self.unused:
            yield f"{name}: not used by this version"


class Tables:
    """Rows are made or changed, never taken away; each is validated by its model."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.domains = {domain.name: domain for domain in Domain.objects.all()}
        "By name."

    def domain(self, text: str) -> Domain:
        """Serve this domain, if it is not served yet; raises BadFile."""
        try:
            name = domain_name(text)
        except ValidationError as error:
            raise BadFile(f"section “domains”: {error.messages[0]}") from None
        domain = self.domains.get(name)
        if domain is None:
            domain = self.domains[name] = Domain.objects.create(name=name)
            self.report.created["domains"] += 1
        else:
            self.report.unchanged["domains"] += 1
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
        aor = self.aor(entry.values.get(key), entry)
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
        row = model(**key, **rest)
        try:
            row.clean_fields()
            row.clean()
        except ValidationError as error:
            raise BadFile(f"line {entry.line}: {error.messages[0]}") from None
        found = model.objects.filter(**{name: getattr(row, name) for name in key}).first()
        if found is None:
            self.save(kind, row, entry, True)
            return row
        changed = any(getattr(found, name) != getattr(row, name) for name in rest)
        for name in rest:
            setattr(found, name, getattr(row, name))
        self.save(kind, found, entry, changed)
        return found

    def save(self, kind: str, row: Any, entry: Entry, changed: bool) -> None:
        """Save a row that is new or has changed, and count it; raises BadFile."""
        if not changed:
            self.report.unchanged[kind] += 1
            return
        created = row.pk is None
        try:
            row.full_clean()
        except ValidationError as error:
            raise BadFile(f"line {entry.line}: {error.messages[0]}") from None
        row.save()
        (self.report.created if created else self.report.changed)[kind] += 1

    def count(self, kind: str, created: int, changed: int, wanted: int) -> None:
        """Count what was written in bulk: of all that were wanted so many were made, and so many changed."""
        self.report.created[kind] += created
        self.report.changed[kind] += changed
        self.report.unchanged[kind] += wanted - created - changed

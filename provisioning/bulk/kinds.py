"""What a table of an import is about: its columns, and how its rows get in and out of the database.

A row has one form everywhere: a mapping from column to value, `state`. A file wants a state, the database has one,
their difference is what the dry run shows, and undoing writes the one of before. Kinds of other applications register
here, as sections of the provisioning file do (`provisioning.importing.sections`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model

from provisioning.bulk import cells
from provisioning.fields import domain_name
from provisioning.models import Alias, Domain
from provisioning.uri import Aor

State = dict[str, Any]
"Column -> text, yes or no, number, or a list of addresses; what JSON can hold."

Key = tuple[str, ...]
"What a row is known by."


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    read: Callable[[Any], Any]
    "From a cell that is not empty; raises ValidationError."
    empty: Any = ""
    "Of a row that is new, and what `(none)` means."
    several: bool = False
    "Holds a list of addresses."
    secret: bool = False
    "Is never part of a state, of an export, or of a report."
    example: str = ""
    "In the template."


@dataclass(slots=True)
class Row:
    """A row of a file on its way into the database."""

    number: int
    "As the spreadsheet counts: the first one below the headings is 2. In JSON the entries are counted from 1."
    cells: dict[str, Any]
    "As they came: text, yes or no, lists. Empty ones are left out; empty text: the value is to be emptied."
    given: State = field(default_factory=dict)
    "What the cells mean."
    key: Key = ()
    errors: list[tuple[str, str]] = field(default_factory=list)
    "Column and what is wrong, in words."
    before: State | None = None
    "None: there is no such row."
    after: State = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    "Columns of the database that are to be set, hashed."
    secrets_before: dict[str, str] = field(default_factory=dict)
    secret_columns: list[str] = field(default_factory=list)
    "Which secrets change, by their names."
    made: Any = None
    "A new row of the database, ready to be written."

    def wrong(self, column: str, error: ValidationError | str) -> None:
        """This row cannot be taken."""
        self.errors.append((column, error if isinstance(error, str) else " ".join(error.messages)))

    @property
    def outcome(self) -> str:
        """What becomes of it: bad, created, changed, unchanged."""
        if self.errors:
            return "bad"
        if self.before is None:
            return "created"
        return "unchanged" if self.before == self.after and not self.secret_columns else "changed"


class Known:
    """Addresses of users and names of domains: those of the database, and those that a dry run would have made."""

    def __init__(self) -> None:
        self.domains = {domain.name: domain for domain in Domain.objects.all()}
        self.planned: dict[str, str | None] = {}
        "Address -> the user whom it would lead to, None: nobody any more."
        self.planned_lists: set[str] = set()
        self._rows: dict[tuple[str, Key], int] = {}

    def once(self, kind: "Kind", row: "Row") -> None:
        """Each row of the database is named by one row of the file."""
        if (first := self._rows.setdefault((kind.name, row.key), row.number)) != row.number:
            row.wrong(kind.key[0], f"Row {first} is about the same one.")

    def owners(self, addresses: Iterable[str]) -> dict[str, str]:
        """Address -> address of record of the user whom it leads to; others are left out."""
        wanted = set(addresses)
        asked = [Aor(one) for one in wanted if one not in self.planned]
        found = {one: owner for one in wanted if (owner := self.planned.get(one)) is not None}
        rows = Alias.objects.filter(uri__in=asked).order_by().values_list("uri", "persona__aor")
        return found | {str(uri): str(aor) for uri, aor in rows}

    def served(self, aor: Aor) -> None:
        """Raises ValidationError for an address in a domain of others."""
        if aor.host not in self.domains:
            raise ValidationError(f"{aor.host} is not a domain of ours.")


class Kind(ABC):
    """One kind of table."""

    name: str
    "As a sheet, as a key in JSON, and in addresses."
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    "Columns that say which row is meant; no cell of theirs may be empty."
    models: tuple[type[Model], ...]
    "The first one is what rights are asked for; edges hear about all of them."

    def column(self, name: str) -> Column:
        """By its name."""
        return next(one for one in self.columns if one.name == name)

    def read(self, row: Row) -> None:
        """From cells to values and key; what is wrong joins the row's errors."""
        for column in self.columns:
            cell = row.cells.get(column.name)
            if cell is None:
                continue
            try:
                emptied = cell == "" and column.name not in self.key
                if emptied and column.secret:
                    raise ValidationError("A secret can be replaced here, not taken away.")
                row.given[column.name] = column.empty if emptied else column.read(cell)
            except ValidationError as error:
                row.wrong(column.name, error)
        for name in self.key:
            if name not in row.given and not any(column == name for column, _ in row.errors):
                row.wrong(name, "This cell must not be empty.")
        if not row.errors:
            row.key = tuple(str(row.given[name]) for name in self.key)

    def secure(self, rows: list[Row], *, hashing: bool) -> None:
        """Hash what has to be hashed, which takes its time: outside of transactions. A dry run hashes nothing."""
        return  # most tables have no secrets

    @abstractmethod
    def states(self, keys: list[Key]) -> dict[Key, State]:
        """Those of the rows that there are."""

    @abstractmethod
    def everything(self) -> Iterator[State]:
        """All rows, in order."""

    @abstractmethod
    def plan(self, rows: list[Row], known: Known) -> None:
        """Find `before` and `after` of rows that are right so far; writes nothing."""

    def prepare(self, rows: list[Row], known: Known) -> None:
        """Get planned rows ready, so that little is left to do in a transaction."""
        return  # what is written one by one

    def still(self, rows: list[Row]) -> bool:
        """What was planned can be written: rows are in the database as they were when they were compared."""
        states = self.states([row.key for row in rows])
        return all(states.get(row.key) == row.before for row in rows)

    @abstractmethod
    def write(self, rows: list[Row], known: Known) -> None:
        """Bring rows to `after`, in the transaction of the caller; whatever the database refuses joins the errors."""

    @abstractmethod
    def remove(self, keys: list[Key]) -> dict[Key, str]:
        """Take rows away; those that have to stay, and why."""

    def secrets_of(self, keys: list[Key]) -> dict[Key, dict[str, str]]:
        """What is kept hashed."""
        return {}


KINDS: dict[str, Kind] = {}
"By name, in the order in which they are applied: users come first, as the others name them."


def register(kind: Kind) -> None:
    """Offer this kind of table."""
    KINDS[kind.name] = kind


def subject(cell: str) -> str:
    """An address, or `*@domain` for everybody there; raises ValidationError."""
    text = cell.strip()
    return f"*@{domain_name(text[2:])}" if text.startswith("*@") else str(cells.address(text))


def addresses(cell: Any) -> list[str]:
    """Several addresses in their order, each once; raises ValidationError."""
    return list(dict.fromkeys(str(cells.address(one)) for one in cells.several(cell)))


def subjects(cell: Any) -> list[str]:
    """Several addresses and domains, sorted: their order has no meaning; raises ValidationError."""
    return sorted({subject(one) for one in cells.several(cell)})


def of_model(model: type[Model], name: str) -> Callable[[Any], Any]:
    """Reads a cell by the rules of a model's field, as it stands."""
    column = model._meta.get_field(name)
    return lambda cell: str(column.clean(_text(cell), None))


def choice(model: type[Model], name: str) -> Callable[[Any], Any]:
    """Reads one of the words that a model's field knows, in any case."""
    column = model._meta.get_field(name)
    words = [word for word, _ in column.flatchoices]

    def read(cell: Any) -> str:
        word = _text(cell).strip().lower()
        if word not in words:
            raise ValidationError(f"“{word[:40]}” is none of {', '.join(words)}.")
        return word

    return read


def one_address(cell: Any) -> str:
    """One address; raises ValidationError."""
    return str(cells.address(_text(cell)))


def as_text(cell: Any) -> str:
    """Text, outer white space included; raises ValidationError."""
    return _text(cell)


def _text(cell: Any) -> str:
    if not isinstance(cell, str):
        raise ValidationError("Expected text.")
    return cell

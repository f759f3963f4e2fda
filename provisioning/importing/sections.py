"""What a section of the provisioning file is: how its entries come into the tables, and how they are written out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet

from provisioning.importing.grammar import ELSEWHERE, Entry
from provisioning.importing.tables import Tables

ApplyEntry = Callable[[Entry, Tables], None]
"Brings one entry into the tables; raises BadFile."


@dataclass(frozen=True, slots=True)
class Section:
    """One section."""

    name: str
    kind: str
    "What its objects are called in reports."
    model: type[Model]
    apply: ApplyEntry | None
    "None: all entries at once (`apply.py`)."
    entries: Callable[[], Iterable[Any]]
    "What is in the tables as entries of the file, sorted, without secrets."
    removable: Callable[[], QuerySet[Any]] | None = None
    "Rows that `prune` may remove; None: all."

    def rows(self) -> QuerySet[Any]:
        """Those that `prune` looks at."""
        return self.removable() if self.removable is not None else self.model._default_manager.all()


REGISTERED: dict[str, Section] = {}
"Sections of other applications; each registers its own when it starts."


def register(section: Section) -> None:
    """Take over a section that the grammar has for another application."""
    assert section.name in ELSEWHERE
    REGISTERED[section.name] = section


def plain(value: Any) -> Any:
    """As YAML has it: a column's value without its class."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return "".join(value) if isinstance(value, str) else str(value)  # an `Aor` and a choice are words


def table(name: str, kind: str, model: type[Model], key: tuple[str, ...], rest: tuple[str, ...]) -> Section:
    """A section whose keys are the columns of a table; a row is told from others by those of `key`."""

    def apply(entry: Entry, tables: Tables) -> None:
        values = tables.columns(entry, (*key, *rest))
        defaults = {column: model._meta.get_field(column).get_default() for column in key}
        tables.row(
            kind,
            model,
            entry,
            {one: values.get(one, defaults[one]) for one in key},
            {one: values[one] for one in rest if one in values},
        )

    def entries() -> Iterable[Any]:
        for row in model._default_manager.order_by(*key):
            yield {column: plain(getattr(row, column)) for column in (*key, *rest)}

    return Section(name, kind, model, apply, entries)

"""Documents: some tables, each of one kind; how CSV, XLSX and JSON are told apart, and which tables they hold."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from provisioning.bulk.cells import MAX_CELL, NOTHING, restored
from provisioning.bulk.kinds import KINDS, Kind, Row

MAX_FILE = 16 * 1024 * 1024
"Octets: a hundred thousand users with their aliases as CSV."

MAX_ROWS = 100_000
"Rows of a file, all tables together: what the design of this server counts with."

MAX_COLUMNS = 64
"Columns of a table: several times those that there are."

CSV, XLSX, JSON = FORMATS = ("csv", "xlsx", "json")

ERROR = "error"
"The column that files of bad rows have; it is not read."


PULSE = 500
"Rows between two signs of life of who reads them."

Pulse = Callable[[], None]
"Called now and then while a large file is read; what it raises ends the reading."


class BadDocument(Exception):
    """The file as a whole cannot be read; the message says why, in words."""


@dataclass(slots=True)
class Table:
    """Rows of one kind."""

    kind: Kind
    columns: list[str]
    "Those that the file has, in its order."
    rows: list[Row] = field(default_factory=list)


Document = dict[str, Table]
"By name of the kind."


def format_of(file_name: str) -> str:
    """Which format a file has, by the end of its name; raises BadDocument."""
    ending = file_name.rpartition(".")[2].lower()
    if ending not in FORMATS:
        raise BadDocument(f"“{file_name[-80:]}” does not end with .csv, .xlsx or .json.")
    return ending


def kind_of(headings: Iterable[str]) -> Kind:
    """The kind of table that has these columns; raises BadDocument."""
    given = {heading_name(one) for one in headings}
    for kind in KINDS.values():
        if set(kind.key) <= given and given <= {column.name for column in kind.columns} | {ERROR, ""}:
            return kind
    for kind in KINDS.values():  # says more about what is wrong with the likely one
        if set(kind.key) <= given:
            columns(kind, headings)
    keys = "; ".join(f"{name}: {', '.join(kind.key)}" for name, kind in KINDS.items())
    raise BadDocument(f"The first row has to name the columns. No table has these; what tells them apart is {keys}.")


def heading_name(heading: str) -> str:
    """“Display Name ” and display_name are the same column."""
    return "_".join(str(heading).strip().lower().replace("_", " ").split())


def columns(kind: Kind, headings: Iterable[str]) -> list[str]:
    """The columns that headings mean; the rest of a row without a heading has to be empty. Raises BadDocument."""
    found = [heading_name(one) for one in headings]
    known = {column.name for column in kind.columns} | {ERROR, ""}
    if len(found) > MAX_COLUMNS:
        raise BadDocument(f"Table “{kind.name}” has more than {MAX_COLUMNS} columns.")
    for name in found:
        if name not in known:
            expected = ", ".join(column.name for column in kind.columns)
            raise BadDocument(f"Table “{kind.name}” has no column “{name[:40]}”; expected are {expected}.")
        if name and found.count(name) > 1:
            raise BadDocument(f"Table “{kind.name}” has column “{name}” twice.")
    for name in kind.key:
        if name not in found:
            raise BadDocument(f"Table “{kind.name}” needs a column “{name}”.")
    return found


def table(kind: Kind, headings: list[str], lines: Iterator[tuple[int, list[Any]]], room: int, pulse: Pulse) -> Table:
    """A table of numbered rows; empty rows are passed over. Raises BadDocument."""
    found = Table(kind, columns(kind, headings))
    for number, values in lines:
        if number % PULSE == 0:
            pulse()
        if all(value is None or value == "" for value in values):
            continue
        if len(found.rows) >= room:
            raise BadDocument(f"The file has more than {MAX_ROWS} rows.")
        row = Row(number, {})
        for place, value in enumerate(values):
            name = found.columns[place] if place < len(found.columns) else ""
            if value is None or value == "" or name == ERROR:
                continue
            if not name:
                row.wrong("", f"There is a value in column {place + 1}, which has no heading.")
                break
            row.cells[name] = _meant(value)
        settle(row)
        found.rows.append(row)
    return found


def _meant(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return "" if value.strip() == NOTHING else restored(value)


def settle(row: Row) -> None:
    """Cells that no database holds are errors of their row, and are not kept."""
    for name, value in list(row.cells.items()):
        texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
        if sum(map(len, texts)) > MAX_CELL:
            row.wrong(name, f"This cell has more than {MAX_CELL} characters.")
        elif any("\0" in text or not _encodes(text) for text in texts):
            row.wrong(name, "This cell holds characters that are none.")
        else:
            continue
        del row.cells[name]


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

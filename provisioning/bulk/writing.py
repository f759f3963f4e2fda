"""From tables to the octets of a file: exports, templates, and files of bad rows. What is written can be read back."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import tablib

from provisioning.bulk import workbooks
from provisioning.bulk.cells import NOTHING, defused, short
from provisioning.bulk.documents import CSV, ERROR, JSON, XLSX, BadDocument
from provisioning.bulk.kinds import KINDS, Kind, State, one_address

CONTENT_TYPES = {
    CSV: "text/csv; charset=utf-8",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    JSON: "application/json",
}

MARK = b"\xef\xbb\xbf"
"Begins a CSV file: without it Excel takes UTF-8 for something else."

Tables = dict[str, Iterable[State]]
"By name of the kind."


def exported(form: str, names: Iterable[str]) -> bytes:
    """What the database holds of these kinds; no secrets. Raises BadDocument."""
    return written(form, {name: KINDS[name].everything() for name in names})


def template(form: str, names: Iterable[str]) -> bytes:
    """Tables with their headings and one example each, secrets included; raises BadDocument."""
    tables = {name: [{column.name: column.example for column in KINDS[name].columns}] for name in names}
    return written(form, tables, secrets=True)


def written(form: str, tables: Tables, *, secrets: bool = False, errors: bool = False) -> bytes:
    """A file in this format; a CSV holds one table. Raises BadDocument."""
    if form == CSV and len(tables) != 1:
        raise BadDocument("A CSV file holds one table; say which.")
    named = {name: headings(KINDS[name], secrets=secrets, errors=errors) for name in tables}
    if form == JSON:
        found = {name: [_entry(KINDS[name], state) for state in states] for name, states in tables.items()}
        return json.dumps(found, ensure_ascii=False, indent=1).encode() + b"\n"
    empty = NOTHING if errors else ""
    lines = {name: _lines(KINDS[name], named[name], states, empty) for name, states in tables.items()}
    if form == XLSX:
        return workbooks.written([(name, named[name], lines[name]) for name in tables])
    name = next(iter(tables))
    sheet = tablib.Dataset(headers=named[name])
    sheet.extend(lines[name])
    return MARK + str(sheet.export("csv")).encode()


def headings(kind: Kind, *, secrets: bool, errors: bool) -> list[str]:
    """The names of a table's columns."""
    found = [column.name for column in kind.columns if secrets or errors or not column.secret]
    return [*found, ERROR] if errors else found


def _lines(kind: Kind, names: list[str], states: Iterable[State], empty: str) -> Iterator[list[str]]:
    for state in states:
        shown = _entry(kind, state)
        yield [_cell(shown[name], empty) if name in shown else "" for name in names]


def _cell(value: Any, empty: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value == "":
        return empty
    return defused(" ".join(map(str, value)) if isinstance(value, list) else str(value))


def _entry(kind: Kind, state: State) -> State:
    """With addresses as people write them."""
    found = dict(state)
    for column in kind.columns:
        value = found.get(column.name)
        if isinstance(value, list):
            found[column.name] = [short(one) for one in value]
        elif column.read is one_address and isinstance(value, str):
            found[column.name] = short(value)
    return found

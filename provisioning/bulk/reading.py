"""From the octets of a file to a document: CSV in what Excel and others write, XLSX, JSON."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from provisioning.bulk import workbooks
from provisioning.bulk.documents import (
    CSV,
    MAX_FILE,
    MAX_ROWS,
    PULSE,
    XLSX,
    BadDocument,
    Document,
    Pulse,
    Table,
    columns,
    format_of,
    kind_of,
    settle,
    table,
)
from provisioning.bulk.kinds import KINDS, Kind, Row

SEPARATORS = ",;\t"
"Of CSV: Excel writes semicolons where the comma is for decimals."

DIGITS = 30
"Of a number in JSON: none of ours has more."


def nothing() -> None:
    """Nobody waits for a sign of life."""


def read(content: bytes, file_name: str, pulse: Pulse = nothing) -> Document:
    """The tables of a file, with their cells understood; errors of rows are in the rows. Raises BadDocument."""
    if not content:
        raise BadDocument("The file is empty.")
    if len(content) > MAX_FILE:
        raise BadDocument(f"The file is larger than {MAX_FILE >> 20} MiB.")
    form = format_of(file_name)
    if form == XLSX:
        found = _xlsx(content, pulse)
    elif form == CSV:
        found = _csv(_text(content), pulse)
    else:
        found = _json(_text(content))
    if not any(one.rows for one in found.values()):
        raise BadDocument("The file has no rows.")
    for one in found.values():
        for place, row in enumerate(one.rows):
            if place % PULSE == 0:
                pulse()
            one.kind.read(row)
    return {name: found[name] for name in KINDS if name in found}


def _text(content: bytes) -> str:
    """UTF-8 with or without a mark, or UTF-16 with one; raises BadDocument."""
    coding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(coding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadDocument(f"Line {line} is not UTF-8. Save the file as “CSV UTF-8” in the spreadsheet.") from None


def _csv(text: str, pulse: Pulse) -> Document:
    if "\0" in text:
        raise BadDocument("This is no text: it holds NUL octets.")
    first, _, rest = text.partition("\n")
    separator = ""
    if first.lower().startswith("sep=") and len(first.strip()) == 5:
        separator, text = first.strip()[4], rest
        first = rest.partition("\n")[0]
    if not separator:
        separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    csv.field_size_limit(MAX_FILE)  # longer cells are an error of their row, told later
    try:
        headings = next(reader, [])
        kind = kind_of(headings)
        return {kind.name: table(kind, headings, _lines(reader), MAX_ROWS, pulse)}
    except csv.Error as error:
        raise BadDocument(f"Line {reader.line_num} is not CSV: {error}.") from None


def _lines(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[Any]]]:
    yield from enumerate(map(list, reader), 2)


def _xlsx(content: bytes, pulse: Pulse) -> Document:
    found: Document = {}
    room = MAX_ROWS
    for title, headings, lines in workbooks.sheets(content):
        kind = KINDS.get(title.strip().lower()) or kind_of(headings)
        if kind.name in found:
            raise BadDocument(f"There are two sheets of {kind.name}.")
        found[kind.name] = table(kind, headings, lines, room, pulse)
        room -= len(found[kind.name].rows)
    return found


def _json(text: str) -> Document:
    try:
        root = json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_number, object_pairs_hook=_once)
    except RecursionError:
        raise BadDocument("This JSON is nested too deeply.") from None
    except ValueError as error:
        raise BadDocument(f"This is not JSON: {error}.") from None
    if not isinstance(root, dict):
        raise BadDocument(f"Expected an object with keys out of {', '.join(KINDS)}.")
    found: Document = {}
    room = MAX_ROWS
    for name, entries in root.items():
        if name not in KINDS:
            raise BadDocument(f"“{name[:40]}” is none of {', '.join(KINDS)}.")
        if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
            raise BadDocument(f"“{name}” has to be a list of objects.")
        if len(entries) > room:
            raise BadDocument(f"The file has more than {MAX_ROWS} rows.")
        room -= len(entries)
        found[name] = _entries(KINDS[name], entries)
    return found


def _entries(kind: Kind, entries: list[dict[str, Any]]) -> Table:
    names = list(dict.fromkeys(name for entry in entries for name in entry))
    if entries and not set(kind.key) <= set(names):
        names += [name for name in kind.key if name not in names]
    found = Table(kind, columns(kind, names) if names else [])
    for number, entry in enumerate(entries, 1):
        row = Row(number, {})
        for name, value in zip(found.columns, (entry.get(one) for one in names), strict=True):
            if value is None or name == "error":
                continue
            if isinstance(value, str | bool) or (
                isinstance(value, list) and all(isinstance(one, str) for one in value) and kind.column(name).several
            ):
                row.cells[name] = value
            else:
                row.wrong(name, "Expected text, true or false, or a list of texts where a column holds several.")
        settle(row)
        found.rows.append(row)
    return found


def _number(text: str) -> str:
    """Numbers are read as they are written: 0471 and 4711 are PINs, 2001 is a line."""
    if len(text) > DIGITS:
        raise ValueError("a number with too many digits")
    return text


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found

"""XLSX: read with care, since it is XML in an archive; written so that a spreadsheet leaves text alone.

An archive is unpacked once, in small pieces and with a limit, before anything else looks at it: what it says about the
sizes of its parts is not believed.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from provisioning.bulk.documents import MAX_COLUMNS, BadDocument

MAX_UNPACKED = 192 * 1024 * 1024
"Octets of all parts: a hundred thousand rows of ten columns are about half of it."

MAX_PARTS = 500
"Files in the archive; a workbook of ours has about ten."

MAX_EMPTY = 1_048_576
"Rows of a sheet (Excel's own limit)."

PIECE = 256 * 1024
"Octets that are unpacked at a time."

MAX_XLSX_CELL = 32_767
"Characters (Excel's own limit)."

WIDTH = 24
"Of a column, in characters."

NOT_XLSX = "This is no XLSX workbook, or it is damaged."

_FORBIDDEN = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0d\x0e-\x1f\ufffe\uffff]|_x(?=[0-9A-Fa-f]{4}_)")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


def sheets(content: bytes) -> Iterator[tuple[str, list[str], Iterator[tuple[int, list[Any]]]]]:
    """Title, headings and numbered rows of each sheet that is not empty; raises BadDocument."""
    check(content)
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            lines = _lines(sheet)
            headings = next(lines, None)
            if headings is not None:
                names = ["" if value is None else str(value) for value in headings[1]]
                while names and not names[-1].strip():
                    names.pop()
                yield sheet.title, names, lines
    except BadDocument:
        raise
    except Exception as error:  # whatever the parts of a damaged workbook do to its reader
        raise BadDocument(f"{NOT_XLSX} ({type(error).__name__})") from None


def check(content: bytes) -> None:
    """Refuse bombs and tricks: what unpacks to too much, and XML with declarations of its own; raises BadDocument."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > MAX_PARTS:
                raise BadDocument(f"The workbook has more than {MAX_PARTS} parts.")
            room = MAX_UNPACKED
            for part in parts:
                with archive.open(part) as stream:
                    before = b""
                    while piece := stream.read(PIECE):
                        room -= len(piece)
                        if room < 0:
                            raise BadDocument(f"Unpacked, the workbook is larger than {MAX_UNPACKED >> 20} MiB.")
                        if _FORBIDDEN.search(before + piece) or (not before and b"\0" in piece[:4] and _is_xml(part)):
                            raise BadDocument("The workbook holds XML of a kind that no spreadsheet writes.")
                        before = piece[-32:]
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError):
        raise BadDocument(NOT_XLSX) from None


def _is_xml(part: zipfile.ZipInfo) -> bool:
    return part.filename.lower().endswith((".xml", ".rels", ".vml"))


def _lines(sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    for number, values in enumerate(sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS + 1), 1):
        if number > MAX_EMPTY:
            raise BadDocument(f"A sheet has at most {MAX_EMPTY} rows.")
        yield number, [_value(value) for value in values]


def _value(value: Any) -> Any:
    """What a cell says, as text; what looks like a number was a number to the spreadsheet."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if not isinstance(value, str):
        return str(value)
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)


def written(tables: list[tuple[str, list[str], Iterator[list[str]]]]) -> bytes:
    """A workbook of tables by title, headings and rows; every cell is text. Raises BadDocument."""
    book = openpyxl.Workbook(write_only=True)
    for title, headings, lines in tables:
        sheet = book.create_sheet(title)
        sheet.freeze_panes = "A2"
        for place in range(1, len(headings) + 1):
            sheet.column_dimensions[get_column_letter(place)].width = WIDTH
            sheet.column_dimensions[get_column_letter(place)].number_format = "@"  # so that a PIN keeps its zeros
        sheet.append([_cell(sheet, text, bold=True) for text in headings])
        for line in lines:
            sheet.append([_cell(sheet, text) for text in line])
    found = io.BytesIO()
    book.save(found)
    return found.getvalue()


def _cell(sheet: Any, text: str, bold: bool = False) -> Any:
    escaped = _CONTROL.sub(lambda found: "_x005F_x" if found[0] == "_x" else f"_x{ord(found[0]):04X}_", text)
    if len(escaped) > MAX_XLSX_CELL:
        raise BadDocument(f"A cell of XLSX holds {MAX_XLSX_CELL} characters; this one needs more. Take CSV or JSON.")
    if not escaped:
        return None
    cell = WriteOnlyCell(sheet, escaped)
    cell.data_type, cell.number_format = "s", "@"
    if bold:
        cell.font = Font(bold=True)
    return cell

"""A dialog as a ladder: a column for each address, an arrow for each message. Numbers for a drawing, no drawing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

WIDTH: Final = 210
"Units between two columns: an address with a port has room above."

MARGIN: Final = 150
"Units left of the first column, for the time."

TOP: Final = 44
STEP: Final = 34
"Units between two messages: the words stand above the arrow."

MAX_COLUMNS: Final = 12
"Addresses side by side; more is no dialog, and the last column stands for all others."

OTHERS: Final = "others"

CHALLENGES: Final = (401, 407)

MAX_LABEL: Final = 34
"Characters above an arrow."


@dataclass(frozen=True, slots=True)
class Column:
    """One address."""

    name: str
    x: int
    ours: bool


@dataclass(frozen=True, slots=True)
class Arrow:
    """One message."""

    row: Mapping[str, Any]
    label: str
    kind: str
    "request, answer, failure or document: how it is drawn."
    after: str
    "Seconds since the first one."
    y: int
    start: int
    end: int

    @property
    def middle(self) -> int:
        """Where the words stand."""
        return (self.start + self.end) // 2

    @property
    def head(self) -> str:
        """The corners of the arrow's head."""
        back = self.end - 8 if self.end > self.start else self.end + 8
        return f"{self.end},{self.y} {back},{self.y - 4} {back},{self.y + 4}"


@dataclass(frozen=True, slots=True)
class Ladder:
    """The whole."""

    columns: tuple[Column, ...]
    arrows: tuple[Arrow, ...]
    width: int
    height: int


def draw(rows: Iterable[Mapping[str, Any]]) -> Ladder:
    """Columns in the order in which they are met: whoever began, the edge, then those behind it."""
    rows = list(rows)
    names: dict[str, bool] = {}
    for row in rows:
        ends = ((row["edge"], True), (row["remote"], False))
        for name, ours in ends if row["direction"] == "out" else reversed(ends):
            if name in names or len(names) < MAX_COLUMNS - 1:
                names.setdefault(name, ours)
            else:
                names[OTHERS] = False
    columns = tuple(Column(name, MARGIN + index * WIDTH, ours) for index, (name, ours) in enumerate(names.items()))
    places = {column.name: column.x for column in columns}
    arrows = tuple(_arrow(row, TOP + STEP * (index + 1), places, rows[0]["number"]) for index, row in enumerate(rows))
    height = TOP + STEP * (len(rows) + 1)
    return Ladder(columns, arrows, MARGIN + WIDTH * max(len(columns) - 1, 0) + WIDTH // 2, height)


def _arrow(row: Mapping[str, Any], y: int, places: Mapping[str, int], began: int) -> Arrow:
    others = places.get(OTHERS, 0)
    ends = places.get(row["edge"], others), places.get(row["remote"], others)
    start, end = ends if row["direction"] == "out" else (ends[1], ends[0])
    return Arrow(row, _label(row), _kind(row), f"+{(row['number'] - began) / 1_000_000:.3f}", y, start, end)


def _label(row: Mapping[str, Any]) -> str:
    first = row["first_line"]
    said = first.partition(" ")[2] if row["status"] is not None else row["method"] or first
    label = f"{said} ({row['document']})" if row["document"] and row["document"] != said else said
    return label if len(label) <= MAX_LABEL else label[: MAX_LABEL - 1] + "…"


def _kind(row: Mapping[str, Any]) -> str:
    if row["status"] is None:
        return "document" if row["protocol"] == "csta" else "request"
    return "failure" if failed(row) else "answer"


def failed(row: Mapping[str, Any]) -> bool:
    """An answer that refuses; a challenge is none, since clients log in by it."""
    return row["status"] is not None and row["status"] >= 400 and row["status"] not in CHALLENGES

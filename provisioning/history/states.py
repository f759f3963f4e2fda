"""What a version keeps of a row: its columns, the names of what it leads to, its parts; and when two are the same."""

from typing import Any


def fill(version: Any, row: Any, *, parts: bool) -> None:
    """Copy a row, read with its relations and parts, into a version; without `parts` it has none yet."""
    from provisioning.history.records import LABEL

    records = type(row).records
    version.history_label = str(row)[:LABEL]
    version.history_names = {}
    for column in records.columns:
        value = getattr(row, column.attname)
        setattr(version, column.attname, value)
        if column.is_relation and value is not None:
            version.history_names[column.name] = str(getattr(row, column.name))
    version.history_parts = {part.name: _rows(row, part) if parts else [] for part in records.parts}


def _rows(row: Any, part: Any) -> list[dict[str, Any]]:
    found = getattr(row, part.name).all()
    if not part.columns:
        return sorted(({"id": one.pk, "name": str(one)} for one in found), key=lambda one: str(one["name"]))
    left_out = getattr(row, part.beside) if part.beside else None
    return [
        {column: _plain(getattr(one, column)) for column in part.columns}
        for one in found
        if left_out is None or getattr(one, part.columns[0]) != left_out
    ]


def _plain(value: Any) -> Any:
    """As JSON gives it back: addresses and choices are texts of their own kinds."""
    return str(value) if isinstance(value, str) else value


def same(model: Any, one: Any, other: Any) -> bool:
    """Two versions say the same of a row; what other rows are called now does not count."""
    records = model.records
    if any(getattr(one, column.attname) != getattr(other, column.attname) for column in records.columns):
        return False
    return all(comparable(part, one) == comparable(part, other) for part in records.parts)


def comparable(part: Any, version: Any) -> Any:
    """The rows of a part in a form in which equal ones are equal: in their order where it means something."""
    rows = version.history_parts.get(part.name, [])
    if not part.columns:
        return {row["id"] for row in rows}
    values = [tuple(row.get(column) for column in part.columns) for row in rows]
    return values if part.ordered else sorted(values, key=repr)

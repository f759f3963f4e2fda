"""What has changed between two versions, field by field, in words."""

from dataclasses import dataclass
from typing import Any

from provisioning.history.states import comparable

NOTHING = "empty"
"In place of a value that is not there."


@dataclass(frozen=True, slots=True)
class Difference:
    """One field, or one part, that is not as it was."""

    field: str
    label: str
    before: str = ""
    after: str = ""
    "Of a field, without `before` where the row is new; what a secret became."
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    altered: tuple[tuple[str, str, str], ...] = ()
    "Rows of a part that stayed: what they are called, what they said before, what they say."
    moved: bool = False
    "The rows of a part have another order."

    def __str__(self) -> str:
        if not (self.added or self.removed or self.altered or self.moved):
            return f"{self.label}: {self.before} → {self.after}" if self.before else f"{self.label}: {self.after}"
        said = [f"+ {row}" for row in self.added] + [f"− {row}" for row in self.removed]
        said += [f"{name}: {before} → {after}" for name, before, after in self.altered]
        return f"{self.label}: {', '.join(said + ['another order'] * self.moved)}"


def differences(model: Any, before: Any, after: Any) -> list[Difference]:
    """From one version to another; `before` may be None, then everything that is not empty is new."""
    records, found = model.records, []
    for column in records.columns:
        if column.primary_key or (before is None and getattr(after, column.attname) in ("", None, [])):
            continue
        if before is None or getattr(before, column.attname) != getattr(after, column.attname):
            was = shown(column, before) if before is not None else ""
            found.append(Difference(column.name, _capital(column.verbose_name), was, shown(column, after)))
    for name, became in after.history_secrets.items():
        found.append(Difference(name, _capital(name), after=became))
    for part in records.parts:
        if before is None or comparable(part, before) != comparable(part, after):
            difference = _of_part(model, part, before, after)
            found += [difference] if difference is not None else []
    return found


def shown(column: Any, version: Any) -> str:
    """A value for people: yes or no, the name of a choice, what another row was called then."""
    value = getattr(version, column.attname)
    if column.is_relation:
        return str(version.history_names.get(column.name, NOTHING if value is None else f"number {value}"))
    return _words(column, value)


def _words(column: Any, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "" or value == []:
        return NOTHING
    words = dict(getattr(column, "words", None) or column.flatchoices)
    if isinstance(value, list):
        return ", ".join(str(words.get(one, one)) for one in value)
    return str(words.get(value, value))


def _of_part(model: Any, part: Any, before: Any, after: Any) -> Difference | None:
    label = _capital(part.label or part.name.replace("_", " "))
    old = before.history_parts.get(part.name, []) if before is not None else []
    new = after.history_parts.get(part.name, [])
    if not part.columns:
        was, now = {row["id"]: row["name"] for row in old}, {row["id"]: row["name"] for row in new}
        added, removed = _missing(now, was), _missing(was, now)
        return Difference(part.name, label, added=added, removed=removed) if added or removed else None
    related = model._meta.get_field(part.name).related_model
    was = {tuple(row.get(one) for one in part.key): _row(related, part, row) for row in old}
    now = {tuple(row.get(one) for one in part.key): _row(related, part, row) for row in new}
    added = tuple(": ".join(filter(None, now[key])) for key in now if key not in was)
    removed = tuple(": ".join(filter(None, was[key])) for key in was if key not in now)
    stayed = [key for key in now if key in was]
    altered = tuple(
        (now[key][0], was[key][1] or NOTHING, now[key][1] or NOTHING) for key in stayed if was[key] != now[key]
    )
    moved = part.ordered and stayed != [key for key in was if key in now]
    if not (added or removed or altered or moved):
        return None
    return Difference(part.name, label, added=added, removed=removed, altered=altered, moved=moved)


def _missing(here: dict[Any, str], there: dict[Any, str]) -> tuple[str, ...]:
    return tuple(name for key, name in here.items() if key not in there)


def _row(related: Any, part: Any, row: dict[str, Any]) -> tuple[str, str]:
    """What a row of a part is called, and what it says."""
    name = str(row.get(part.key[-1]))
    said = [
        _words(related._meta.get_field(one), row.get(one))
        for one in part.columns
        if one not in part.key and row.get(one) not in ("", None)
    ]
    return name, ", ".join(said)


def _capital(text: Any) -> str:
    return str(text)[:1].upper() + str(text)[1:]

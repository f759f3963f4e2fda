"""`prune`: rows of some sections that the file does not name are removed; nothing is that others need."""

from typing import Any

from django.db import models

from provisioning.importing import catalogue
from provisioning.importing.grammar import BadFile, Entry
from provisioning.importing.sections import Section
from provisioning.importing.tables import Tables

SHOWN = 3
"Rows that need another one are named so many."


def wanted(root: Entry) -> list[str]:
    """The sections that are to be pruned; raises BadFile."""
    if (value := root.values.get("prune")) is None:
        return []
    line = root.line_of("prune")
    if not isinstance(value, list):
        raise BadFile(f"line {line}: “prune” holds a list of sections")
    known = [section.name for section in catalogue.every()]
    for name in value:
        if name not in known:
            raise BadFile(f"line {line}: “{name}” cannot be pruned; expected some of {', '.join(sorted(known))}")
        if name not in root.values:
            raise BadFile(f"line {line}: “{name}” is to be pruned, but the file has no such section")
    return list(value)


def prune(root: Entry, tables: Tables) -> None:
    """Remove, the last sections first, since they name what stands before; raises BadFile."""
    names = wanted(root)
    for section in reversed(list(catalogue.every())):
        if section.name in names:
            _prune(section, root.line_of("prune"), tables)


def _prune(section: Section, line: int, tables: Tables) -> None:
    named = tables.named.get(section.model, set())
    for row in section.rows():
        if row.pk in named:
            continue
        if needed := _needed_by(row):
            more = f" and {len(needed) - SHOWN} more" if len(needed) > SHOWN else ""
            who = ", ".join(needed[:SHOWN]) + more
            raise BadFile(f"line {line}: {section.kind}: {row} cannot be removed, it is needed by {who}")
        tables.note(section.kind, "-", row, {})
        tables.report.removed[section.kind] += 1
        row.delete()


def _needed_by(row: models.Model) -> list[str]:
    """Rows of sections that lead to this one; what belongs to it, as a member to its list, goes with it."""
    owners = {section.model: section.kind for section in catalogue.every()}
    found: list[str] = []
    for relation in row._meta.related_objects:
        model: Any = relation.related_model
        if model not in owners or (model._meta.model_name == "alias" and row._meta.model_name == "persona"):
            continue
        rows = model._default_manager.filter(**{relation.field.name: row.pk})
        found += [f"{owners[model]} {one}" for one in rows[: SHOWN + 1]]
    return found

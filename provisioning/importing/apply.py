"""Bring the tables to what a provisioning file says; nothing that the file does not name is touched, but by `prune`.

Applying is idempotent and happens in one transaction. Users by pattern are written in bulk: twenty thousand take a
few seconds, most of it hashing. Edges hear once, after the commit.
"""

from provisioning import automatic, bus
from provisioning.history import recording
from provisioning.importing import catalogue, pruning, sections
from provisioning.importing.grammar import ELSEWHERE, Entry
from provisioning.importing.settings import apply_settings
from provisioning.importing.tables import Report, Tables
from provisioning.importing.users import apply_aliases, apply_users
from provisioning.snapshot import parts


class _DryRun(Exception):
    pass


def apply(root: Entry, *, dry_run: bool = False) -> Report:
    """Apply a file that `grammar.read` has read; raises BadFile, and then nothing has changed."""
    report = Report()
    try:
        with recording.together():
            _everything(root, Tables(report))
            if dry_run:
                raise _DryRun
            automatic.settle()
            bus.announce_policy(*parts.all_parts())
    except _DryRun:
        pass
    return report


def _everything(root: Entry, tables: Tables) -> None:
    values = root.values
    pruning.wanted(root)
    for item in values.get("domains", ()):
        tables.domain(item)
    apply_users(values.get("users", ()), tables)
    apply_aliases(values.get("aliases", ()), tables)
    for section in catalogue.every():
        if section.apply is not None:
            for entry in values.get(section.name, ()):
                section.apply(entry, tables)
    tables.report.unused += [name for name in sorted(ELSEWHERE - set(sections.REGISTERED)) if values.get(name)]
    if values.get("settings") is not None:
        apply_settings(values["settings"], tables)
    pruning.prune(root, tables)

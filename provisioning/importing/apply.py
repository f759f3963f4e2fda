"""Bring the tables to what a provisioning file says; nothing that the file does not name is touched.

Applying is idempotent and happens in one transaction. Users by pattern are written in bulk: twenty thousand take a
few seconds, most of it hashing. Edges hear once, after the commit.
"""

from provisioning import automatic, bus, snapshot
from provisioning.history import recording
from provisioning.importing import access, routing, sections
from provisioning.importing.grammar import ELSEWHERE, Entry
from provisioning.importing.sections import ApplyEntry
from provisioning.importing.settings import apply_settings
from provisioning.importing.tables import Report, Tables
from provisioning.importing.users import apply_aliases, apply_users

SECTIONS: dict[str, ApplyEntry] = {
    "trusted_peers": access.trusted_peer,
    "access_list": access.access,
    "lists": access.resource_list,
    "uri_acls": access.uri_acl,
    "filters": access.watcher_filter,
    "foreign_servers": routing.foreign_server,
    "mappings": routing.mapping,
    "static_routes": routing.static_route,
    "method_routes": routing.method_route,
    "outbound_rules": routing.outbound_rule,
}
"In this order, entry by entry; users come before, as others name them."


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
            bus.announce_policy(*snapshot.all_parts())
    except _DryRun:
        pass
    return report


def _everything(root: Entry, tables: Tables) -> None:
    values = root.values
    for name in values.get("domains", ()):
        tables.domain(str(name))
    apply_users(values.get("users", ()), tables)
    apply_aliases(values.get("aliases", ()), tables)
    for name, apply_entry in SECTIONS.items():
        for entry in values.get(name, ()):
            apply_entry(entry, tables)
    if values.get("settings") is not None:
        apply_settings(values["settings"], tables)
    for name in ELSEWHERE & set(values):
        registered = sections.REGISTERED.get(name)
        if registered is None:
            tables.report.unused += [name] if values[name] else []
            continue
        for entry in values[name]:
            registered(entry, tables)

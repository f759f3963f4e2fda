"""The sections of the provisioning file that say who is let in, and who sees what."""

from typing import Any

from django.core.exceptions import ValidationError

from provisioning.choices import AccessKind, Effect, PrivacyKind, SubjectKind
from provisioning.history import recording
from provisioning.importing.grammar import BadFile, Entry, inner
from provisioning.importing.tables import BATCH, Tables
from provisioning.models import (
    AccessListEntry,
    PrivacyList,
    ResourceList,
    ResourceListMember,
    TrustedPeer,
    UriAcl,
    UriAclEntry,
    WatcherFilter,
)
from provisioning.models.access import canonical_subject


def trusted_peer(entry: Entry, tables: Tables) -> None:
    """A peer of the engine, by address or by the name in its certificate."""
    if "tls" in entry.values:
        tables.row("trusted peers", TrustedPeer, entry, {"tls_name": str(entry.values["tls"])}, {})
        return
    tables.row("trusted peers", TrustedPeer, entry, {"network": str(entry.values.get("address", ""))}, {})


def access(entry: Entry, tables: Tables) -> None:
    """Who is let in at the proxy without a password."""
    kinds = [kind for kind in AccessKind if kind.value in entry.values]
    if len(kinds) != 1:
        raise BadFile(f"line {entry.line}: expected one of address, name, domain")
    asserts = bool(entry.values.get("asserts_identity", False))
    key = {"kind": kinds[0], "value": str(entry.values[kinds[0].value])}
    tables.row("access list", AccessListEntry, entry, key, {"asserts_identity": asserts})


def resource_list(entry: Entry, tables: Tables) -> None:
    """A resource list; its members, when the file names them, are those of the file."""
    rest: dict[str, Any] = {"owner": tables.user(entry, "owner") if entry.values.get("owner") else None}
    if "name" in entry.values:
        rest["name"] = str(entry.values["name"])
    uri = tables.aor(entry.values.get("uri"), entry)
    row = tables.row("lists", ResourceList, entry, {"uri": uri}, rest)
    if (members := entry.values.get("members")) is not None:
        if not isinstance(members, list):
            raise BadFile(f"line {entry.line}: “members” holds a list of addresses")
        wanted = list(dict.fromkeys(tables.aor(member, entry) for member in members))
        if wanted != list(row.members.values_list("uri", flat=True)):
            names = dict(row.members.values_list("uri", "name"))
            row.members.all().delete()
            ResourceListMember.objects.bulk_create(
                ResourceListMember(list=row, position=number, uri=uri, name=names.get(uri, ""))
                for number, uri in enumerate(wanted, 1)
            )
            recording.written([row])
            tables.report.changed["list members"] += 1


def uri_acl(entry: Entry, tables: Tables) -> None:
    """Who may watch a user; the entries, when the file names them, are those of the file."""
    presentity = tables.user(entry, "presentity")
    rest = {"default": entry.values.get("default", Effect.BLOCK)}
    row = tables.row("access lists", UriAcl, entry, {"presentity": presentity}, rest)
    entries = inner(entry, "entries", frozenset({"uri", "domain", "effect"}))
    if entries is None:
        return
    wanted: dict[tuple[str, str], str] = {}
    for one in entries:
        kind, value = _subject(one)
        effect = one.values.get("effect", Effect.ALLOW)
        if effect not in Effect.values:
            raise BadFile(f"line {one.line}: “effect” is one of {', '.join(Effect.values)}")
        wanted[kind, value] = effect
    held = {(kind, value): effect for kind, value, effect in row.entries.values_list("kind", "value", "effect")}
    if wanted != held:
        row.entries.all().delete()
        UriAclEntry.objects.bulk_create(
            [UriAclEntry(acl=row, kind=kind, value=value, effect=one) for (kind, value), one in wanted.items()],
            batch_size=BATCH,
        )
        recording.written([row])
        tables.report.changed["access list entries"] += 1


def _subject(entry: Entry) -> tuple[str, str]:
    kinds = [kind for kind in SubjectKind if kind.value in entry.values]
    if len(kinds) != 1:
        raise BadFile(f"line {entry.line}: expected one of uri, domain")
    try:
        return kinds[0], canonical_subject(kinds[0], str(entry.values[kinds[0].value]))
    except ValidationError as error:
        raise BadFile(f"line {entry.line}: {error.messages[0]}") from None


def watcher_filter(entry: Entry, tables: Tables) -> None:
    """A watcher filter, or (with a presentity) what a user shows to everyone who is in no privacy list."""
    values = entry.values
    if "presentity" in values:
        owner = tables.user(entry, "presentity")
        key = {"owner": owner, "kind": PrivacyKind.DEFAULT, "name": ""}
        tables.row("privacy lists", PrivacyList, entry, key, {"filter": values.get("kind")})
        return
    key = {name: str(values.get(name, "")) for name in ("domain", "client_type", "client_version")}
    tables.row("watcher filters", WatcherFilter, entry, key, {"kind": values.get("kind")})

"""The sections of the provisioning file that say who is let in, and who sees what."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from provisioning.choices import AccessKind, Effect, PrivacyKind, SubjectKind
from provisioning.history import recording
from provisioning.importing.grammar import BadFile, Entry, check_keys, inner
from provisioning.importing.sections import Section, plain
from provisioning.importing.tables import BATCH, Tables
from provisioning.models import (
    AccessListEntry,
    Persona,
    PrivacyList,
    PrivacyListMember,
    ResourceList,
    ResourceListMember,
    TrustedPeer,
    UriAcl,
    UriAclEntry,
    WatcherFilter,
)
from provisioning.models.access import canonical_subject
from provisioning.uri import Aor


def trusted_peer(entry: Entry, tables: Tables) -> None:
    """A peer of the engine, by address or by the name in its certificate."""
    rest = {name: str(value) for name, value in tables.columns(entry, ["description"]).items()}
    if "tls" in entry.values:
        tables.row("trusted peers", TrustedPeer, entry, {"tls_name": str(entry.values["tls"])}, rest)
        return
    tables.row("trusted peers", TrustedPeer, entry, {"network": str(entry.values.get("address", ""))}, rest)


def trusted_peers() -> Iterable[Any]:
    """Without those that follow from other provisioning."""
    for row in TrustedPeer.objects.filter(automatic=False).order_by("network", "tls_name"):
        key = {"address": row.network} if row.network else {"tls": row.tls_name}
        yield {**key, "description": row.description}


def access(entry: Entry, tables: Tables) -> None:
    """Who is let in at the proxy without a password."""
    kinds = [kind for kind in AccessKind if kind.value in entry.values]
    if len(kinds) != 1:
        raise BadFile(f"line {entry.line}: expected one of address, name, domain")
    asserts = bool(entry.values.get("asserts_identity", False))
    key = {"kind": kinds[0], "value": str(entry.values[kinds[0].value])}
    tables.row("access list", AccessListEntry, entry, key, {"asserts_identity": asserts})


def resource_list(entry: Entry, tables: Tables) -> None:
    """A resource list; its members, when the file names them, are those of the file: addresses, or with names."""
    rest: dict[str, Any] = {"owner": tables.user(entry, "owner") if entry.values.get("owner") else None}
    rest |= {name: str(value or "") for name, value in tables.columns(entry, ["name"]).items()}
    uri = tables.aor(entry.values.get("uri"), entry)
    row = tables.row("lists", ResourceList, entry, {"uri": uri}, rest)
    if (members := entry.values.get("members")) is not None:
        if not isinstance(members, list):
            raise BadFile(f"line {entry.line}: “members” holds a list of addresses")
        held = dict(row.members.values_list("uri", "name"))
        wanted: dict[Aor, str] = {}
        for member in members:
            if isinstance(member, Entry):
                check_keys(member, frozenset({"uri", "name"}))
            values = member.values if isinstance(member, Entry) else {"uri": member}
            uri = tables.aor(values.get("uri"), entry)
            wanted.setdefault(uri, str(values.get("name", held.get(uri, "")) or ""))
        if list(wanted.items()) != list(held.items()):
            row.members.all().delete()
            ResourceListMember.objects.bulk_create(
                ResourceListMember(list=row, position=number, uri=uri, name=name)
                for number, (uri, name) in enumerate(wanted.items(), 1)
            )
            recording.written([row])
            tables.report.changed["list members"] += 1
            tables.note("list members", "~", row, {"members": (_members(held), _members(wanted))})


def _members(names: dict[Any, str]) -> list[str]:
    return [f"{uri} “{name}”" if name else str(uri) for uri, name in names.items()]


def resource_lists() -> Iterable[Any]:
    """With their members in order."""
    for row in ResourceList.objects.select_related("owner").prefetch_related("members").order_by("uri"):
        members = [
            {"uri": plain(one.uri), "name": one.name} if one.name else plain(one.uri) for one in row.members.all()
        ]
        yield {"uri": plain(row.uri), "owner": address(row.owner), "name": row.name, "members": members}


def address(persona: Persona | None) -> str | None:
    """How an export names a user."""
    return plain(persona.aor) if persona is not None else None


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
        tables.note("access list entries", "~", row, {"entries": (_effects(held), _effects(wanted))})


def _effects(entries: dict[tuple[str, str], str]) -> list[str]:
    return [f"{value}: {effect}" for (_, value), effect in sorted(entries.items())]


def uri_acls() -> Iterable[Any]:
    """With their entries."""
    for row in UriAcl.objects.select_related("presentity").prefetch_related("entries").order_by("presentity__aor"):
        entries = [{one.kind: one.value, "effect": one.effect} for one in row.entries.all()]
        yield {"presentity": address(row.presentity), "default": row.default, "entries": entries}


def privacy_list(entry: Entry, tables: Tables) -> None:
    """What a user shows to some; the members, when the file names them, are those of the file."""
    values = tables.columns(entry, ["kind", "name", "filter"])
    key = {
        "owner": tables.user(entry, "owner"),
        "kind": values.get("kind", PrivacyKind.CUSTOM),
        "name": str(values.get("name") or ""),
    }
    rest: dict[str, Any] = {"filter": values["filter"]} if "filter" in values else {}
    if "hidden_devices" in entry.values:
        rest["hidden_devices"] = tables.words(entry, "hidden_devices")
    row = tables.row("privacy lists", PrivacyList, entry, key, rest)
    members = inner(entry, "members", frozenset({"uri", "domain"}))
    if members is None:
        return
    if members and row.kind == PrivacyKind.DEFAULT:
        raise BadFile(f"line {entry.line_of('members')}: the default list has no members")
    wanted = sorted({_subject(one) for one in members})
    held = sorted(row.members.values_list("kind", "value"))
    if wanted != held:
        row.members.all().delete()
        PrivacyListMember.objects.bulk_create(
            [PrivacyListMember(list=row, kind=kind, value=value) for kind, value in wanted], batch_size=BATCH
        )
        recording.written([row])
        tables.report.changed["privacy list members"] += 1
        shown = [[value for _, value in rows] for rows in (held, wanted)]
        tables.note("privacy list members", "~", row, {"members": (shown[0], shown[1])})


def privacy_lists() -> Iterable[Any]:
    """With their members."""
    rows = PrivacyList.objects.select_related("owner").prefetch_related("members")
    for row in rows.order_by("owner__aor", "kind", "name"):
        members = [{one.kind: one.value} for one in row.members.all()]
        found = {"owner": address(row.owner), "kind": row.kind, "name": row.name, "filter": row.filter}
        yield {**found, "hidden_devices": list(row.hidden_devices), "members": members}


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


def watcher_filters() -> Iterable[Any]:
    """Those by domain and by client; what a user shows stands in `privacy_lists`."""
    for row in WatcherFilter.objects.order_by("domain", "client_type", "client_version"):
        if row.domain:
            yield {"kind": row.kind, "domain": row.domain}
        else:
            yield {"kind": row.kind, "client_type": row.client_type, "client_version": row.client_version}


def access_list() -> Iterable[Any]:
    """The proxy's."""
    for row in AccessListEntry.objects.order_by("kind", "value"):
        yield {row.kind: row.value, "asserts_identity": row.asserts_identity}


def automatic_left_out() -> QuerySet[TrustedPeer]:
    """Peers that somebody has made by hand."""
    return TrustedPeer.objects.filter(automatic=False)


SECTIONS = (
    Section("trusted_peers", "trusted peers", TrustedPeer, trusted_peer, trusted_peers, automatic_left_out),
    Section("access_list", "access list", AccessListEntry, access, access_list),
    Section("lists", "lists", ResourceList, resource_list, resource_lists),
    Section("uri_acls", "access lists", UriAcl, uri_acl, uri_acls),
    Section("privacy_lists", "privacy lists", PrivacyList, privacy_list, privacy_lists),
    Section("filters", "watcher filters", WatcherFilter, watcher_filter, watcher_filters),
)

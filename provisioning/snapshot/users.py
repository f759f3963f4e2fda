"""What grows with the number of users: they themselves, their access lists, privacy lists, lists and mappings."""

from collections.abc import Collection
from typing import Any, Final

from provisioning.choices import SubjectKind
from provisioning.policy import (
    Account,
    AclFacts,
    DomainFacts,
    ListFacts,
    MappingFacts,
    PersonaFacts,
    PrivacyListFacts,
)
from provisioning.uri import Aor

OF_USER: Final = ("id", "aor", "name", "enabled", "publish_policy", "confirm_watchers", "offline_messages")
"Columns, in the order of PersonaFacts."


def domains() -> dict[str, DomainFacts]:
    """The domains that are served, by name."""
    from provisioning.models import Domain

    return {name: DomainFacts(id, name, name) for id, name in Domain.objects.values_list("id", "name")}


def people() -> dict[str, Any]:
    """Users with their aliases, delegates and accounts."""
    from provisioning.models import Alias, Persona

    served = domains()
    names = {facts.id: facts.name for facts in served.values()}
    delegates: dict[int, set[int]] = {}
    for owner, delegate in Persona.delegates.through.objects.values_list("from_persona_id", "to_persona_id"):
        delegates.setdefault(owner, set()).add(delegate)
    personas: dict[int, PersonaFacts] = {}
    accounts: dict[tuple[str, str], Account] = {}
    aliases = dict(Alias.objects.order_by().values_list("uri", "persona_id").iterator())
    addresses: dict[int, list[Aor]] = {}
    for uri, id in aliases.items():
        addresses.setdefault(id, []).append(uri)
    secrets_of = ("md5", "sha256", "md5_full", "sha256_full")
    columns = Persona.objects.order_by().values_list(*OF_USER, "domain_id", "user", *secrets_of)
    for id, aor, name, enabled, publish, confirm, offline, domain_id, user, *secrets in columns.iterator():
        md5, sha256, md5_full, sha256_full = secrets
        others = addresses.get(id, ())
        personas[id] = PersonaFacts(
            id, aor, name, enabled, publish, confirm, offline, frozenset(delegates.get(id, ())),
            tuple(uri for uri in others if uri != aor) if len(others) > 1 else (),
        )  # fmt: skip
        if md5:
            realm = names[domain_id]
            accounts[realm, user] = Account(id, md5, sha256)
            accounts[realm, f"{user}@{realm}"] = Account(id, md5_full, sha256_full)
    kept = frozenset(Persona.objects.filter(timeline=True).order_by().values_list("id", flat=True))
    return {
        "domains": served, "aliases": aliases, "personas": personas, "accounts": accounts, "timelines": kept,
    }  # fmt: skip


def access(persona_ids: Collection[int] | None = None) -> dict[str, Any]:
    """Access lists and privacy lists; None: of everybody."""
    from provisioning.models import PrivacyList, PrivacyListMember, UriAcl, UriAclEntry

    acl_rows = UriAcl.objects.order_by()
    entry_rows = UriAclEntry.objects.order_by()
    list_rows = PrivacyList.objects.order_by("name", "id")
    member_rows = PrivacyListMember.objects.order_by()
    if persona_ids is not None:
        acl_rows = acl_rows.filter(presentity_id__in=persona_ids)
        entry_rows = entry_rows.filter(acl__presentity_id__in=persona_ids)
        list_rows = list_rows.filter(owner_id__in=persona_ids)
        member_rows = member_rows.filter(list__owner_id__in=persona_ids)
    acls: dict[int, AclFacts] = {}
    by_id: dict[int, AclFacts] = {}
    for id, owner, default in acl_rows.values_list("id", "presentity_id", "default").iterator():
        acls[owner] = by_id[id] = AclFacts(default, {}, {})
    for acl, kind, value, effect in entry_rows.values_list("acl_id", "kind", "value", "effect").iterator():
        if acl in by_id:
            table: Any = by_id[acl].uris if kind == SubjectKind.URI else by_id[acl].domains
            table[value] = effect
    subjects: dict[int, tuple[set[str], set[str]]] = {}
    for id, kind, value in member_rows.values_list("list_id", "kind", "value").iterator():
        subjects.setdefault(id, (set(), set()))[kind != SubjectKind.URI].add(value)
    privacy: dict[int, tuple[PrivacyListFacts, ...]] = {}
    for id, owner, *facts, hidden in list_rows.values_list(
        "id", "owner_id", "kind", "name", "filter", "hidden_devices"
    ).iterator():
        uris, domains = subjects.get(id, (set(), set()))
        found = PrivacyListFacts(*facts, frozenset(hidden), frozenset(uris), frozenset(domains))
        privacy[owner] = (*privacy.get(owner, ()), found)
    return {"acls": acls, "privacy": privacy}


def lists() -> dict[str, Any]:
    """Resource lists with their members."""
    from provisioning.models import ResourceList, ResourceListMember

    members: dict[int, list[Aor]] = {}
    rows = ResourceListMember.objects.order_by("list_id", "position", "id").values_list("list_id", "uri")
    for id, uri in rows.iterator():
        members.setdefault(id, []).append(uri)
    lists = ResourceList.objects.order_by().values_list("id", "uri", "owner_id", "name")
    return {"lists": {uri: ListFacts(uri, owner, name, tuple(members.get(id, ()))) for id, uri, owner, name in lists}}


def mappings(persona_ids: Collection[int] | None = None) -> dict[str, Any]:
    """Mappings to foreign presentities; None: of everybody."""
    from provisioning.models import ForeignMapping

    rows = ForeignMapping.objects.order_by("-priority", "id")
    if persona_ids is not None:
        rows = rows.filter(persona_id__in=persona_ids)
    mappings: dict[int, tuple[MappingFacts, ...]] = {}
    for owner, foreign, server, priority in rows.values_list("persona_id", "foreign", "server_id", "priority"):
        mappings[owner] = (*mappings.get(owner, ()), MappingFacts(foreign, server, priority))
    return {"mappings": mappings}


def reached_by(aors: Collection[Aor]) -> dict[str, Any]:
    """The users to whom these addresses lead, and what belongs to them."""
    from provisioning.models import Alias, Persona

    ids = set(Alias.objects.filter(uri__in=aors).order_by().values_list("persona_id", flat=True))
    aliases = dict(Alias.objects.filter(persona_id__in=ids).order_by().values_list("uri", "persona_id"))
    rows = Persona.objects.filter(id__in=ids).order_by()
    personas = {}
    for row in rows.values_list(*OF_USER):
        others = tuple(uri for uri, id in aliases.items() if id == row[0] and uri != row[1])
        personas[row[0]] = PersonaFacts(*row, aliases=others)
    return {"aliases": aliases, "personas": personas, **access(ids), **mappings(ids)}


def find(aor: Aor) -> PersonaFacts | None:
    """The user whom an address leads to, asked of the database."""
    from provisioning.models import Alias

    persona_id = Alias.objects.filter(uri=aor).order_by().values_list("persona_id", flat=True).first()
    return find_by_id(persona_id) if persona_id is not None else None


def find_by_id(persona_id: int) -> PersonaFacts | None:
    """A user, asked of the database."""
    from provisioning.models import Alias, Persona

    rows = Persona.objects.filter(pk=persona_id).order_by()
    row = rows.values_list(*OF_USER).first()
    if row is None:
        return None
    aliases = Alias.objects.filter(persona_id=persona_id).order_by().values_list("uri", flat=True)
    return PersonaFacts(*row, aliases=tuple(uri for uri in aliases if uri != row[1]))

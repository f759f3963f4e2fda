"""From rows to the policy: what is read, and which part a change touches (DESIGN: policy is a snapshot).

Rows are read as plain tuples, so that a hundred thousand users take about a second; after a change only the parts
that it touched are read again.
"""

import ipaddress
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from provisioning.choices import AccessKind, DeviceMatch, SubjectKind
from provisioning.policy import (
    AccessEntry,
    Account,
    AclFacts,
    Bounds,
    CapabilityFacts,
    ClientFilterFacts,
    DeviceTypeFacts,
    DomainFacts,
    IntegratorFacts,
    LimitFacts,
    ListenerFacts,
    ListFacts,
    MappingFacts,
    MessengerFacts,
    MethodRouteFacts,
    Network,
    PersonaFacts,
    Policy,
    PrivacyListFacts,
    RouteFacts,
    RuleFacts,
    ServerFacts,
    Settings,
    SourceFacts,
)
from provisioning.uri import Aor

PEOPLE: Final = "people"
EXPIRY: Final = "expiry"
SOURCES: Final = "sources"
CAPABILITIES: Final = "capabilities"
RULES: Final = "rules"
PEERS: Final = "peers"
LISTENERS: Final = "listeners"
SETTINGS: Final = "settings"
ACCESS: Final = "access"
FILTERS: Final = "filters"
DEVICES: Final = "devices"
LISTS: Final = "lists"
SERVERS: Final = "servers"
MAPPINGS: Final = "mappings"
ROUTES: Final = "routes"
LIMITS: Final = "limits"
MESSENGER: Final = "messenger"
INTEGRATORS: Final = "integrators"
PARTS: Final = (
    PEOPLE, EXPIRY, SOURCES, CAPABILITIES, RULES, PEERS, LISTENERS, SETTINGS, ACCESS, FILTERS, DEVICES, LISTS, SERVERS,
    MAPPINGS, ROUTES, LIMITS, MESSENGER, INTEGRATORS,
)  # fmt: skip
BY_USER: Final = frozenset({PEOPLE, ACCESS, LISTS, MAPPINGS})
"Parts that grow with the number of users."

_OF_USER: Final = ("id", "aor", "name", "enabled", "publish_policy", "confirm_watchers", "offline_messages")
"Columns, in the order of PersonaFacts."


_ELSEWHERE: dict[str, str] = {}
"Models of other applications -> the part that they are; it is announced like ours, and read by who has registered it."


def register(part: str, *models: str) -> None:
    """Rows of these models are a part that another application reads by itself."""
    _ELSEWHERE.update(dict.fromkeys(models, part))


def all_parts() -> set[str]:
    """Ours, and those of other applications."""
    return {*PARTS, *_ELSEWHERE.values()}


def load() -> Policy:
    """Read everything."""
    return refresh(Policy(), PARTS)


def load_rules(persona_ids: Collection[int] = ()) -> Policy:
    """Everything but the users, for one look at some of them: its cost does not grow with their number.

    Access lists, privacy lists and mappings are those of `persona_ids`.
    """
    some = refresh(Policy(), set(PARTS) - BY_USER)
    return replace(some, **_domains(), **_access(persona_ids), **_mappings(persona_ids))


def load_for(aors: Collection[Aor]) -> Policy:
    """Everything but the users to whom none of these addresses leads, and lists: for one look by them or at them."""
    return narrowed(load_rules(), aors)


def narrowed(policy: Policy, aors: Collection[Aor]) -> Policy:
    """A policy with the users to whom these addresses lead read anew, and no others in it."""
    from provisioning.models import Alias, Persona

    ids = set(Alias.objects.filter(uri__in=aors).order_by().values_list("persona_id", flat=True))
    aliases = dict(Alias.objects.filter(persona_id__in=ids).order_by().values_list("uri", "persona_id"))
    rows = Persona.objects.filter(id__in=ids).order_by()
    personas = {}
    for row in rows.values_list(*_OF_USER):
        others = tuple(uri for uri, id in aliases.items() if id == row[0] and uri != row[1])
        personas[row[0]] = PersonaFacts(*row, aliases=others)
    return replace(policy, aliases=aliases, personas=personas, **_access(ids), **_mappings(ids))


def find(aor: Aor) -> PersonaFacts | None:
    """The user whom an address leads to, asked of the database."""
    from provisioning.models import Alias

    persona_id = Alias.objects.filter(uri=aor).order_by().values_list("persona_id", flat=True).first()
    return find_by_id(persona_id) if persona_id is not None else None


def find_by_id(persona_id: int) -> PersonaFacts | None:
    """A user, asked of the database."""
    from provisioning.models import Alias, Persona

    rows = Persona.objects.filter(pk=persona_id).order_by()
    row = rows.values_list(*_OF_USER).first()
    if row is None:
        return None
    aliases = Alias.objects.filter(persona_id=persona_id).order_by().values_list("uri", flat=True)
    return PersonaFacts(*row, aliases=tuple(uri for uri in aliases if uri != row[1]))


def refresh(policy: Policy, parts: Iterable[str]) -> Policy:
    """A policy with these parts read again; unknown parts mean everything."""
    wanted = set(parts) - set(_ELSEWHERE.values())
    if not wanted <= set(PARTS):
        wanted = set(PARTS)
    changes: dict[str, Any] = {}
    for part in PARTS:
        if part in wanted:
            changes.update(_READERS[part]())
    return replace(policy, **changes)


def _domains() -> dict[str, Any]:
    from provisioning.models import Domain

    return {"domains": {name: DomainFacts(id, name, name) for id, name in Domain.objects.values_list("id", "name")}}


def _people() -> dict[str, Any]:
    from provisioning.models import Alias, Persona

    domains: dict[str, DomainFacts] = _domains()["domains"]
    names = {facts.id: facts.name for facts in domains.values()}
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
    columns = Persona.objects.order_by().values_list(*_OF_USER, "domain_id", "user", *secrets_of)
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
        "domains": domains, "aliases": aliases, "personas": personas, "accounts": accounts, "timelines": kept,
    }  # fmt: skip


def _expiry() -> dict[str, Any]:
    from provisioning.models import ExpirySetting

    rows = ExpirySetting.objects.values_list("method", "minimum", "default", "maximum")
    return {"expiry": {method: Bounds(low, usual, high) for method, low, usual, high in rows}}


def _sources() -> dict[str, Any]:
    from provisioning.models import SourcePriority

    rows = SourcePriority.objects.values_list("value", "priority", "manual_override")
    return {"sources": {value: SourceFacts(priority, override) for value, priority, override in rows}}


def _capabilities() -> dict[str, Any]:
    from provisioning.models import UserAgentCapability

    return {
        "capabilities": tuple(
            CapabilityFacts(*row) for row in UserAgentCapability.objects.values_list(*CapabilityFacts._fields)
        )
    }


def _rules() -> dict[str, Any]:
    from provisioning.models import ReachabilityRule

    rows = ReachabilityRule.objects.order_by("position").values_list("condition", "state")
    return {"rules": tuple(RuleFacts(*row) for row in rows)}


def _peers() -> dict[str, Any]:
    from provisioning.models import AccessListEntry, TrustedPeer

    peers = TrustedPeer.objects.values_list("network", "tls_name")
    networks = [ipaddress.ip_network(text) for text, _ in peers if text]
    access: list[tuple[Network, AccessEntry]] = []
    named: dict[str, dict[str, AccessEntry]] = {AccessKind.NAME: {}, AccessKind.DOMAIN: {}}
    for kind, value, asserts in AccessListEntry.objects.values_list("kind", "value", "asserts_identity"):
        if kind == AccessKind.ADDRESS:
            access.append((ipaddress.ip_network(value), AccessEntry(value, asserts)))
        else:
            named[kind][value] = AccessEntry(value, asserts)
    access.sort(key=lambda row: -row[0].prefixlen)
    return {
        "trusted_addresses": frozenset(str(one.network_address) for one in networks if one.num_addresses == 1),
        "trusted_networks": tuple(one for one in networks if one.num_addresses > 1),
        "trusted_names": frozenset(name for _, name in peers if name),
        "access_list": tuple(access),
        "access_names": named[AccessKind.NAME],
        "access_domains": named[AccessKind.DOMAIN],
    }


def _listeners() -> dict[str, Any]:
    from provisioning.models import AdvertisedAddress, Listener

    named: dict[int, list[tuple[Network, str]]] = {}
    for listener, network, address in AdvertisedAddress.objects.values_list("listener_id", "network", "address"):
        named.setdefault(listener, []).append((ipaddress.ip_network(network), address))
    found = []
    for id, *row in Listener.objects.values_list("id", *ListenerFacts._fields[:-1]):
        names = sorted(named.get(id, ()), key=lambda one: -one[0].prefixlen)
        found.append(ListenerFacts(*row, tuple(names)))
    return {"listeners": tuple(found)}


def _settings() -> dict[str, Any]:
    from provisioning.models import EngineSettings

    row = EngineSettings.objects.values_list(*Settings._fields).first()
    return {"settings": Settings(*row[:-1], bytes(row[-1])) if row else Settings()}


def _access(persona_ids: Collection[int] | None = None) -> dict[str, Any]:
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


def _filters() -> dict[str, Any]:
    from provisioning.models import WatcherFilter

    by_domain = WatcherFilter.objects.exclude(domain="").values_list("domain", "kind")
    by_client = WatcherFilter.objects.filter(domain="").values_list(*ClientFilterFacts._fields)
    return {
        "domain_filters": dict(by_domain),
        "client_filters": tuple(ClientFilterFacts(*row) for row in by_client),
    }


def _devices() -> dict[str, Any]:
    from provisioning.models import DeviceType

    rows = list(DeviceType.objects.values_list("match", "value", "kind"))
    return {
        "device_types": tuple(
            DeviceTypeFacts(value, "", kind) for match, value, kind in rows if match == DeviceMatch.CLIENT_TYPE
        ),
        "device_sources": {value: kind for match, value, kind in rows if match == DeviceMatch.SOURCE},
    }


def _lists() -> dict[str, Any]:
    from provisioning.models import ResourceList, ResourceListMember

    members: dict[int, list[Aor]] = {}
    rows = ResourceListMember.objects.order_by("list_id", "position", "id").values_list("list_id", "uri")
    for id, uri in rows.iterator():
        members.setdefault(id, []).append(uri)
    lists = ResourceList.objects.order_by().values_list("id", "uri", "owner_id", "name")
    return {"lists": {uri: ListFacts(uri, owner, name, tuple(members.get(id, ()))) for id, uri, owner, name in lists}}


def _servers() -> dict[str, Any]:
    from provisioning.models import ForeignServer

    rows = ForeignServer.objects.order_by("name").values_list(*ServerFacts._fields)
    return {"servers": {row[0]: ServerFacts(*row) for row in rows}}


def _mappings(persona_ids: Collection[int] | None = None) -> dict[str, Any]:
    """Mappings to foreign presentities; None: of everybody."""
    from provisioning.models import ForeignMapping

    rows = ForeignMapping.objects.order_by("-priority", "id")
    if persona_ids is not None:
        rows = rows.filter(persona_id__in=persona_ids)
    mappings: dict[int, tuple[MappingFacts, ...]] = {}
    for owner, foreign, server, priority in rows.values_list("persona_id", "foreign", "server_id", "priority"):
        mappings[owner] = (*mappings.get(owner, ()), MappingFacts(foreign, server, priority))
    return {"mappings": mappings}


def _routes() -> dict[str, Any]:
    from provisioning.models import MethodRoute, OutboundRule, StaticRoute

    static = StaticRoute.objects.filter(in_service=True).values_list(*RouteFacts._fields)
    return {
        "routes": tuple(RouteFacts(*row) for row in static),
        "method_routes": tuple(
            MethodRouteFacts(*row) for row in MethodRoute.objects.values_list(*MethodRouteFacts._fields)
        ),
        "outbound": dict(OutboundRule.objects.values_list("pattern", "allow")),
    }


def _limits() -> dict[str, Any]:
    from provisioning.models import LimitExemption, PeerLimits

    row = PeerLimits.objects.values_list(*LimitFacts._fields).first()
    networks = LimitExemption.objects.values_list("network", flat=True)
    return {
        "limits": LimitFacts(*row) if row else LimitFacts(),
        "unlimited": tuple(ipaddress.ip_network(text) for text in networks),
    }


def _messenger() -> dict[str, Any]:
    from provisioning.models import MessengerSettings

    row = MessengerSettings.objects.values_list(*MessengerFacts._fields).first()
    return {"messenger": MessengerFacts(*row) if row else MessengerFacts()}


def _integrators() -> dict[str, Any]:
    from provisioning.models import Integrator, WebhookTarget

    publishes: dict[int, set[int]] = {}
    for id, persona in Integrator.publish_for.through.objects.values_list("integrator_id", "persona_id"):
        publishes.setdefault(id, set()).add(persona)
    rows = Integrator.objects.order_by().values_list(
        "id", "user_id", "persona_id", "persona__aor", "watcher", "publish_own", "may_send"
    )
    found = {}
    for id, user, persona, aor, watcher, own, may_send in rows:
        allowed = publishes.get(id, set()) | ({persona} if own and persona is not None else set())
        found[user] = IntegratorFacts(Aor(aor or watcher), frozenset(allowed), may_send)
    targets = WebhookTarget.objects.filter(webhook__enabled=True).order_by().values_list("uri", flat=True)
    return {"integrators": found, "hooked": frozenset(targets)}


_READERS: Final[Mapping[str, Any]] = {
    PEOPLE: _people,
    EXPIRY: _expiry,
    SOURCES: _sources,
    CAPABILITIES: _capabilities,
    RULES: _rules,
    PEERS: _peers,
    LISTENERS: _listeners,
    SETTINGS: _settings,
    ACCESS: _access,
    FILTERS: _filters,
    DEVICES: _devices,
    LISTS: _lists,
    SERVERS: _servers,
    MAPPINGS: _mappings,
    ROUTES: _routes,
    LIMITS: _limits,
    MESSENGER: _messenger,
    INTEGRATORS: _integrators,
}


def part_of(model: type) -> str | None:
    """The part of the policy that rows of this model belong to."""
    return _PART_OF.get(model.__name__) or _ELSEWHERE.get(model.__name__)


_PART_OF: Final = {
    "Domain": PEOPLE,
    "Persona": PEOPLE,
    "Alias": PEOPLE,
    "ExpirySetting": EXPIRY,
    "SourcePriority": SOURCES,
    "UserAgentCapability": CAPABILITIES,
    "ReachabilityRule": RULES,
    "TrustedPeer": PEERS,
    "AccessListEntry": PEERS,
    "Listener": LISTENERS,
    "EngineSettings": SETTINGS,
    "UriAcl": ACCESS,
    "UriAclEntry": ACCESS,
    "PrivacyList": ACCESS,
    "PrivacyListMember": ACCESS,
    "WatcherFilter": FILTERS,
    "DeviceType": DEVICES,
    "ResourceList": LISTS,
    "ResourceListMember": LISTS,
    "ForeignServer": SERVERS,
    "ForeignMapping": MAPPINGS,
    "AdvertisedAddress": LISTENERS,
    "StaticRoute": ROUTES,
    "MethodRoute": ROUTES,
    "OutboundRule": ROUTES,
    "PeerLimits": LIMITS,
    "LimitExemption": LIMITS,
    "MessengerSettings": MESSENGER,
    "Integrator": INTEGRATORS,
    "Webhook": INTEGRATORS,
    "WebhookTarget": INTEGRATORS,
}

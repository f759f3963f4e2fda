"""The policy: everything provisioned that a rule reads, as one immutable value (DESIGN: policy is a snapshot).

Rows are read as plain tuples, so that a hundred thousand users take about a second; after a change only the parts
that it touched are read again.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from provisioning.choices import AccessKind
from provisioning.uri import Aor, SipUri

PEOPLE: Final = "people"
EXPIRY: Final = "expiry"
SOURCES: Final = "sources"
CAPABILITIES: Final = "capabilities"
RULES: Final = "rules"
PEERS: Final = "peers"
LISTENERS: Final = "listeners"
SETTINGS: Final = "settings"
PARTS: Final = (PEOPLE, EXPIRY, SOURCES, CAPABILITIES, RULES, PEERS, LISTENERS, SETTINGS)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class DomainFacts(NamedTuple):
    """A served domain."""

    id: int
    name: str
    realm: str
    "Of digest challenges; the domain's name (D-50)."


class PersonaFacts(NamedTuple):
    """A user, as far as rules need to know."""

    id: int
    aor: Aor
    name: str
    enabled: bool
    publish_policy: str = "self"
    delegates: frozenset[int] = frozenset()


class Account(NamedTuple):
    """A user name in a realm with its secrets (HA1, hex; "" when no password is set)."""

    persona_id: int
    md5: str
    sha256: str


class Bounds(NamedTuple):
    """Expiry bounds of a method, in seconds."""

    min: int
    default: int
    max: int


class SourceFacts(NamedTuple):
    """What a `<source>` value is worth."""

    priority: int
    manual_override: bool


class CapabilityFacts(NamedTuple):
    """Classes of service of a client type and version ("" for all versions)."""

    client_type: str
    client_version: str
    audio: bool
    video: bool
    text: bool
    one_message_per_read: bool = False
    md5_only: bool = False


class RuleFacts(NamedTuple):
    """A reachability rule."""

    condition: str
    state: str


class AccessEntry(NamedTuple):
    """A hit in the proxy's access list."""

    value: str
    asserts_identity: bool


class ListenerFacts(NamedTuple):
    """A provisioned listener."""

    transport: str
    host: str
    port: int
    role: str
    authentication: bool
    advertised: str


class Settings(NamedTuple):
    """The switches."""

    allow_by_default: bool = True
    legacy_dialects: bool = True
    legacy_digest: bool = True
    digest_sha256: bool = True
    digest_md5: bool = True
    nonce_key: bytes = b""


@dataclass(frozen=True, slots=True)
class Policy:
    """One moment's provisioning."""

    domains: Mapping[str, DomainFacts] = field(default_factory=dict)
    aliases: Mapping[Aor, int] = field(default_factory=dict)
    personas: Mapping[int, PersonaFacts] = field(default_factory=dict)
    accounts: Mapping[tuple[str, str], Account] = field(default_factory=dict)
    expiry: Mapping[str, Bounds] = field(default_factory=dict)
    sources: Mapping[str, SourceFacts] = field(default_factory=dict)
    capabilities: tuple[CapabilityFacts, ...] = ()
    rules: tuple[RuleFacts, ...] = ()
    trusted_addresses: frozenset[str] = frozenset()
    trusted_networks: tuple[Network, ...] = ()
    access_list: tuple[tuple[Network, AccessEntry], ...] = ()
    listeners: tuple[ListenerFacts, ...] = ()
    settings: Settings = field(default_factory=Settings)

    def resolve(self, aor: Aor | None) -> PersonaFacts | None:
        """The user whom an address leads to; None for nobody of ours."""
        persona_id = self.aliases.get(aor) if aor is not None else None
        return self.personas.get(persona_id) if persona_id is not None else None

    def serves(self, host: str) -> bool:
        """A domain of ours."""
        return host.lower().rstrip(".") in self.domains

    def trusts(self, address: str) -> bool:
        """This IP address is a trusted peer of the engine."""
        address = plain_address(address)
        if address in self.trusted_addresses:
            return True
        if not self.trusted_networks:
            return False
        parsed = ipaddress.ip_address(address)
        return any(parsed in network for network in self.trusted_networks)

    def admits(self, address: str) -> AccessEntry | None:
        """The entry of the proxy's access list for this IP address; the narrowest network wins."""
        if not self.access_list:
            return None
        parsed = ipaddress.ip_address(plain_address(address))
        return next((entry for network, entry in self.access_list if parsed in network), None)

    def asked_for(self, uri: SipUri) -> Aor:
        """The address by which a request names a user: what documents carry as entity (D-29)."""
        return Aor.of(uri)

    def one_message_per_read(self, client_type: str) -> bool:
        """Messages to this client type are spaced on streams (D-47)."""
        wanted = client_type.lower()
        return any(row.one_message_per_read and row.client_type.lower() == wanted for row in self.capabilities)

    def md5_only(self, client_type: str) -> bool:
        """This client type gives up when it is offered SHA-256 beside MD5."""
        wanted = client_type.lower()
        return any(row.md5_only and row.client_type.lower() == wanted for row in self.capabilities)


def plain_address(address: str) -> str:
    """An IPv4 address that came in through an IPv6 socket is an IPv4 address."""
    return address[7:] if address.startswith("::ffff:") and "." in address else address


def load() -> Policy:
    """Read everything."""
    return refresh(Policy(), PARTS)


def load_rules() -> Policy:
    """Everything but the users, for one look at one of them: its cost does not grow with their number."""
    return refresh(Policy(), set(PARTS) - {PEOPLE})


def find(aor: Aor) -> PersonaFacts | None:
    """The user whom an address leads to, asked of the database."""
    from provisioning.models import Persona

    return _facts(Persona.objects.filter(aliases__uri=aor))


def find_by_id(persona_id: int) -> PersonaFacts | None:
    """A user, asked of the database."""
    from provisioning.models import Persona

    return _facts(Persona.objects.filter(pk=persona_id))


def _facts(rows: Any) -> PersonaFacts | None:
    row = rows.order_by().values_list("id", "aor", "name", "enabled", "publish_policy").first()
    return PersonaFacts(*row) if row is not None else None


def refresh(policy: Policy, parts: Iterable[str]) -> Policy:
    """A policy with these parts read again; unknown parts mean everything."""
    wanted = set(parts)
    if not wanted <= set(PARTS):
        wanted = set(PARTS)
    changes: dict[str, Any] = {}
    for part in PARTS:
        if part in wanted:
            changes.update(_READERS[part]())
    return replace(policy, **changes)


def _people() -> dict[str, Any]:
    from provisioning.models import Alias, Domain, Persona

    domains = {name: DomainFacts(id, name, name) for id, name in Domain.objects.values_list("id", "name")}
    names = {facts.id: facts.name for facts in domains.values()}
    delegates: dict[int, set[int]] = {}
    for owner, delegate in Persona.delegates.through.objects.values_list("from_persona_id", "to_persona_id"):
        delegates.setdefault(owner, set()).add(delegate)
    personas: dict[int, PersonaFacts] = {}
    accounts: dict[tuple[str, str], Account] = {}
    columns = Persona.objects.order_by().values_list(
        "id", "aor", "name", "enabled", "publish_policy", "domain_id", "user",
        "md5", "sha256", "md5_full", "sha256_full",
    )  # fmt: skip
    for id, aor, name, enabled, publish, domain_id, user, md5, sha256, md5_full, sha256_full in columns.iterator():
        personas[id] = PersonaFacts(id, aor, name, enabled, publish, frozenset(delegates.get(id, ())))
        if md5:
            realm = names[domain_id]
            accounts[realm, user] = Account(id, md5, sha256)
            accounts[realm, f"{user}@{realm}"] = Account(id, md5_full, sha256_full)
    aliases = dict(Alias.objects.order_by().values_list("uri", "persona_id").iterator())
    return {"domains": domains, "aliases": aliases, "personas": personas, "accounts": accounts}


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

    networks = [ipaddress.ip_network(text) for text in TrustedPeer.objects.values_list("network", flat=True)]
    access: list[tuple[Network, AccessEntry]] = []
    for kind, value, asserts in AccessListEntry.objects.values_list("kind", "value", "asserts_identity"):
        if kind == AccessKind.ADDRESS:  # names need a resolver; they come with routing by name
            access.append((ipaddress.ip_network(value), AccessEntry(value, asserts)))
    access.sort(key=lambda row: -row[0].prefixlen)
    return {
        "trusted_addresses": frozenset(str(one.network_address) for one in networks if one.num_addresses == 1),
        "trusted_networks": tuple(one for one in networks if one.num_addresses > 1),
        "access_list": tuple(access),
    }


def _listeners() -> dict[str, Any]:
    from provisioning.models import Listener

    return {"listeners": tuple(ListenerFacts(*row) for row in Listener.objects.values_list(*ListenerFacts._fields))}


def _settings() -> dict[str, Any]:
    from provisioning.models import EngineSettings

    row = EngineSettings.objects.values_list(*Settings._fields).first()
    return {"settings": Settings(*row[:-1], bytes(row[-1])) if row else Settings()}


_READERS: Final = {
    PEOPLE: _people,
    EXPIRY: _expiry,
    SOURCES: _sources,
    CAPABILITIES: _capabilities,
    RULES: _rules,
    PEERS: _peers,
    LISTENERS: _listeners,
    SETTINGS: _settings,
}


def part_of(model: type) -> str | None:
    """The part of the policy that rows of this model belong to."""
    return _PART_OF.get(model.__name__)


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
}

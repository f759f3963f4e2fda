"""The policy: everything provisioned that a rule reads, as one immutable value; `snapshot` reads it from the tables."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from provisioning import patterns
from provisioning.uri import Aor

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
    confirm_watchers: bool = False
    offline_messages: bool = False
    delegates: frozenset[int] = frozenset()
    aliases: tuple[Aor, ...] = ()
    "The addresses beside the address of record."

    @property
    def addresses(self) -> tuple[Aor, ...]:
        """Every address that leads to this user."""
        return (self.aor, *self.aliases)


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
    linphone_lists: bool = False
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
    client_certificates: str
    local_names: tuple[tuple[Network, str], ...] = ()
    "Networks and what peers in them are told instead of `advertised`, the narrowest first."


class RouteFacts(NamedTuple):
    """A static route in service."""

    kind: str
    "domain or user (`provisioning.patterns`)."
    pattern: str
    next_hop: str
    port: int | None
    transport: str
    "Empty: as the name server says."
    priority: int
    weight: int
    less_specific: bool


class MethodRouteFacts(NamedTuple):
    """Which server answers a method or an event package for users of ours."""

    kind: str
    token: str
    next_hop: str
    "Empty for this server."
    port: int | None
    transport: str


class LimitFacts(NamedTuple):
    """What one address or user may take (`provisioning.models.PeerLimits`)."""

    connections: int = 5_000
    half_open: int = 1_000
    transactions: int = 2_000
    wrong_of_user: int = 30
    wrong_of_address: int = 300
    first_block: int = 30
    "Seconds."
    longest_block: int = 900
    "Seconds."
    publish_rate: int = 600
    "In a minute."
    message_rate: int = 300
    "In a minute."


class MessengerFacts(NamedTuple):
    """Settings of the messenger (`provisioning.models.MessengerSettings`)."""

    enabled: bool = True
    subscription_duration: int = 3600
    "Seconds."
    grace: int = 60
    "Seconds."
    contacts: int = 100
    messages: int = 200
    refresh_interval: int = 30
    "Seconds."
    session_timer: int = 480
    "Minutes."


class IntegratorFacts(NamedTuple):
    """What an account may do on the doors for programs (`provisioning.models.Integrator`)."""

    watcher: Aor
    "As whom it sees."
    publishes_for: frozenset[int]
    "Users, by id."
    may_send: bool


class AclFacts(NamedTuple):
    """A user's access list (D-15): effects by address, by domain, and for all others."""

    default: str
    uris: Mapping[str, str]
    domains: Mapping[str, str]


class PrivacyListFacts(NamedTuple):
    """One privacy list of a user (D-15)."""

    kind: str
    name: str
    filter: str
    hidden: frozenset[str]
    "Device types that it hides (D-16)."
    uris: frozenset[str]
    domains: frozenset[str]


class ClientFilterFacts(NamedTuple):
    """A watcher filter for a client type and version ("" for all versions)."""

    client_type: str
    client_version: str
    kind: str


class DeviceTypeFacts(NamedTuple):
    """Which type of device a client type ("" for all versions) stands for."""

    client_type: str
    client_version: str
    kind: str


class ListFacts(NamedTuple):
    """A resource list."""

    uri: Aor
    owner: int | None
    "The user who alone may subscribe to it; None for everybody."
    name: str
    members: tuple[Aor, ...]


class ServerFacts(NamedTuple):
    """A foreign server."""

    id: int
    name: str
    address: str
    transport: str
    domain: str
    expires: int | None
    "Seconds; None for the default of all back-end subscriptions."
    shared_identity: bool
    identity: str
    "With shared identity; empty for the usual one."
    enabled: bool


class MappingFacts(NamedTuple):
    """A component of a user's state that a foreign server holds."""

    foreign: Aor
    server: int
    priority: int


class Settings(NamedTuple):
    """The switches."""

    allow_by_default: bool = True
    legacy_dialects: bool = True
    legacy_digest: bool = True
    digest_sha256: bool = True
    digest_md5: bool = True
    list_interval: int = 1000
    "Milliseconds between two notifications of one list subscription."
    relay_message_reports: bool = True
    message_limit: int = 8000
    "Bytes."
    offline_limit: int = 100
    "Messages kept for one user."
    offline_lifetime: int = 604_800
    "Seconds."
    message_log: bool = False
    trace: bool = True
    trace_bodies: bool = False
    timeline: bool = False
    "Of everybody."
    method_event_routing: bool = True
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
    trusted_names: frozenset[str] = frozenset()
    "Domains in the certificates of trusted peers (R-SEC-05)."
    access_list: tuple[tuple[Network, AccessEntry], ...] = ()
    "By address; the narrowest network first."
    access_names: Mapping[str, AccessEntry] = field(default_factory=dict)
    "By host name."
    access_domains: Mapping[str, AccessEntry] = field(default_factory=dict)
    "By domain, whose SIP servers are meant."
    listeners: tuple[ListenerFacts, ...] = ()
    settings: Settings = field(default_factory=Settings)
    acls: Mapping[int, AclFacts] = field(default_factory=dict)
    privacy: Mapping[int, tuple[PrivacyListFacts, ...]] = field(default_factory=dict)
    domain_filters: Mapping[str, str] = field(default_factory=dict)
    client_filters: tuple[ClientFilterFacts, ...] = ()
    device_types: tuple[DeviceTypeFacts, ...] = ()
    device_sources: Mapping[str, str] = field(default_factory=dict)
    "Source -> type of device; goes before the client type."
    lists: Mapping[Aor, ListFacts] = field(default_factory=dict)
    servers: Mapping[int, ServerFacts] = field(default_factory=dict)
    mappings: Mapping[int, tuple[MappingFacts, ...]] = field(default_factory=dict)
    routes: tuple[RouteFacts, ...] = ()
    method_routes: tuple[MethodRouteFacts, ...] = ()
    outbound: Mapping[str, bool] = field(default_factory=dict)
    "Pattern of a domain -> whether users of ours may reach it."
    limits: LimitFacts = field(default_factory=LimitFacts)
    messenger: MessengerFacts = field(default_factory=MessengerFacts)
    integrators: Mapping[int, IntegratorFacts] = field(default_factory=dict)
    "By the id of their account."
    hooked: frozenset[Aor] = frozenset()
    "What enabled webhooks are told about: users, foreign presentities, lists."
    timelines: frozenset[int] = frozenset()
    "Users, by id, whose time line is kept also while that of everybody is not."
    unlimited: tuple[Network, ...] = ()
    "Networks that the limits of peers do not concern."

    def resolve(self, aor: Aor | None) -> PersonaFacts | None:
        """The user whom an address leads to; None for nobody of ours."""
        persona_id = self.aliases.get(aor) if aor is not None else None
        return self.personas.get(persona_id) if persona_id is not None else None

    def serves(self, host: str) -> bool:
        """A domain of ours."""
        return host.lower().rstrip(".") in self.domains

    def covering(self, host: str) -> ServerFacts | None:
        """The enabled foreign server that has all presentities of this domain (D-02)."""
        host = host.lower().rstrip(".")
        return next((one for one in self.servers.values() if one.domain == host and one.enabled), None)

    def mapped(self, persona_id: int) -> tuple[tuple[MappingFacts, ServerFacts], ...]:
        """The mappings of a user whose servers are enabled."""
        found = self.mappings.get(persona_id, ())
        pairs = [(one, self.servers.get(one.server)) for one in found]
        return tuple((one, server) for one, server in pairs if server is not None and server.enabled)

    def identity_at(self, server: ServerFacts) -> Aor:
        """The platform's own identity at a server with shared identity (D-30)."""
        domain = next(iter(self.domains), "localhost")
        return Aor(server.identity) if server.identity else Aor(f"sip:presence@{domain}")

    def trusts(self, address: str, names: frozenset[str] = frozenset()) -> bool:
        """This IP address, or a peer with these names in its certificate, is a trusted peer of the engine."""
        if not self.trusted_names.isdisjoint(names):
            return True
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

    def limited(self, address: str) -> bool:
        """The limits of peers concern this IP address."""
        if not self.unlimited:
            return True
        if not address[:1].isalnum() or not set(address) & {".", ":"}:
            return False  # a client within this process
        parsed = ipaddress.ip_address(plain_address(address))
        return not any(parsed in network for network in self.unlimited)

    def may_reach(self, host: str) -> bool:
        """Users of ours may send requests to this domain: the most specific rule decides."""
        host = host.lower().rstrip(".")
        matching = [pattern for pattern in self.outbound if patterns.matches(patterns.HOST, pattern, host)]
        if not matching:
            return True
        return self.outbound[max(matching, key=lambda one: patterns.specificity(patterns.HOST, one))]

    def static_routes(self, user: str, host: str) -> list[RouteFacts]:
        """Static routes for an address, in the order in which they are tried (D-25).

        The most specific pattern goes first; wider ones follow only where it allows that.
        """
        subjects = {patterns.HOST: host.lower().rstrip("."), patterns.NUMBER: user}
        groups: dict[tuple[str, str], list[RouteFacts]] = {}
        for route in self.routes:
            if patterns.matches(route.kind, route.pattern, subjects[route.kind]):
                groups.setdefault((route.kind, route.pattern), []).append(route)
        found: list[RouteFacts] = []
        for kind_and_pattern in sorted(groups, key=lambda one: patterns.specificity(*one), reverse=True):
            group = groups[kind_and_pattern]
            found += sorted(group, key=lambda route: (route.priority, -route.weight))
            if not all(route.less_specific for route in group):
                break
        return found

    def method_route(self, method: str, event: str | None) -> MethodRouteFacts | None:
        """The route of a request for a user of ours; one for the event package goes before one for the method."""
        if not self.settings.method_event_routing:
            return None
        wanted = [("event", event), ("method", method)]
        return next((one for key in wanted for one in self.method_routes if (one.kind, one.token) == key), None)

    def one_message_per_read(self, client_type: str) -> bool:
        """Messages to this client type are spaced on streams (D-47)."""
        wanted = client_type.lower()
        return any(row.one_message_per_read and row.client_type.lower() == wanted for row in self.capabilities)

    def linphone_lists(self, client_type: str) -> bool:
        """This client type shows list notifications in a form of its own only."""
        wanted = client_type.lower()
        return any(row.linphone_lists and row.client_type.lower() == wanted for row in self.capabilities)

    def md5_only(self, client_type: str) -> bool:
        """This client type gives up when it is offered SHA-256 beside MD5."""
        wanted = client_type.lower()
        return any(row.md5_only and row.client_type.lower() == wanted for row in self.capabilities)


def plain_address(address: str) -> str:
    """An IPv4 address that came in through an IPv6 socket is an IPv4 address."""
    return address[7:] if address.startswith("::ffff:") and "." in address else address

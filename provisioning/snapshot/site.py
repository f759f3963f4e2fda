"""What does not grow with the number of users: rules, servers, routes, limits and settings."""

import ipaddress
from typing import Any

from provisioning.choices import AccessKind, DeviceMatch
from provisioning.policy import (
    AccessEntry,
    Bounds,
    CapabilityFacts,
    ClientFilterFacts,
    DeviceTypeFacts,
    IntegratorFacts,
    LimitFacts,
    ListenerFacts,
    MessengerFacts,
    MethodRouteFacts,
    Network,
    RouteFacts,
    RuleFacts,
    ServerFacts,
    Settings,
    SourceFacts,
)
from provisioning.uri import Aor


def expiry() -> dict[str, Any]:
    """Bounds of expiry, by method."""
    from provisioning.models import ExpirySetting

    rows = ExpirySetting.objects.values_list("method", "minimum", "default", "maximum")
    return {"expiry": {method: Bounds(low, usual, high) for method, low, usual, high in rows}}


def sources() -> dict[str, Any]:
    """Priorities of sources."""
    from provisioning.models import SourcePriority

    rows = SourcePriority.objects.values_list("value", "priority", "manual_override")
    return {"sources": {value: SourceFacts(priority, override) for value, priority, override in rows}}


def capabilities() -> dict[str, Any]:
    """What clients can do, by their User-Agent."""
    from provisioning.models import UserAgentCapability

    return {
        "capabilities": tuple(
            CapabilityFacts(*row) for row in UserAgentCapability.objects.values_list(*CapabilityFacts._fields)
        )
    }


def rules() -> dict[str, Any]:
    """The ladder of reachability."""
    from provisioning.models import ReachabilityRule

    rows = ReachabilityRule.objects.order_by("position").values_list("condition", "state")
    return {"rules": tuple(RuleFacts(*row) for row in rows)}


def peers() -> dict[str, Any]:
    """Trusted peers and the access list."""
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


def listeners() -> dict[str, Any]:
    """Listening addresses with their options."""
    from provisioning.models import AdvertisedAddress, Listener

    named: dict[int, list[tuple[Network, str]]] = {}
    for listener, network, address in AdvertisedAddress.objects.values_list("listener_id", "network", "address"):
        named.setdefault(listener, []).append((ipaddress.ip_network(network), address))
    found = []
    for id, *row in Listener.objects.values_list("id", *ListenerFacts._fields[:-1]):
        names = sorted(named.get(id, ()), key=lambda one: -one[0].prefixlen)
        found.append(ListenerFacts(*row, tuple(names)))
    return {"listeners": tuple(found)}


def settings() -> dict[str, Any]:
    """The engine's settings."""
    from provisioning.models import EngineSettings

    row = EngineSettings.objects.values_list(*Settings._fields).first()
    return {"settings": Settings(*row[:-1], bytes(row[-1])) if row else Settings()}


def filters() -> dict[str, Any]:
    """Watcher filters, by domain and by client."""
    from provisioning.models import WatcherFilter

    by_domain = WatcherFilter.objects.exclude(domain="").values_list("domain", "kind")
    by_client = WatcherFilter.objects.filter(domain="").values_list(*ClientFilterFacts._fields)
    return {
        "domain_filters": dict(by_domain),
        "client_filters": tuple(ClientFilterFacts(*row) for row in by_client),
    }


def devices() -> dict[str, Any]:
    """Types of devices."""
    from provisioning.models import DeviceType

    rows = list(DeviceType.objects.values_list("match", "value", "kind"))
    return {
        "device_types": tuple(
            DeviceTypeFacts(value, "", kind) for match, value, kind in rows if match == DeviceMatch.CLIENT_TYPE
        ),
        "device_sources": {value: kind for match, value, kind in rows if match == DeviceMatch.SOURCE},
    }


def servers() -> dict[str, Any]:
    """Foreign servers."""
    from provisioning.models import ForeignServer

    rows = ForeignServer.objects.order_by("name").values_list(*ServerFacts._fields)
    return {"servers": {row[0]: ServerFacts(*row) for row in rows}}


def routes() -> dict[str, Any]:
    """Static, method and outbound routes."""
    from provisioning.models import MethodRoute, OutboundRule, StaticRoute

    static = StaticRoute.objects.filter(in_service=True).values_list(*RouteFacts._fields)
    return {
        "routes": tuple(RouteFacts(*row) for row in static),
        "method_routes": tuple(
            MethodRouteFacts(*row) for row in MethodRoute.objects.values_list(*MethodRouteFacts._fields)
        ),
        "outbound": dict(OutboundRule.objects.values_list("pattern", "allow")),
    }


def limits() -> dict[str, Any]:
    """Limits of peers, and who is exempt."""
    from provisioning.models import LimitExemption, PeerLimits

    row = PeerLimits.objects.values_list(*LimitFacts._fields).first()
    networks = LimitExemption.objects.values_list("network", flat=True)
    return {
        "limits": LimitFacts(*row) if row else LimitFacts(),
        "unlimited": tuple(ipaddress.ip_network(text) for text in networks),
    }


def messenger() -> dict[str, Any]:
    """The messenger's settings."""
    from provisioning.models import MessengerSettings

    row = MessengerSettings.objects.values_list(*MessengerFacts._fields).first()
    return {"messenger": MessengerFacts(*row) if row else MessengerFacts()}


def integrators() -> dict[str, Any]:
    """Accounts of programs, and whom webhooks are told about."""
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

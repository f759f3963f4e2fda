"""The parts of the policy: their names, and which part a change touches."""

from typing import Final

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

_ELSEWHERE: dict[str, str] = {}
"Models of other applications -> the part that they are; it is announced like ours, and read by who has registered it."


def register(part: str, *models: str) -> None:
    """Rows of these models are a part that another application reads by itself."""
    _ELSEWHERE.update(dict.fromkeys(models, part))


def elsewhere() -> set[str]:
    """The parts that other applications read."""
    return set(_ELSEWHERE.values())


def all_parts() -> set[str]:
    """Ours, and those of other applications."""
    return {*PARTS, *elsewhere()}


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

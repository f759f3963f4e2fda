"""What an administrator said, table by table."""

from provisioning.models.access import (
    PrivacyList,
    PrivacyListMember,
    UriAcl,
    UriAclEntry,
    WatcherFilter,
)
from provisioning.models.changes import RecordedChange
from provisioning.models.directories import Directory, DirectoryRun, DirectoryUser
from provisioning.models.integrators import Integrator, Webhook, WebhookTarget
from provisioning.models.limits import ExpirySetting, LimitExemption, PeerLimits
from provisioning.models.lists import ResourceList, ResourceListMember
from provisioning.models.messenger import CannedMessage, MessengerSettings
from provisioning.models.people import Alias, Domain, Persona
from provisioning.models.routing import MethodRoute, OutboundRule, StaticRoute
from provisioning.models.rules import ReachabilityRule
from provisioning.models.servers import (
    AccessListEntry,
    AdvertisedAddress,
    ForeignMapping,
    ForeignServer,
    Listener,
    TrustedPeer,
)
from provisioning.models.settings import EngineSettings
from provisioning.models.sources import DeviceType, SourcePriority, UserAgentCapability
from provisioning.models.tokens import ApiToken, KeptAnswer

__all__ = [
    "AccessListEntry",
    "AdvertisedAddress",
    "Alias",
    "ApiToken",
    "CannedMessage",
    "DeviceType",
    "Directory",
    "DirectoryRun",
    "DirectoryUser",
    "Domain",
    "EngineSettings",
    "ExpirySetting",
    "ForeignMapping",
    "ForeignServer",
    "Integrator",
    "KeptAnswer",
    "LimitExemption",
    "Listener",
    "MessengerSettings",
    "MethodRoute",
    "OutboundRule",
    "PeerLimits",
    "Persona",
    "PrivacyList",
    "PrivacyListMember",
    "ReachabilityRule",
    "RecordedChange",
    "ResourceList",
    "ResourceListMember",
    "SourcePriority",
    "StaticRoute",
    "TrustedPeer",
    "UriAcl",
    "UriAclEntry",
    "UserAgentCapability",
    "WatcherFilter",
    "Webhook",
    "WebhookTarget",
]

"""What an administrator said, table by table."""

from provisioning.models.access import (
    PrivacyList,
    PrivacyListMember,
    UriAcl,
    UriAclEntry,
    WatcherFilter,
)
from provisioning.models.limits import ExpirySetting
from provisioning.models.lists import ResourceList, ResourceListMember
from provisioning.models.people import Alias, Domain, Persona
from provisioning.models.rules import ReachabilityRule
from provisioning.models.servers import (
    AccessListEntry,
    ForeignMapping,
    ForeignServer,
    Listener,
    TrustedPeer,
)
from provisioning.models.settings import EngineSettings
from provisioning.models.sources import DeviceType, SourcePriority, UserAgentCapability

__all__ = [
    "AccessListEntry",
    "Alias",
    "DeviceType",
    "Domain",
    "EngineSettings",
    "ExpirySetting",
    "ForeignMapping",
    "ForeignServer",
    "Listener",
    "Persona",
    "PrivacyList",
    "PrivacyListMember",
    "ReachabilityRule",
    "ResourceList",
    "ResourceListMember",
    "SourcePriority",
    "TrustedPeer",
    "UriAcl",
    "UriAclEntry",
    "UserAgentCapability",
    "WatcherFilter",
]

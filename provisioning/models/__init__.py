"""What an administrator said, table by table."""

from provisioning.models.limits import ExpirySetting
from provisioning.models.people import Alias, Domain, Persona
from provisioning.models.rules import ReachabilityRule
from provisioning.models.servers import AccessListEntry, Listener, TrustedPeer
from provisioning.models.settings import EngineSettings
from provisioning.models.sources import SourcePriority, UserAgentCapability

__all__ = [
    "AccessListEntry",
    "Alias",
    "Domain",
    "EngineSettings",
    "ExpirySetting",
    "Listener",
    "Persona",
    "ReachabilityRule",
    "SourcePriority",
    "TrustedPeer",
    "UserAgentCapability",
]

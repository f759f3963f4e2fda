"""How state is composed, and within which limits, as JSON."""

from provisioning import models
from provisioning.api.serializers.base import Validated, example


class ExpirySettingSerializer(Validated):
    """Expiry bounds of a method, in seconds."""

    class Meta:
        model = models.ExpirySetting
        fields = ["id", "method", "minimum", "default", "maximum"]
        read_only_fields = ["method"]


@example(value="Calendar", priority=5)
class SourcePrioritySerializer(Validated):
    """A source of state."""

    class Meta:
        model = models.SourcePriority
        fields = ["id", "value", "priority", "manual_override"]


class UserAgentCapabilitySerializer(Validated):
    """What a kind of client can do."""

    class Meta:
        model = models.UserAgentCapability
        fields = [
            "id", "client_type", "client_version", "audio", "video", "text", "one_message_per_read", "md5_only",
            "linphone_lists",
        ]  # fmt: skip


class ReachabilityRuleSerializer(Validated):
    """A reachability rule."""

    class Meta:
        model = models.ReachabilityRule
        fields = ["id", "position", "condition", "state"]


class EngineSettingsSerializer(Validated):
    """The switches."""

    class Meta:
        model = models.EngineSettings
        fields = [
            "id", "allow_by_default", "legacy_dialects", "legacy_digest", "digest_sha256", "digest_md5",
            "list_interval", "relay_message_reports", "message_limit", "offline_limit", "offline_lifetime",
            "message_log", "message_log_days", "trace", "trace_bodies", "timeline", "timeline_days", "history_days",
            "method_event_routing",
        ]  # fmt: skip


class PeerLimitsSerializer(Validated):
    """What one address or one user may take."""

    class Meta:
        model = models.PeerLimits
        fields = [
            "id", "connections", "half_open", "transactions", "wrong_of_user", "wrong_of_address", "first_block",
            "longest_block", "publish_rate", "message_rate",
        ]  # fmt: skip


class LimitExemptionSerializer(Validated):
    """Addresses that the limits do not concern."""

    class Meta:
        model = models.LimitExemption
        fields = ["id", "network", "description"]

"""Pages for what the engine goes by: limits, sources, capabilities, reachability, switches."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from provisioning.admin.base import PolicyAdmin
from provisioning.models import (
    EngineSettings,
    ExpirySetting,
    LimitExemption,
    PeerLimits,
    ReachabilityRule,
    SourcePriority,
    UserAgentCapability,
)


@admin.register(ExpirySetting)
class ExpirySettingAdmin(PolicyAdmin):
    """Expiry bounds: one row for each method, made at installation."""

    list_display = ["method", "minimum", "default", "maximum"]
    readonly_fields = ["method"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The methods are given."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ExpirySetting | None = None) -> bool:
        """The methods are given."""
        return False


@admin.register(SourcePriority)
class SourcePriorityAdmin(PolicyAdmin):
    """Sources of state."""

    list_display = ["value", "priority", "manual_override"]
    list_filter = ["manual_override"]
    search_fields = ["value"]


@admin.register(UserAgentCapability)
class UserAgentCapabilityAdmin(PolicyAdmin):
    """What kinds of client can do."""

    list_display = [
        "client_type",
        "client_version",
        "audio",
        "video",
        "text",
        "one_message_per_read",
        "md5_only",
        "linphone_lists",
    ]
    list_filter = ["audio", "video", "text"]
    search_fields = ["client_type", "client_version"]


@admin.register(ReachabilityRule)
class ReachabilityRuleAdmin(PolicyAdmin):
    """The rules, in order."""

    list_display = ["position", "condition", "state"]
    list_display_links = ["position", "condition"]
    ordering = ["position"]


class OneRowAdmin(PolicyAdmin):
    """A table of one row: the list leads straight to it."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        """The only row's form."""
        return HttpResponseRedirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[1]))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There is one row."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """There is one row."""
        return False


@admin.register(EngineSettings)
class EngineSettingsAdmin(OneRowAdmin):
    """The switches."""

    fieldsets = [
        ("Watchers", {"fields": ["allow_by_default", "list_interval"]}),
        (
            "Messages",
            {
                "fields": [
                    "message_limit",
                    "relay_message_reports",
                    "offline_limit",
                    "offline_lifetime",
                    "message_log",
                    "message_log_days",
                ]
            },
        ),
        ("History", {"fields": ["history_days"]}),
        ("Signalling trace", {"fields": ["trace", "trace_bodies"]}),
        ("Time lines", {"fields": ["timeline", "timeline_days"]}),
        ("Routing", {"fields": ["method_event_routing"]}),
        ("Older clients", {"fields": ["legacy_dialects", "legacy_digest"]}),
        ("Authentication", {"fields": ["digest_sha256", "digest_md5"]}),
    ]


@admin.register(PeerLimits)
class PeerLimitsAdmin(OneRowAdmin):
    """What one address or user may take."""

    fieldsets = [
        ("One address", {"fields": ["connections", "half_open", "transactions"]}),
        ("Wrong passwords", {"fields": ["wrong_of_user", "wrong_of_address", "first_block", "longest_block"]}),
        ("One user", {"fields": ["publish_rate", "message_rate"]}),
    ]


@admin.register(LimitExemption)
class LimitExemptionAdmin(PolicyAdmin):
    """Whom the limits do not concern."""

    list_display = ["network", "description"]
    search_fields = ["network", "description"]

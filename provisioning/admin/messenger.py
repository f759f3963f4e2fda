"""Pages for the messenger: its settings, and texts that are sent often."""

from django.contrib import admin

from provisioning.admin.base import PolicyAdmin
from provisioning.admin.rules import OneRowAdmin
from provisioning.models import CannedMessage, MessengerSettings


@admin.register(MessengerSettings)
class MessengerSettingsAdmin(OneRowAdmin):
    """What the messenger goes by."""

    fieldsets = [
        (None, {"fields": ["enabled"]}),
        ("Every log-in", {"fields": ["subscription_duration", "contacts", "messages"]}),
        ("In a browser", {"fields": ["grace"]}),
        ("On a phone", {"fields": ["refresh_interval", "session_timer"]}),
    ]


@admin.register(CannedMessage)
class CannedMessageAdmin(PolicyAdmin):
    """Ready-made messages of the system and of users."""

    list_display = ["text", "owner", "position"]
    list_select_related = ["owner"]
    list_filter = [("owner", admin.EmptyFieldListFilter)]
    search_fields = ["text", "owner__aor"]
    autocomplete_fields = ["owner"]

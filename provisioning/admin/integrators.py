"""Pages for programs: accounts that act as somebody, and webhooks."""

from django.contrib import admin
from unfold.admin import TabularInline

from provisioning.admin.base import PolicyAdmin
from provisioning.models import Integrator, Webhook, WebhookTarget


@admin.register(Integrator)
class IntegratorAdmin(PolicyAdmin):
    """Accounts that act as somebody."""

    list_display = ["user", "identity", "publish_own", "may_send"]
    list_select_related = ["user", "persona"]
    search_fields = ["user__username", "persona__aor", "watcher"]
    autocomplete_fields = ["user", "persona", "publish_for"]


class TargetInline(TabularInline):
    """Whom a webhook is told about."""

    model = WebhookTarget
    extra = 1
    tab = False


@admin.register(Webhook)
class WebhookAdmin(PolicyAdmin):
    """Addresses on the web that are told of changes."""

    inlines = [TargetInline]
    list_display = ["name", "url", "identity", "enabled"]
    list_select_related = ["persona"]
    list_filter = ["enabled"]
    search_fields = ["name", "url", "persona__aor", "watcher", "targets__uri"]
    autocomplete_fields = ["persona"]

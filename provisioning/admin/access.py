"""Pages for who may see whom: access lists, privacy lists, watcher filters, device types."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline

from provisioning.admin.base import PolicyAdmin
from provisioning.models import (
    DeviceType,
    PrivacyList,
    PrivacyListMember,
    UriAcl,
    UriAclEntry,
    WatcherFilter,
)


class EntryInline(TabularInline):
    """Watchers whom the list names."""

    model = UriAclEntry
    extra = 1
    tab = False


@admin.register(UriAcl)
class UriAclAdmin(PolicyAdmin):
    """Who may watch a user."""

    inlines = [EntryInline]
    list_display = ["presentity", "default", "entries"]
    list_filter = ["default"]
    list_select_related = ["presentity"]
    search_fields = ["presentity__aor", "presentity__name", "entries__value"]
    autocomplete_fields = ["presentity"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[UriAcl]:
        """With the number of entries."""
        return super().get_queryset(request).annotate(entry_count=Count("entries", distinct=True))

    @admin.display(description="Entries", ordering="entry_count")
    def entries(self, acl: UriAcl) -> int:
        """How many watchers and domains the list names."""
        return acl.entry_count  # type: ignore[attr-defined]


class MemberInline(TabularInline):
    """Watchers whom the list is for."""

    model = PrivacyListMember
    extra = 1
    tab = False


@admin.register(PrivacyList)
class PrivacyListAdmin(PolicyAdmin):
    """What users let some watchers see."""

    inlines = [MemberInline]
    list_display = ["owner", "kind", "name", "filter", "hides"]
    list_filter = ["kind", "filter"]
    list_select_related = ["owner"]
    search_fields = ["owner__aor", "owner__name", "name", "members__value"]
    autocomplete_fields = ["owner"]

    @admin.display(description="Hides")
    def hides(self, row: PrivacyList) -> str:
        """Types of device that are not shown."""
        return ", ".join(row.hidden_devices)


@admin.register(WatcherFilter)
class WatcherFilterAdmin(PolicyAdmin):
    """What watchers are sent, by their domain or kind of client."""

    list_display = ["__str__", "kind", "domain", "client_type", "client_version"]
    list_filter = ["kind"]
    search_fields = ["domain", "client_type"]


@admin.register(DeviceType)
class DeviceTypeAdmin(PolicyAdmin):
    """Which types of device clients and sources stand for."""

    list_display = ["value", "match", "kind"]
    list_filter = ["match", "kind"]
    search_fields = ["value"]

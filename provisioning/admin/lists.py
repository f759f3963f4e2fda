"""Pages for resource lists."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline

from provisioning.admin.base import PolicyAdmin
from provisioning.models import ResourceList, ResourceListMember


class MemberInline(TabularInline):
    """Presentities and lists in the list."""

    model = ResourceListMember
    extra = 1
    tab = False
    fields = ["uri", "name", "position"]


@admin.register(ResourceList)
class ResourceListAdmin(PolicyAdmin):
    """Lists that watchers subscribe to as a whole."""

    inlines = [MemberInline]
    list_display = ["uri", "name", "owner", "members"]
    list_select_related = ["owner"]
    search_fields = ["uri", "name", "owner__aor", "members__uri"]
    autocomplete_fields = ["owner"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ResourceList]:
        """With the number of members."""
        return super().get_queryset(request).annotate(member_count=Count("members", distinct=True))

    @admin.display(description="Members", ordering="member_count")
    def members(self, row: ResourceList) -> int:
        """How many presentities and lists it names."""
        return row.member_count  # type: ignore[attr-defined]

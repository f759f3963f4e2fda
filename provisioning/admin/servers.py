"""Pages for addresses: listeners, trusted peers, the proxy's access list, foreign servers."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import TabularInline

from provisioning.admin.base import PolicyAdmin
from provisioning.models import (
    AccessListEntry,
    AdvertisedAddress,
    ForeignMapping,
    ForeignServer,
    Listener,
    TrustedPeer,
)


class AdvertisedAddressInline(TabularInline):
    """Names of a listener, by network."""

    model = AdvertisedAddress
    extra = 0


@admin.register(Listener)
class ListenerAdmin(PolicyAdmin):
    """Where edges listen; a new address is opened when the edge starts again, options count at once."""

    list_display = [
        "__str__",
        "transport",
        "host",
        "port",
        "role",
        "authentication",
        "client_certificates",
        "advertised",
    ]
    list_filter = ["transport", "role"]
    search_fields = ["host", "advertised"]
    inlines = [AdvertisedAddressInline]


@admin.register(TrustedPeer)
class TrustedPeerAdmin(PolicyAdmin):
    """Who may speak to an engine listener."""

    list_display = ["__str__", "network", "tls_name", "description", "automatic"]
    list_filter = ["automatic"]
    search_fields = ["network", "tls_name", "description"]

    def has_change_permission(self, request: HttpRequest, obj: TrustedPeer | None = None) -> bool:
        """Automatic entries follow from other provisioning (D-22)."""
        return (obj is None or not obj.automatic) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: TrustedPeer | None = None) -> bool:
        """Automatic entries follow from other provisioning (D-22)."""
        return (obj is None or not obj.automatic) and super().has_delete_permission(request, obj)


@admin.register(AccessListEntry)
class AccessListEntryAdmin(PolicyAdmin):
    """Who is not challenged by the proxy."""

    list_display = ["value", "kind", "asserts_identity"]
    list_filter = ["kind", "asserts_identity"]
    search_fields = ["value"]


@admin.register(ForeignServer)
class ForeignServerAdmin(PolicyAdmin):
    """Presence servers elsewhere."""

    list_display = ["name", "address", "transport", "domain", "expires", "shared_identity", "call_manager", "enabled"]
    list_filter = ["enabled", "transport", "shared_identity", "call_manager"]
    search_fields = ["name", "address", "domain"]


@admin.register(ForeignMapping)
class ForeignMappingAdmin(PolicyAdmin):
    """Which foreign presentities hold a user's state."""

    list_display = ["persona", "foreign", "server", "priority"]
    list_filter = ["server"]
    list_select_related = ["persona", "server"]
    search_fields = ["persona__aor", "persona__name", "foreign"]
    autocomplete_fields = ["persona", "server"]

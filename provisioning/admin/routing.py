"""Pages for where requests go that are not served here."""

from django.contrib import admin

from provisioning.admin.base import PolicyAdmin
from provisioning.models import MethodRoute, OutboundRule, StaticRoute


@admin.register(StaticRoute)
class StaticRouteAdmin(PolicyAdmin):
    """Next hops by domain or number; they go before what name servers say."""

    list_display = ["pattern", "kind", "next_hop", "port", "transport", "priority", "weight", "in_service"]
    list_filter = ["kind", "transport", "in_service"]
    search_fields = ["pattern", "next_hop", "description"]


@admin.register(MethodRoute)
class MethodRouteAdmin(PolicyAdmin):
    """Which server answers a method or an event package for users of ours."""

    list_display = ["name", "kind", "token", "next_hop", "port", "transport"]
    list_filter = ["kind"]
    search_fields = ["name", "token", "next_hop"]


@admin.register(OutboundRule)
class OutboundRuleAdmin(PolicyAdmin):
    """Which domains users of ours may reach."""

    list_display = ["pattern", "allow", "description"]
    list_filter = ["allow"]
    search_fields = ["pattern", "description"]

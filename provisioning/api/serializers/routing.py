"""Where requests go, as JSON."""

from provisioning import models
from provisioning.api.serializers.base import Validated, example


@example(kind="domain", pattern="*.partner.example", next_hop="sbc.partner.example", transport="tls")
class StaticRouteSerializer(Validated):
    """A next hop by domain or number."""

    class Meta:
        model = models.StaticRoute
        fields = [
            "id", "kind", "pattern", "next_hop", "port", "transport", "priority", "weight", "less_specific",
            "in_service", "description",
        ]  # fmt: skip


class MethodRouteSerializer(Validated):
    """Which server answers a method or an event package."""

    class Meta:
        model = models.MethodRoute
        fields = ["id", "name", "kind", "token", "next_hop", "port", "transport", "description"]


class OutboundRuleSerializer(Validated):
    """Whether users of ours may reach some domains."""

    class Meta:
        model = models.OutboundRule
        fields = ["id", "pattern", "allow", "description"]

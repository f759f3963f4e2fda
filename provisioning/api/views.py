"""Resources of /api/v1/ for everything that is provisioned."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Model
from rest_framework import serializers

from provisioning import models
from provisioning.api import many_users
from provisioning.api.resources import FixedRows, PolicyViewSet
from provisioning.api.serializers import access, integrators, lists, messenger, people, routing, rules, servers


class DomainViewSet(PolicyViewSet):
    """Domains that are served."""

    queryset = models.Domain.objects.all()
    serializer_class = people.DomainSerializer
    filterset_fields = ["name"]
    search_fields = ["name", "description"]


class PersonaViewSet(PolicyViewSet):
    """Users."""

    queryset = models.Persona.objects.select_related("domain").prefetch_related("aliases", "delegates")
    serializer_class = people.PersonaSerializer
    filterset_fields = {
        "aor": ["exact"],
        "domain__name": ["exact"],
        "user": ["exact"],
        "name": ["exact"],
        "enabled": ["exact"],
        "publish_policy": ["exact"],
        "confirm_watchers": ["exact"],
        "offline_messages": ["exact"],
        "delegates__aor": ["exact"],
    }
    search_fields = ["aor", "name", "aliases__uri"]
    ordering_fields = ["aor", "name"]
    unversioned = frozenset({"ever_published"})
    hashed = "pin"

    def create_many(self, items: Sequence[dict[str, Any]]) -> list[Model]:
        """At once."""
        return many_users.create(items)

    def update_many(self, items: Sequence[dict[str, Any]], rows: dict[Any, Any], partial: bool) -> list[Model]:
        """At once."""
        return many_users.update(items, rows, partial)

    def destroy_many(self, rows: Sequence[Model]) -> None:
        """At once."""
        models.Persona.objects.filter(pk__in=[row.pk for row in rows]).delete()


class AliasViewSet(PolicyViewSet):
    """Addresses that lead to users."""

    queryset = models.Alias.objects.select_related("persona")
    serializer_class = people.AliasSerializer
    filterset_fields = {"uri": ["exact"], "persona__aor": ["exact"]}
    search_fields = ["uri", "persona__aor"]
    ordering_fields = ["uri"]

    def perform_update(self, serializer: serializers.BaseSerializer[Any]) -> None:
        """An address of record follows from its user."""
        if serializer.instance.is_aor:
            raise serializers.ValidationError("The address of record follows from the user's domain and user part.")
        super().perform_update(serializer)

    def perform_destroy(self, instance: models.Alias) -> None:
        """An address of record cannot be removed."""
        if instance.is_aor:
            raise serializers.ValidationError("The address of record cannot be removed.")
        super().perform_destroy(instance)


class SourcePriorityViewSet(PolicyViewSet):
    """Sources of state."""

    queryset = models.SourcePriority.objects.all()
    serializer_class = rules.SourcePrioritySerializer
    filterset_fields = ["value", "priority", "manual_override"]
    search_fields = ["value"]


class UserAgentCapabilityViewSet(PolicyViewSet):
    """What kinds of client can do."""

    queryset = models.UserAgentCapability.objects.all()
    serializer_class = rules.UserAgentCapabilitySerializer
    filterset_fields = ["client_type", "client_version"]
    search_fields = ["client_type"]


class ReachabilityRuleViewSet(PolicyViewSet):
    """Reachability rules, in order."""

    queryset = models.ReachabilityRule.objects.all()
    serializer_class = rules.ReachabilityRuleSerializer
    filterset_fields = ["condition", "state"]
    search_fields = ["condition", "state"]


class ListenerViewSet(PolicyViewSet):
    """Addresses that edges listen on."""

    queryset = models.Listener.objects.prefetch_related("advertisements")
    serializer_class = servers.ListenerSerializer
    filterset_fields = ["transport", "host", "port", "role"]
    search_fields = ["host", "advertised", "transport"]


class TrustedPeerViewSet(PolicyViewSet):
    """Trusted peers of the engine; automatic ones cannot be changed."""

    queryset = models.TrustedPeer.objects.all()
    serializer_class = servers.TrustedPeerSerializer
    filterset_fields = ["network", "tls_name", "automatic"]
    search_fields = ["network", "tls_name", "description"]

    def perform_update(self, serializer: serializers.BaseSerializer[Any]) -> None:
        """D-22."""
        _by_hand(serializer.instance)
        super().perform_update(serializer)

    def perform_destroy(self, instance: models.TrustedPeer) -> None:
        """D-22."""
        _by_hand(instance)
        super().perform_destroy(instance)


def _by_hand(peer: models.TrustedPeer) -> None:
    if peer.automatic:
        raise serializers.ValidationError("An automatic entry follows from other provisioning.")


class AccessListEntryViewSet(PolicyViewSet):
    """The proxy's access list."""

    queryset = models.AccessListEntry.objects.all()
    serializer_class = servers.AccessListEntrySerializer
    filterset_fields = ["kind", "value", "asserts_identity"]
    search_fields = ["value"]


class UriAclViewSet(PolicyViewSet):
    """Who may watch whom: one list for each user that has one."""

    queryset = models.UriAcl.objects.select_related("presentity").prefetch_related("entries")
    serializer_class = access.UriAclSerializer
    filterset_fields = {"presentity__aor": ["exact"], "default": ["exact"], "entries__value": ["exact"]}
    search_fields = ["presentity__aor", "entries__value"]


class PrivacyListViewSet(PolicyViewSet):
    """What users let some watchers see."""

    queryset = models.PrivacyList.objects.select_related("owner").prefetch_related("members")
    serializer_class = access.PrivacyListSerializer
    filterset_fields = {"owner__aor": ["exact"], "kind": ["exact"], "members__value": ["exact"]}
    search_fields = ["owner__aor", "name", "members__value"]


class WatcherFilterViewSet(PolicyViewSet):
    """What watchers are sent, by domain or kind of client."""

    queryset = models.WatcherFilter.objects.all()
    serializer_class = access.WatcherFilterSerializer
    filterset_fields = ["kind", "domain", "client_type"]
    search_fields = ["domain", "client_type"]


class DeviceTypeViewSet(PolicyViewSet):
    """Which types of device clients and sources stand for."""

    queryset = models.DeviceType.objects.all()
    serializer_class = access.DeviceTypeSerializer
    filterset_fields = ["match", "value", "kind"]
    search_fields = ["value"]


class ResourceListViewSet(PolicyViewSet):
    """Lists that watchers subscribe to as a whole."""

    queryset = models.ResourceList.objects.select_related("owner").prefetch_related("members")
    serializer_class = lists.ResourceListSerializer
    filterset_fields = {"uri": ["exact"], "owner__aor": ["exact"], "members__uri": ["exact"]}
    search_fields = ["uri", "name", "owner__aor"]


class ForeignServerViewSet(PolicyViewSet):
    """Presence servers elsewhere."""

    queryset = models.ForeignServer.objects.all()
    serializer_class = servers.ForeignServerSerializer
    filterset_fields = ["name", "domain", "enabled", "call_manager"]
    search_fields = ["name", "address", "domain"]


class ForeignMappingViewSet(PolicyViewSet):
    """Which foreign presentities hold the state of users."""

    queryset = models.ForeignMapping.objects.select_related("persona", "server")
    serializer_class = servers.ForeignMappingSerializer
    filterset_fields = {"persona__aor": ["exact"], "foreign": ["exact"], "server__name": ["exact"]}
    search_fields = ["persona__aor", "foreign"]


class LimitExemptionViewSet(PolicyViewSet):
    """Addresses that the limits do not concern."""

    queryset = models.LimitExemption.objects.all()
    serializer_class = rules.LimitExemptionSerializer
    filterset_fields = ["network"]
    search_fields = ["network", "description"]


class StaticRouteViewSet(PolicyViewSet):
    """Next hops by domain or number."""

    queryset = models.StaticRoute.objects.all()
    serializer_class = routing.StaticRouteSerializer
    filterset_fields = ["kind", "pattern", "next_hop", "transport", "in_service"]
    search_fields = ["pattern", "next_hop", "description"]


class MethodRouteViewSet(PolicyViewSet):
    """Which servers answer methods and event packages."""

    queryset = models.MethodRoute.objects.all()
    serializer_class = routing.MethodRouteSerializer
    filterset_fields = ["kind", "token"]
    search_fields = ["name", "token", "next_hop"]


class OutboundRuleViewSet(PolicyViewSet):
    """Which domains users of ours may reach."""

    queryset = models.OutboundRule.objects.all()
    serializer_class = routing.OutboundRuleSerializer
    filterset_fields = ["pattern", "allow"]
    search_fields = ["pattern", "description"]


class IntegratorViewSet(PolicyViewSet):
    """Accounts that act as somebody."""

    queryset = models.Integrator.objects.select_related("user", "persona").prefetch_related("publish_for")
    serializer_class = integrators.IntegratorSerializer
    filterset_fields = {"user__username": ["exact"], "persona__aor": ["exact"], "watcher": ["exact"]}
    search_fields = ["user__username", "persona__aor", "watcher"]


class WebhookViewSet(PolicyViewSet):
    """Addresses on the web that are told of changes."""

    queryset = models.Webhook.objects.select_related("persona").prefetch_related("targets")
    serializer_class = integrators.WebhookSerializer
    filterset_fields = {"name": ["exact"], "enabled": ["exact"], "targets__uri": ["exact"]}
    search_fields = ["name", "url"]


class CannedMessageViewSet(PolicyViewSet):
    """Ready-made messages of the system and of users."""

    queryset = models.CannedMessage.objects.select_related("owner")
    serializer_class = messenger.CannedMessageSerializer
    filterset_fields = {"owner__aor": ["exact"]}
    search_fields = ["text", "owner__aor"]


class ExpirySettingViewSet(FixedRows):
    """Expiry bounds; the methods are given."""

    queryset = models.ExpirySetting.objects.all()
    serializer_class = rules.ExpirySettingSerializer
    filterset_fields = ["method"]
    search_fields = ["method"]


class EngineSettingsViewSet(FixedRows):
    """The switches: one row."""

    queryset = models.EngineSettings.objects.order_by("pk")
    serializer_class = rules.EngineSettingsSerializer


class PeerLimitsViewSet(FixedRows):
    """What one address or one user may take: one row."""

    queryset = models.PeerLimits.objects.order_by("pk")
    serializer_class = rules.PeerLimitsSerializer


class MessengerSettingsViewSet(FixedRows):
    """What the messenger goes by: one row."""

    queryset = models.MessengerSettings.objects.order_by("pk")
    serializer_class = messenger.MessengerSettingsSerializer

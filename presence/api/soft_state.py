"""Soft state as JSON: publications, subscriptions of watchers, ours at foreign servers; and what can be done to it."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from presence import acts
from presence.api.acts import perform
from presence.models import BackendSubscription, Publication, Subscription
from presence.subscriptions import DEACTIVATED, REASONS
from provisioning.api.serializers.base import example


class PublicationSerializer(serializers.ModelSerializer):
    """A live publication."""

    persona = serializers.SlugRelatedField(slug_field="aor", read_only=True)
    entity_tag = serializers.CharField(source="__str__")

    class Meta:
        model = Publication
        fields = [
            "id", "entity_tag", "persona", "publisher", "user_agent", "door", "created_at", "changed_at", "expires_at",
        ]  # fmt: skip


class SubscriptionSerializer(serializers.ModelSerializer):
    """A live subscription."""

    persona = serializers.SlugRelatedField(slug_field="aor", read_only=True)

    class Meta:
        model = Subscription
        fields = ["id", "persona", "kind", "uri", "watcher", "state", "user_agent", "edge", "created_at", "expires_at"]


class BackendSubscriptionSerializer(serializers.ModelSerializer):
    """A subscription of ours at a foreign server."""

    server = serializers.SlugRelatedField(slug_field="name", read_only=True)

    class Meta:
        model = BackendSubscription
        fields = [
            "id", "local", "foreign", "server", "shared", "watcher", "priority", "edge", "state", "reason", "failures",
            "changed_at", "refresh_at", "expires_at",
        ]  # fmt: skip


class BackendSubscriptionViewSet(viewsets.ReadOnlyModelViewSet):
    """Subscriptions at foreign servers, also those that wait for their next attempt or have been given up."""

    queryset = BackendSubscription.objects.select_related("server").order_by("local", "id")
    serializer_class = BackendSubscriptionSerializer
    filterset_fields = {
        "local": ["exact"],
        "foreign": ["exact"],
        "server__name": ["exact"],
        "state": ["exact"],
        "edge": ["exact"],
    }
    search_fields = ["local", "foreign", "watcher"]

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def refresh(self, request: Request, pk: str) -> Response:
        """Ask the server now, also where it was given up."""
        return perform(acts.REFRESH_BACKEND, self.get_object())

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        """Unsubscribe there; while somebody here still watches, a new subscription is made at once."""
        return perform(acts.END_BACKEND, self.get_object())


@example(reason=DEACTIVATED)
class EndSerializer(serializers.Serializer):
    """Why a subscription ends."""

    reason = serializers.ChoiceField(
        REASONS, required=False, default=DEACTIVATED,
        help_text="What the watcher is told (RFC 6665 4.1.3): after `deactivated` and `timeout` it may come again at "
        "once, after `probation` and `giveup` later, after `rejected` and `noresource` it should not.",
    )  # fmt: skip


class _Live(viewsets.ReadOnlyModelViewSet):
    def get_queryset(self) -> Any:
        """What has not expired."""
        return super().get_queryset().filter(expires_at__gt=timezone.now())


class PublicationViewSet(_Live):
    """Publications that are live."""

    queryset = Publication.objects.select_related("persona").order_by("persona__aor", "id")
    serializer_class = PublicationSerializer
    filterset_fields = {"persona__aor": ["exact"], "door": ["exact"], "expires_at": ["lt", "gt"]}
    search_fields = ["persona__aor", "user_agent"]

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        """Remove it as if it had run out; 409 for what a line says, which would say it again."""
        return perform(acts.END_PUBLICATION, self.get_object())


class SubscriptionViewSet(_Live):
    """Subscriptions that are live."""

    queryset = Subscription.objects.exclude(state="terminated").select_related("persona").order_by("watcher", "id")
    serializer_class = SubscriptionSerializer
    filterset_fields = {
        "persona__aor": ["exact"],
        "uri": ["exact"],
        "kind": ["exact"],
        "watcher": ["exact"],
        "state": ["exact"],
        "edge": ["exact"],
    }
    search_fields = ["uri", "watcher"]

    @extend_schema(request=EndSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        """End it: the watcher's last NOTIFY says why. Whether it comes again is the watcher's own affair."""
        row = self.get_object()
        wanted = EndSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        return perform(acts.END_SUBSCRIPTION, row, **wanted.validated_data)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, pk: str) -> Response:
        """Send the watcher the whole state now, whatever it knows."""
        return perform(acts.RESEND, self.get_object())

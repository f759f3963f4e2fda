"""Live presence as JSON, read only."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from presence import live
from presence.engine.errors import UnknownPresentity
from presence.models import Publication, Subscription
from provisioning import policy
from provisioning.policy import Policy
from provisioning.uri import Aor, BadUri


class DeviceSerializer(serializers.Serializer):
    """One device of a user."""

    id = serializers.CharField()
    open = serializers.BooleanField()
    audio = serializers.BooleanField()
    video = serializers.BooleanField()
    text = serializers.BooleanField()
    user_agent = serializers.CharField()
    source = serializers.CharField(allow_null=True)
    priority = serializers.IntegerField()
    expires_at = serializers.DateTimeField(allow_null=True)


class PresenceSerializer(serializers.Serializer):
    """A user's composed state."""

    aor = serializers.CharField()
    name = serializers.CharField()
    state = serializers.CharField()
    label = serializers.CharField()
    rule = serializers.CharField(allow_null=True)
    since = serializers.DateTimeField(allow_null=True)
    activities = serializers.ListField(child=serializers.CharField())
    devices = DeviceSerializer(many=True)


class PresenceViewSet(viewsets.GenericViewSet):
    """The state of one user, by any address that leads to it."""

    serializer_class = PresenceSerializer
    lookup_field = "aor"
    lookup_value_regex = "[^/]+"

    def retrieve(self, request: Request, aor: str) -> Response:
        """The composed state, as an unfiltered watcher sees it."""
        found, _ = _find(aor)
        return Response(PresenceSerializer(live.as_json(found)).data)

    @action(detail=True)
    def document(self, request: Request, aor: str) -> HttpResponse:
        """The presence document itself."""
        found, current = _find(aor)
        return HttpResponse(found.document(current, timezone.now()), content_type="application/pidf+xml")


def _find(text: str) -> tuple[live.Live, Policy]:
    try:
        aor = Aor.parse(text)
    except BadUri as error:
        raise serializers.ValidationError({"aor": str(error)}) from None
    current = policy.load_rules()
    persona = policy.find(aor)
    states = live.states([persona], current, timezone.now()) if persona is not None else []
    if not states:
        raise UnknownPresentity(f"no user has the address {aor}")
    return states[0], current


class PublicationSerializer(serializers.ModelSerializer):
    """A live publication."""

    persona = serializers.SlugRelatedField(slug_field="aor", read_only=True)
    entity_tag = serializers.CharField(source="__str__")

    class Meta:
        model = Publication
        fields = [
            "entity_tag", "persona", "publisher", "user_agent", "door", "created_at", "changed_at", "expires_at",
        ]  # fmt: skip


class SubscriptionSerializer(serializers.ModelSerializer):
    """A live subscription."""

    persona = serializers.SlugRelatedField(slug_field="aor", read_only=True)

    class Meta:
        model = Subscription
        fields = ["id", "persona", "uri", "watcher", "state", "user_agent", "edge", "created_at", "expires_at"]


class _Live(mixins.ListModelMixin, viewsets.GenericViewSet):
    def get_queryset(self) -> Any:
        """What has not expired."""
        return super().get_queryset().filter(expires_at__gt=timezone.now())


class PublicationViewSet(_Live):
    """Publications that are live."""

    queryset = Publication.objects.select_related("persona").order_by("persona__aor", "id")
    serializer_class = PublicationSerializer
    filterset_fields = {"persona__aor": ["exact"], "door": ["exact"]}
    search_fields = ["persona__aor", "user_agent"]


class SubscriptionViewSet(_Live):
    """Subscriptions that are live."""

    queryset = Subscription.objects.exclude(state="terminated").select_related("persona").order_by("watcher", "id")
    serializer_class = SubscriptionSerializer
    filterset_fields = {"persona__aor": ["exact"], "watcher": ["exact"], "edge": ["exact"]}
    search_fields = ["persona__aor", "watcher"]

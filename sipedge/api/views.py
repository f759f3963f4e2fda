"""Registered contacts and logged messages as JSON, read only."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from rest_framework import mixins, serializers, viewsets

from provisioning.uri import Aor, BadUri
from sipedge.messagelog import AsText, searchable
from sipedge.models import Binding, LoggedMessage


class BindingSerializer(serializers.ModelSerializer):
    """A registered contact."""

    persona = serializers.SlugRelatedField(slug_field="aor", read_only=True)

    class Meta:
        model = Binding
        fields = ["id", "persona", "contact", "q", "user_agent", "flow", "edge", "created_at", "expires_at"]


class BindingViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """Bindings that are live."""

    queryset = Binding.objects.select_related("persona").order_by("persona__aor", "id")
    serializer_class = BindingSerializer
    filterset_fields = {"persona__aor": ["exact"]}
    search_fields = ["persona__aor", "contact", "user_agent"]

    def get_queryset(self) -> Any:
        """What has not expired."""
        return super().get_queryset().filter(expires_at__gt=timezone.now())


class LoggedMessageSerializer(serializers.ModelSerializer):
    """A message that passed."""

    persona = serializers.SlugRelatedField(slug_field="aor", read_only=True)
    text = serializers.CharField(read_only=True)

    class Meta:
        model = LoggedMessage
        fields = [
            "id", "persona", "sender", "recipient", "content_type", "text", "call_id", "status", "edge", "created_at",
        ]  # fmt: skip


class LoggedMessageFilter(filters.FilterSet):
    """Addresses in any spelling, a span of time, words."""

    sender = filters.CharFilter(method="by_address")
    recipient = filters.CharFilter(method="by_address")
    since = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")
    text = filters.CharFilter(method="by_text")

    class Meta:
        model = LoggedMessage
        fields = ["status"]

    def by_address(self, rows: QuerySet[LoggedMessage], name: str, value: str) -> QuerySet[LoggedMessage]:
        """The address itself, however it is written (D-01)."""
        try:
            return rows.filter(**{name: Aor.parse(value)})
        except BadUri as error:
            raise serializers.ValidationError({name: str(error)}) from None

    def by_text(self, rows: QuerySet[LoggedMessage], name: str, value: str) -> QuerySet[LoggedMessage]:
        """A part of the text; the case of ASCII letters does not matter."""
        return rows.annotate(words=AsText("body")).filter(words__icontains=searchable(value))


class LoggedMessageViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    """The message log, newest first."""

    queryset = LoggedMessage.objects.select_related("persona").order_by("-created_at", "id")
    serializer_class = LoggedMessageSerializer
    filterset_class = LoggedMessageFilter
    search_fields = ["sender", "recipient"]

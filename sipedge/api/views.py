"""Registered contacts as JSON, read only."""

from typing import Any

from django.utils import timezone
from rest_framework import mixins, serializers, viewsets

from sipedge.models import Binding


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

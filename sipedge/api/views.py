"""Registered contacts, which can be ended, and logged messages as JSON; and messages that integrators send."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from presence import acts, sending
from presence.api.acts import perform
from presence.api.integrators import Acts, MessageSerializer, SentSerializer, identity_of, parse
from provisioning.uri import Aor, BadUri
from sipedge.messagelog import AsText, searchable
from sipedge.models import Binding, LoggedMessage

STATUSES = {403: 403, 404: 404, 408: 504, 413: 413, 415: 415, 429: 429, 480: 404, 503: 503, 604: 404}
"SIP answer to a message -> HTTP status; all others are 502: the recipient's side has refused it."


class BindingSerializer(serializers.ModelSerializer):
    """A registered contact."""

    persona = serializers.SlugRelatedField(slug_field="aor", read_only=True)

    class Meta:
        model = Binding
        fields = ["id", "persona", "contact", "q", "user_agent", "flow", "edge", "created_at", "expires_at"]


class BindingViewSet(viewsets.ReadOnlyModelViewSet):
    """Bindings that are live."""

    queryset = Binding.objects.select_related("persona").order_by("persona__aor", "id")
    serializer_class = BindingSerializer
    filterset_fields = {"persona__aor": ["exact"], "edge": ["exact"], "expires_at": ["lt", "gt"]}
    search_fields = ["persona__aor", "contact", "user_agent"]

    def get_queryset(self) -> Any:
        """What has not expired."""
        return super().get_queryset().filter(expires_at__gt=timezone.now())

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        """Take the contact out of the registration; a client that has the password may register again."""
        return perform(acts.END_BINDING, self.get_object())


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


class LoggedMessageViewSet(viewsets.ReadOnlyModelViewSet):
    """The message log, newest first."""

    queryset = LoggedMessage.objects.select_related("persona").order_by("-created_at", "id")
    serializer_class = LoggedMessageSerializer
    filterset_class = LoggedMessageFilter
    search_fields = ["sender", "recipient"]

    @extend_schema(
        parameters=[
            OpenApiParameter("as", description="Who sends; accounts that are bound to somebody may leave it out.")
        ],
        request=MessageSerializer,
        responses={200: SentSerializer, 202: SentSerializer},
        extensions={"x-problems": sorted({*STATUSES.values(), 502})},
    )
    @action(detail=False, methods=["post"], permission_classes=[Acts], filterset_class=None, pagination_class=None)
    def send(self, request: Request) -> Response:
        """Send a message as the identity of the account; 200: it was delivered, 202: it is kept for later."""
        wanted = MessageSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        to = parse(wanted.validated_data["to"], "to")
        sent = sending.send_now(identity_of(request), to, wanted.validated_data["text"])
        if sent.status not in (200, 202):
            return Response(
                {
                    "type": "about:blank",
                    "title": "The message was not delivered",
                    "detail": f"The recipient's side has answered {sent.status} {sent.reason}.".replace(" .", "."),
                    **sent._asdict(),
                },
                status=STATUSES.get(sent.status, 502),
                content_type="application/problem+json",
            )
        return Response(sent._asdict(), status=sent.status)

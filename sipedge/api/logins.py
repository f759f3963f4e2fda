"""Log-ins to the messenger and messages that wait for their users, as JSON; both can be ended."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets

from presence import store
from presence.engine.errors import EntityTagMismatch
from presence.store import Outcome, Plan, Remove
from sipedge.messenger import sessions
from sipedge.models import MessengerSession, PhonePreferences, StoredMessage
from sipedge.rows import MESSAGE


class LoginSerializer(serializers.ModelSerializer):
    """Somebody who is logged in to the messenger."""

    persona = serializers.SlugRelatedField(slug_field="aor", read_only=True)

    class Meta:
        model = MessengerSession
        fields = ["id", "persona", "kind", "address", "user_agent", "edge", "created_at", "expires_at"]


class LoginViewSet(mixins.DestroyModelMixin, viewsets.ReadOnlyModelViewSet):
    """Log-ins to the messenger that are valid, the newest first; deleting one logs its user out there."""

    queryset = MessengerSession.objects.select_related("persona").order_by("-created_at", "id")
    serializer_class = LoginSerializer
    filterset_fields = {"persona__aor": ["exact"], "kind": ["exact"], "edge": ["exact"]}
    search_fields = ["persona__aor", "persona__name", "address"]

    def get_queryset(self) -> Any:
        """What has not run out."""
        return super().get_queryset().filter(expires_at__gt=timezone.now())

    def perform_destroy(self, instance: MessengerSession) -> None:
        """As if the user had logged out."""
        sessions.end(instance)


class KeptMessageSerializer(serializers.ModelSerializer):
    """A message that waits for its recipient."""

    persona = serializers.SlugRelatedField(slug_field="aor", read_only=True)
    text = serializers.SerializerMethodField()

    class Meta:
        model = StoredMessage
        fields = ["id", "persona", "sender", "recipient", "content_type", "text", "created_at", "expires_at"]

    def get_text(self, message: StoredMessage) -> str:
        """The body as people read it; what is not UTF-8 is replaced."""
        return bytes(message.body).decode("utf-8", "replace")


@extend_schema_view(destroy=extend_schema(extensions={"x-problems": [412]}))
class KeptMessageViewSet(mixins.DestroyModelMixin, viewsets.ReadOnlyModelViewSet):
    """Messages that wait until their users register, the oldest first; one that is deleted is never delivered."""

    queryset = StoredMessage.objects.select_related("persona").order_by("created_at", "id")
    serializer_class = KeptMessageSerializer
    filterset_fields = {"persona__aor": ["exact"], "sender": ["exact"], "created_at": ["lt", "gte"]}
    search_fields = ["persona__aor", "sender", "recipient"]

    def get_queryset(self) -> Any:
        """What has not run out."""
        return super().get_queryset().filter(expires_at__gt=timezone.now())

    def perform_destroy(self, instance: StoredMessage) -> None:
        """By the commit of all soft state; raises EntityTagMismatch when it has just been delivered."""
        plan = Plan(instance.persona_id, (Remove(MESSAGE, instance.pk, instance.version),))
        if store.commit([plan]) != [Outcome.COMMITTED]:
            raise EntityTagMismatch("The message has just been taken by somebody else.")


class PhonePreferencesSerializer(serializers.ModelSerializer):
    """What a user has chosen on the phone pages."""

    persona = serializers.SlugRelatedField(slug_field="aor", read_only=True)

    class Meta:
        model = PhonePreferences
        fields = ["id", "persona", "refresh_interval", "session_timer", "protect", "sound"]


class PhonePreferencesViewSet(viewsets.ReadOnlyModelViewSet):
    """What users have chosen on the phone pages; they choose it there."""

    queryset = PhonePreferences.objects.select_related("persona").order_by("persona__aor")
    serializer_class = PhonePreferencesSerializer
    filterset_fields = {"persona__aor": ["exact"], "protect": ["exact"]}
    search_fields = ["persona__aor"]

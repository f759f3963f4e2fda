"""What the messenger offers, as JSON."""

from rest_framework import serializers

from provisioning import models
from provisioning.api.serializers.base import Validated, example


class MessengerSettingsSerializer(Validated):
    """What the messenger goes by."""

    class Meta:
        model = models.MessengerSettings
        fields = [
            "id", "enabled", "subscription_duration", "grace", "contacts", "messages", "refresh_interval",
            "session_timer",
        ]  # fmt: skip


@example(text="I call you back.")
class CannedMessageSerializer(Validated):
    """A text that is chosen instead of typed; without an owner it is offered to everybody."""

    owner = serializers.SlugRelatedField(
        slug_field="aor", queryset=models.Persona.objects.all(), required=False, allow_null=True
    )

    class Meta:
        model = models.CannedMessage
        fields = ["id", "owner", "text", "position"]

"""Accounts of programs, and webhooks, as JSON."""

from django.contrib.auth import get_user_model
from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from provisioning import models
from provisioning.api.serializers.base import AorField, Parts, Validated, example


class IntegratorSerializer(Validated):
    """An account that acts as somebody."""

    user = serializers.SlugRelatedField(
        slug_field="username",
        queryset=get_user_model().objects.all(),
        validators=[UniqueValidator(models.Integrator.objects.all())],
    )
    persona = serializers.SlugRelatedField(
        slug_field="aor", queryset=models.Persona.objects.all(), required=False, allow_null=True
    )
    watcher = AorField(required=False, allow_blank=True)
    publish_for = serializers.SlugRelatedField(
        slug_field="aor", queryset=models.Persona.objects.all(), many=True, required=False
    )

    class Meta:
        model = models.Integrator
        fields = ["id", "user", "persona", "watcher", "publish_own", "publish_for", "may_send"]


class WebhookTargetSerializer(serializers.ModelSerializer):
    """Whom a webhook is told about."""

    uri = AorField()

    class Meta:
        model = models.WebhookTarget
        fields = ["uri"]


@example(
    name="wall board",
    url="https://wall.example/presence",
    secret="sixteen letters or more",
    watcher="sip:wall@example.net",
    targets=[{"uri": "sip:alice@example.org"}],
)
class WebhookSerializer(Parts, Validated):
    """An address on the web that is told of changes; the secret can be set, never read."""

    parts = ("targets", "webhook")
    persona = serializers.SlugRelatedField(
        slug_field="aor", queryset=models.Persona.objects.all(), required=False, allow_null=True
    )
    watcher = AorField(required=False, allow_blank=True)
    secret = serializers.CharField(write_only=True, min_length=16, max_length=128)
    targets = WebhookTargetSerializer(many=True, required=False)

    class Meta:
        model = models.Webhook
        fields = ["id", "name", "url", "secret", "persona", "watcher", "enabled", "targets"]

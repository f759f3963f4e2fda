"""Who sees what, as JSON."""

from typing import Any

from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from provisioning import models
from provisioning.api.serializers.base import Parts, Validated, example
from provisioning.choices import DeviceKind


class UriAclEntrySerializer(serializers.ModelSerializer):
    """A watcher or a domain of watchers, and what becomes of them."""

    class Meta:
        model = models.UriAclEntry
        fields = ["kind", "value", "effect"]


@example(
    presentity="sip:alice@example.org",
    default="block",
    entries=[{"kind": "domain", "value": "partner.example", "effect": "allow"}],
)
class UriAclSerializer(Parts, Validated):
    """Who may watch a user; `entries`, when given, replace those that are there."""

    parts = ("entries", "acl")
    presentity = serializers.SlugRelatedField(
        slug_field="aor",
        queryset=models.Persona.objects.all(),
        validators=[UniqueValidator(models.UriAcl.objects.all(), "This user has an access list.")],
    )
    entries = UriAclEntrySerializer(many=True, required=False)

    class Meta:
        model = models.UriAcl
        fields = ["id", "presentity", "default", "entries"]


class PrivacyListMemberSerializer(serializers.ModelSerializer):
    """A watcher or a domain of watchers."""

    class Meta:
        model = models.PrivacyListMember
        fields = ["kind", "value"]


@example(
    owner="sip:alice@example.org",
    kind="custom",
    name="Colleagues",
    filter="none",
    members=[{"kind": "uri", "value": "sip:bob@example.org"}],
)
class PrivacyListSerializer(Parts, Validated):
    """What a user lets some watchers see; `members`, when given, replace those that are there."""

    parts = ("members", "list")
    owner = serializers.SlugRelatedField(slug_field="aor", queryset=models.Persona.objects.all())
    members = PrivacyListMemberSerializer(many=True, required=False)
    hidden_devices = serializers.MultipleChoiceField(choices=DeviceKind.choices, required=False)

    class Meta:
        model = models.PrivacyList
        fields = ["id", "owner", "kind", "name", "filter", "hidden_devices", "members"]

    def validate_hidden_devices(self, value: set[str]) -> list[str]:
        """In the order of the choices."""
        return [word for word in DeviceKind.values if word in value]

    def to_representation(self, instance: models.PrivacyList) -> dict[str, Any]:
        """As a list, not as a set."""
        return {**super().to_representation(instance), "hidden_devices": instance.hidden_devices}


@example(kind="phone_only", client_type="MeetingPlace")
class WatcherFilterSerializer(Validated):
    """What watchers of a domain, or with a kind of client, are sent."""

    class Meta:
        model = models.WatcherFilter
        fields = ["id", "kind", "domain", "client_type", "client_version"]
        extra_kwargs = {name: {"default": ""} for name in ("domain", "client_type", "client_version")}


class DeviceTypeSerializer(Validated):
    """Which type of device a kind of client or a source stands for."""

    class Meta:
        model = models.DeviceType
        fields = ["id", "match", "value", "kind"]

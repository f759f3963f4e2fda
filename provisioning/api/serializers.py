"""Provisioning as JSON; the models validate."""

from typing import Any

from rest_framework import serializers

from provisioning import models
from provisioning.uri import Aor


class Validated(serializers.ModelSerializer):
    """Runs the model's own checks, so that REST and the admin refuse the same things."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check the row as it would be saved."""
        row = self.Meta.model(**self._columns(attrs))
        if self.instance is not None:
            row.pk = self.instance.pk
        row.clean()
        for name in self._columns(attrs):
            attrs[name] = getattr(row, name)
        return attrs

    def _columns(self, attrs: dict[str, Any]) -> dict[str, Any]:
        names = {field.name for field in self.Meta.model._meta.concrete_fields}
        before = {name: getattr(self.instance, name) for name in names} if self.instance is not None else {}
        return {**before, **{name: value for name, value in attrs.items() if name in names}}


class AorField(serializers.CharField):
    """A SIP URI; any spelling in, the canonical one out (D-01)."""

    def to_internal_value(self, data: Any) -> Aor:
        """Read it."""
        try:
            return Aor.parse(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None


class DomainSerializer(Validated):
    """A domain that is served."""

    class Meta:
        model = models.Domain
        fields = ["id", "name", "description"]

    def update(self, instance: models.Domain, validated_data: dict[str, Any]) -> models.Domain:
        """A new name has to be confirmed, since it voids passwords (D-50)."""
        name = (
            models.Domain(name=validated_data.get("name", instance.name))
            ._meta.get_field("name")
            .to_python(validated_data.get("name", instance.name))
        )
        if name != instance.name and self.context["request"].query_params.get("confirm") != "rename":
            raise serializers.ValidationError(
                {"name": "A new name voids all passwords of the domain; repeat with ?confirm=rename."}
            )
        return super().update(instance, validated_data)  # type: ignore[no-any-return]


class PersonaSerializer(Validated):
    """A user; the password can be set, never read."""

    domain = serializers.SlugRelatedField(slug_field="name", queryset=models.Domain.objects.all())
    password = serializers.CharField(write_only=True, required=False, max_length=256, trim_whitespace=False)
    has_password = serializers.BooleanField(read_only=True)
    aliases = serializers.SlugRelatedField(slug_field="uri", many=True, read_only=True)
    delegates = serializers.SlugRelatedField(
        slug_field="aor", many=True, required=False, queryset=models.Persona.objects.all()
    )

    class Meta:
        model = models.Persona
        fields = [
            "id", "aor", "domain", "user", "name", "enabled", "publish_policy", "delegates", "aliases", "password",
            "has_password",
        ]  # fmt: skip
        read_only_fields = ["aor"]

    def create(self, validated_data: dict[str, Any]) -> models.Persona:
        """Keep digest secrets only."""
        password = validated_data.pop("password", None)
        delegates = validated_data.pop("delegates", [])
        persona = models.Persona(**validated_data)
        persona.user = persona.computed_aor().user
        if password:
            persona.set_password(password)
        persona.save()
        persona.delegates.set(delegates)
        return persona

    def update(self, instance: models.Persona, validated_data: dict[str, Any]) -> models.Persona:
        """A new user part or domain voids the password unless a new one comes along (D-50)."""
        password = validated_data.pop("password", None)
        delegates = validated_data.pop("delegates", None)
        before = (instance.user, instance.domain_id)
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.user = instance.computed_aor().user
        if password:
            instance.set_password(password)
        elif (instance.user, instance.domain_id) != before:
            instance.clear_password()
        instance.save()
        if delegates is not None:
            instance.delegates.set(delegates)
        return instance


class AliasSerializer(Validated):
    """An address that leads to a user."""

    uri = AorField()
    persona = serializers.SlugRelatedField(slug_field="aor", queryset=models.Persona.objects.all())
    is_aor = serializers.BooleanField(read_only=True)

    class Meta:
        model = models.Alias
        fields = ["id", "uri", "persona", "is_aor"]


class ExpirySettingSerializer(Validated):
    """Expiry bounds of a method, in seconds."""

    class Meta:
        model = models.ExpirySetting
        fields = ["id", "method", "minimum", "default", "maximum"]
        read_only_fields = ["method"]


class SourcePrioritySerializer(Validated):
    """A source of state."""

    class Meta:
        model = models.SourcePriority
        fields = ["id", "value", "priority", "manual_override"]


class UserAgentCapabilitySerializer(Validated):
    """What a kind of client can do."""

    class Meta:
        model = models.UserAgentCapability
        fields = ["id", "client_type", "client_version", "audio", "video", "text", "one_message_per_read", "md5_only"]


class ReachabilityRuleSerializer(Validated):
    """A reachability rule."""

    class Meta:
        model = models.ReachabilityRule
        fields = ["id", "position", "condition", "state"]


class ListenerSerializer(Validated):
    """An address that edges listen on."""

    class Meta:
        model = models.Listener
        fields = ["id", "transport", "host", "port", "role", "authentication", "advertised"]


class TrustedPeerSerializer(Validated):
    """Who may speak to an engine listener."""

    class Meta:
        model = models.TrustedPeer
        fields = ["id", "network", "description", "automatic"]
        read_only_fields = ["automatic"]


class AccessListEntrySerializer(Validated):
    """Who is not challenged by the proxy."""

    class Meta:
        model = models.AccessListEntry
        fields = ["id", "kind", "value", "asserts_identity"]


class EngineSettingsSerializer(Validated):
    """The switches."""

    class Meta:
        model = models.EngineSettings
        fields = ["id", "allow_by_default", "legacy_dialects", "legacy_digest", "digest_sha256", "digest_md5"]

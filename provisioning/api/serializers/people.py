"""Domains, users and aliases as JSON."""

from typing import Any

from rest_framework import serializers

from provisioning import models
from provisioning.api.serializers.base import AorField, Named, Validated, example
from provisioning.uri import BadUri


@example(name="example.org", description="Head office")
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


@example(domain="example.org", user="alice", name="Alice Adams", password="correct horse", enabled=True)
class PersonaSerializer(Validated):
    """A user; password and PIN can be set, never read."""

    domain = Named(slug_field="name", queryset=models.Domain.objects.all())
    password = serializers.CharField(write_only=True, required=False, max_length=256, trim_whitespace=False)
    has_password = serializers.BooleanField(read_only=True)
    pin = serializers.CharField(write_only=True, required=False, help_text="For the phone pages: 4 to 12 digits.")
    aliases = serializers.SlugRelatedField(slug_field="uri", many=True, read_only=True)
    delegates = Named(slug_field="aor", many=True, required=False, queryset=models.Persona.objects.all())

    class Meta:
        model = models.Persona
        fields = [
            "id", "aor", "domain", "user", "name", "enabled", "confirm_watchers", "offline_messages", "timeline",
            "publish_policy", "delegates", "aliases", "password", "has_password", "pin",
        ]  # fmt: skip
        read_only_fields = ["aor"]

    def validate_pin(self, pin: str) -> str:
        """Digits, as the model says."""
        models.Persona.validate_pin(pin)
        return pin

    def create(self, validated_data: dict[str, Any]) -> models.Persona:
        """Keep digest secrets only, and the hash of the PIN."""
        delegates = validated_data.pop("delegates", [])
        persona = self.filled(models.Persona(), validated_data)
        persona.save()
        persona.delegates.set(delegates)
        return persona

    def update(self, instance: models.Persona, validated_data: dict[str, Any]) -> models.Persona:
        """A new user part or domain voids the password unless a new one comes along (D-50)."""
        delegates = validated_data.pop("delegates", None)
        persona = self.filled(instance, validated_data)
        persona.save()
        if delegates is not None:
            persona.delegates.set(delegates)
        return persona

    @staticmethod
    def filled(persona: models.Persona, values: dict[str, Any]) -> models.Persona:
        """The row with these values, secrets included; not saved."""
        password, pin = values.pop("password", None), values.pop("pin", None)
        before = (persona.user, persona.domain_id)
        for name, value in values.items():
            setattr(persona, name, value)
        persona.user = persona.computed_aor().user
        if password:
            persona.set_password(password)
        elif (persona.user, persona.domain_id) != before:
            persona.clear_password()
        if pin:
            persona.set_pin(pin)
        return persona


class OneOfManySerializer(PersonaSerializer):
    """A user in a request about many: what has to be asked of the tables is asked for all of them at once."""

    class Meta(PersonaSerializer.Meta):
        validators: list[Any] = []

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The user part has to make an address."""
        row = models.Persona(**self._columns(attrs))
        try:
            row.aor = row.computed_aor()
        except BadUri as error:
            raise serializers.ValidationError({"user": f"This makes no SIP address: {error}"}) from None
        attrs["aor"] = row.aor
        return attrs


@example(uri="sip:alice.adams@example.org", persona="sip:alice@example.org")
class AliasSerializer(Validated):
    """An address that leads to a user."""

    uri = AorField()
    persona = serializers.SlugRelatedField(slug_field="aor", queryset=models.Persona.objects.all())
    is_aor = serializers.BooleanField(read_only=True)

    class Meta:
        model = models.Alias
        fields = ["id", "uri", "persona", "is_aor"]

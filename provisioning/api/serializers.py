"""Provisioning as JSON; the models validate."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from provisioning import models
from provisioning.choices import DeviceKind
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


class Parts(serializers.ModelSerializer):
    """A row with parts of its own: given, they replace those that are there; left out, those stay."""

    parts: tuple[str, str]
    "Name of the related rows, and of their column that leads back."

    def create(self, validated_data: dict[str, Any]) -> Any:
        """The row, then its parts."""
        rows = validated_data.pop(self.parts[0], [])
        with transaction.atomic():
            return self._replace(super().create(validated_data), rows)

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        """The row, then its parts if they are given."""
        rows = validated_data.pop(self.parts[0], None)
        with transaction.atomic():
            instance = super().update(instance, validated_data)
            return instance if rows is None else self._replace(instance, rows)

    def _replace(self, instance: Any, rows: list[dict[str, Any]]) -> Any:
        related = getattr(instance, self.parts[0])
        related.all().delete()
        made = []
        for number, values in enumerate(rows, 1):
            row = related.model(**{self.parts[1]: instance, **values})
            if hasattr(row, "position"):
                row.position = number
            try:
                row.clean()
            except ValidationError as error:
                raise serializers.ValidationError({self.parts[0]: error.messages}) from None
            made.append(row)
        try:
            with transaction.atomic():
                related.model.objects.bulk_create(made)
        except IntegrityError:
            raise serializers.ValidationError({self.parts[0]: "One of them stands there twice."}) from None
        getattr(instance, "_prefetched_objects_cache", {}).clear()
        return instance


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
    """A user; password and PIN can be set, never read."""

    domain = serializers.SlugRelatedField(slug_field="name", queryset=models.Domain.objects.all())
    password = serializers.CharField(write_only=True, required=False, max_length=256, trim_whitespace=False)
    has_password = serializers.BooleanField(read_only=True)
    pin = serializers.CharField(write_only=True, required=False, help_text="For the phone pages: 4 to 12 digits.")
    aliases = serializers.SlugRelatedField(slug_field="uri", many=True, read_only=True)
    delegates = serializers.SlugRelatedField(
        slug_field="aor", many=True, required=False, queryset=models.Persona.objects.all()
    )

    class Meta:
        model = models.Persona
        fields = [
            "id", "aor", "domain", "user", "name", "enabled", "confirm_watchers", "offline_messages", "publish_policy",
            "delegates", "aliases", "password", "has_password", "pin",
        ]  # fmt: skip
        read_only_fields = ["aor"]

    def validate_pin(self, pin: str) -> str:
        """Digits, as the model says."""
        models.Persona.validate_pin(pin)
        return pin

    def create(self, validated_data: dict[str, Any]) -> models.Persona:
        """Keep digest secrets only, and the hash of the PIN."""
        password = validated_data.pop("password", None)
        pin = validated_data.pop("pin", None)
        delegates = validated_data.pop("delegates", [])
        persona = models.Persona(**validated_data)
        persona.user = persona.computed_aor().user
        if password:
            persona.set_password(password)
        if pin:
            persona.set_pin(pin)
        persona.save()
        persona.delegates.set(delegates)
        return persona

    def update(self, instance: models.Persona, validated_data: dict[str, Any]) -> models.Persona:
        """A new user part or domain voids the password unless a new one comes along (D-50)."""
        password = validated_data.pop("password", None)
        pin = validated_data.pop("pin", None)
        delegates = validated_data.pop("delegates", None)
        before = (instance.user, instance.domain_id)
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.user = instance.computed_aor().user
        if password:
            instance.set_password(password)
        elif (instance.user, instance.domain_id) != before:
            instance.clear_password()
        if pin:
            instance.set_pin(pin)
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
        fields = [
            "id", "client_type", "client_version", "audio", "video", "text", "one_message_per_read", "md5_only",
            "linphone_lists",
        ]  # fmt: skip


class ReachabilityRuleSerializer(Validated):
    """A reachability rule."""

    class Meta:
        model = models.ReachabilityRule
        fields = ["id", "position", "condition", "state"]


class AdvertisedAddressSerializer(serializers.ModelSerializer):
    """What a listener is called by peers of one network."""

    class Meta:
        model = models.AdvertisedAddress
        fields = ["network", "address"]


class ListenerSerializer(Parts, Validated):
    """An address that edges listen on; `advertisements`, when given, replace those that are there."""

    parts = ("advertisements", "listener")
    advertisements = AdvertisedAddressSerializer(many=True, required=False)

    class Meta:
        model = models.Listener
        fields = [
            "id", "transport", "host", "port", "role", "authentication", "advertised", "client_certificates",
            "advertisements",
        ]  # fmt: skip


class TrustedPeerSerializer(Validated):
    """Who may speak to an engine listener."""

    class Meta:
        model = models.TrustedPeer
        fields = ["id", "network", "tls_name", "description", "automatic"]
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
        fields = [
            "id", "allow_by_default", "legacy_dialects", "legacy_digest", "digest_sha256", "digest_md5",
            "list_interval", "relay_message_reports", "message_limit", "offline_limit", "offline_lifetime",
            "message_log", "message_log_days", "method_event_routing",
        ]  # fmt: skip


class MessengerSettingsSerializer(Validated):
    """What the messenger goes by."""

    class Meta:
        model = models.MessengerSettings
        fields = [
            "id", "enabled", "subscription_duration", "grace", "contacts", "messages", "refresh_interval",
            "session_timer",
        ]  # fmt: skip


class CannedMessageSerializer(Validated):
    """A text that is chosen instead of typed; without an owner it is offered to everybody."""

    owner = serializers.SlugRelatedField(
        slug_field="aor", queryset=models.Persona.objects.all(), required=False, allow_null=True
    )

    class Meta:
        model = models.CannedMessage
        fields = ["id", "owner", "text", "position"]


class PeerLimitsSerializer(Validated):
    """What one address or one user may take."""

    class Meta:
        model = models.PeerLimits
        fields = [
            "id", "connections", "half_open", "transactions", "wrong_of_user", "wrong_of_address", "first_block",
            "longest_block", "publish_rate", "message_rate",
        ]  # fmt: skip


class LimitExemptionSerializer(Validated):
    """Addresses that the limits do not concern."""

    class Meta:
        model = models.LimitExemption
        fields = ["id", "network", "description"]


class StaticRouteSerializer(Validated):
    """A next hop by domain or number."""

    class Meta:
        model = models.StaticRoute
        fields = [
            "id", "kind", "pattern", "next_hop", "port", "transport", "priority", "weight", "less_specific",
            "in_service", "description",
        ]  # fmt: skip


class MethodRouteSerializer(Validated):
    """Which server answers a method or an event package."""

    class Meta:
        model = models.MethodRoute
        fields = ["id", "name", "kind", "token", "next_hop", "port", "transport", "description"]


class OutboundRuleSerializer(Validated):
    """Whether users of ours may reach some domains."""

    class Meta:
        model = models.OutboundRule
        fields = ["id", "pattern", "allow", "description"]


class UriAclEntrySerializer(serializers.ModelSerializer):
    """A watcher or a domain of watchers, and what becomes of them."""

    class Meta:
        model = models.UriAclEntry
        fields = ["kind", "value", "effect"]


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


class ResourceListMemberSerializer(serializers.ModelSerializer):
    """A presentity or another list."""

    uri = AorField()

    class Meta:
        model = models.ResourceListMember
        fields = ["uri", "name"]


class ResourceListSerializer(Parts, Validated):
    """A list with a URI of its own; `members`, when given, replace those that are there, in their order."""

    parts = ("members", "list")
    uri = AorField(validators=[UniqueValidator(models.ResourceList.objects.all())])
    owner = serializers.SlugRelatedField(
        slug_field="aor", queryset=models.Persona.objects.all(), required=False, allow_null=True
    )
    members = ResourceListMemberSerializer(many=True, required=False)

    class Meta:
        model = models.ResourceList
        fields = ["id", "uri", "owner", "name", "members"]


class ForeignServerSerializer(Validated):
    """A presence server elsewhere."""

    class Meta:
        model = models.ForeignServer
        fields = [
            "id", "name", "address", "transport", "domain", "expires", "shared_identity", "identity", "call_manager",
            "enabled",
        ]  # fmt: skip


class ForeignMappingSerializer(Validated):
    """A component of a user's state that a foreign server holds."""

    persona = serializers.SlugRelatedField(slug_field="aor", queryset=models.Persona.objects.all())
    foreign = AorField()
    server = serializers.SlugRelatedField(slug_field="name", queryset=models.ForeignServer.objects.all())

    class Meta:
        model = models.ForeignMapping
        fields = ["id", "persona", "foreign", "server", "priority"]


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

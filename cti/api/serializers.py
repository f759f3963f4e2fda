"""Lines, application users and the gateway's settings as JSON; the models validate."""

from typing import Any

from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from cti.csta.devices import BadDevice, canonical
from cti.models import ApplicationUser, CtiSettings, Line
from provisioning.api.serializers.base import AorField, Validated, example
from provisioning.models import Persona


class DeviceField(serializers.CharField):
    """A number, tel URI or SIP URI; any spelling in, the canonical one out."""

    def to_internal_value(self, data: Any) -> str:
        """Read it."""
        try:
            return canonical(super().to_internal_value(data))
        except BadDevice as error:
            raise serializers.ValidationError(str(error)) from None


@example(uri="2001", owner="sip:alice@example.org", device="SEP0002FD3BB5C5")
class LineSerializer(Validated):
    """A line."""

    uri = DeviceField(validators=[UniqueValidator(Line.objects.all())])
    owner = serializers.SlugRelatedField(
        slug_field="aor", queryset=Persona.objects.all(), required=False, allow_null=True
    )

    class Meta:
        model = Line
        fields = ["id", "uri", "owner", "switch", "device", "control_link", "may_call", "takes_calls"]


@example(name="switchboard", password="correct horse", controls_all=True)
class ApplicationUserSerializer(Validated):
    """A program that logs in by itself; the password can be set, never read."""

    password = serializers.CharField(write_only=True, required=False, max_length=256, trim_whitespace=False)
    lines = serializers.SlugRelatedField(slug_field="uri", queryset=Line.objects.all(), many=True, required=False)

    class Meta:
        model = ApplicationUser
        fields = ["id", "name", "password", "controls_all", "lines"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Only the hash of the password reaches the row."""
        password = attrs.pop("password", None)
        attrs = super().validate(attrs)
        if password is not None:
            user = ApplicationUser()
            user.set_password(password)
            attrs["password_hash"] = user.password_hash
        return attrs


class CtiSettingsSerializer(Validated):
    """The gateway's settings."""

    gateway_uri = AorField(required=False, allow_blank=True)

    class Meta:
        model = CtiSettings
        fields = ["id", "session_timer", "heartbeat", "dnd_is_presence", "gateway_uri"]

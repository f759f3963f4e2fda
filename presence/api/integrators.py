"""REST for programs that act as somebody: what they see, what they publish, what they send."""

from typing import Any

from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from presence.engine.writing import ACTIVITIES, STATES, Statement
from presence.identity import Account, Identity, identify
from provisioning import snapshot
from provisioning.api.serializers.base import example
from provisioning.models import Integrator
from provisioning.policy import Policy
from provisioning.snapshot import parts, users
from provisioning.uri import Aor, BadUri


class Acts(BasePermission):
    """Staff with the right to see as anybody, or to act as anybody; or an account that is bound to an identity."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whoever may do this here."""
        if not request.user or not request.user.is_authenticated:
            return False
        if is_bound(request):
            return True
        account = Account.of(request.user)
        return account.sees_as_all if request.method in SAFE_METHODS else account.acts_as_all


def is_bound(request: Request) -> bool:
    """The account has an identity of its own."""
    return Integrator.objects.filter(user_id=request.user.pk).exists()


def identity_of(request: Request) -> Identity:
    """As whom the request is made: `as`, else as whom the account is bound to act. Raises NotAuthorised."""
    text = request.query_params.get("as", "")
    wanted = parse(text, "as") if text else None
    policy = snapshot.refresh(Policy(), [parts.INTEGRATORS])
    return identify(Account.of(request.user), wanted, policy, users.find)


def parse(text: str, field: str) -> Aor:
    """An address of the request; raises ValidationError."""
    try:
        return Aor.parse(text)
    except BadUri as error:
        raise serializers.ValidationError({field: str(error)}) from None


class SeenDeviceSerializer(serializers.Serializer):
    """One device, as far as the watcher may see it."""

    id = serializers.CharField()
    open = serializers.BooleanField()
    audio = serializers.BooleanField()
    video = serializers.BooleanField()
    text = serializers.BooleanField()
    idle = serializers.BooleanField()
    contact = serializers.CharField()


class SeenSerializer(serializers.Serializer):
    """What a watcher sees of a presentity."""

    aor = serializers.CharField()
    subscription = serializers.CharField()
    state = serializers.CharField()
    label = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    activities = serializers.ListField(child=serializers.CharField())
    note = serializers.CharField()
    devices = SeenDeviceSerializer(many=True)
    etag = serializers.CharField()


@example(source="Calendar", activities=["meeting"], note="Back at 3", expires=3600)
class ComponentSerializer(serializers.Serializer):
    """A component of state: a device, a calendar, a door badge."""

    source = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=100, help_text="Its priority goes by this."
    )
    state = serializers.ChoiceField(
        sorted(STATES), required=False, default="", allow_blank=True, help_text="A state of the person."
    )
    activities = serializers.ListField(
        child=serializers.ChoiceField(sorted(ACTIVITIES)), required=False, default=list, max_length=10
    )
    note = serializers.CharField(required=False, default="", allow_blank=True, max_length=500)
    open = serializers.BooleanField(required=False, default=True)
    audio = serializers.BooleanField(required=False, default=False)
    video = serializers.BooleanField(required=False, default=False)
    text = serializers.BooleanField(required=False, default=False)
    idle = serializers.BooleanField(required=False, default=False)
    contact = serializers.CharField(required=False, default="", allow_blank=True, max_length=300)
    expires = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, help_text="Seconds; bounds: the method “rest”."
    )

    def statement(self) -> tuple[Statement, int | None]:
        """What is said, and for how long."""
        values = dict(self.validated_data)
        expires = values.pop("expires")
        values["source"] = " ".join(values["source"].split())
        return Statement(**{**values, "activities": tuple(dict.fromkeys(values["activities"]))}), expires


class PublishedSerializer(serializers.Serializer):
    """What became of a component; its entity tag is in the header ETag, too."""

    etag = serializers.CharField()
    expires = serializers.IntegerField()


@example(to="sip:bob@example.org", text="Coffee?")
class MessageSerializer(serializers.Serializer):
    """A message to somebody."""

    to = serializers.CharField()
    text = serializers.CharField(trim_whitespace=False, max_length=65_536)


class SentSerializer(serializers.Serializer):
    """What became of a message."""

    status = serializers.IntegerField(help_text="As in SIP: 200 is delivered, 202 is kept for later.")
    reason = serializers.CharField()

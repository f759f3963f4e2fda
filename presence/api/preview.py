"""What would change, for whom, if something were saved or deleted, as JSON.

A resource of its own, and no parameter of the others: a slip of the pen in its name saves nothing.
"""

from typing import Any

from django.db.models import Model, ProtectedError
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from presence.impact import OUTCOMES, Impact
from presence.models import Subscription
from presence.previewing import SUBSCRIPTIONS, preview, who_is_affected
from provisioning.api import views

RESOURCES: dict[str, Any] = {
    "uri-acls": views.UriAclViewSet,
    "privacy-lists": views.PrivacyListViewSet,
    "watcher-filters": views.WatcherFilterViewSet,
    "sources": views.SourcePriorityViewSet,
    "reachability-rules": views.ReachabilityRuleViewSet,
    "capabilities": views.UserAgentCapabilityViewSet,
    "device-types": views.DeviceTypeViewSet,
    "users": views.PersonaViewSet,
    "settings": views.EngineSettingsViewSet,
}
"Those whose changes can be previewed (`presence.concern.MODELS`), as they are called in this API."

CREATE, UPDATE, DELETE = "create", "update", "delete"

RIGHTS = {CREATE: "add", UPDATE: "change", DELETE: "delete"}

LISTED = 1000
"Affected ones in an answer; `counts` are of all."


class ChangeSerializer(serializers.Serializer):
    """A change that is not made."""

    resource = serializers.ChoiceField(list(RESOURCES), help_text="As in the addresses of this API.")
    action = serializers.ChoiceField([CREATE, UPDATE, DELETE])
    id = serializers.IntegerField(
        required=False, allow_null=True, default=None, help_text="Of the row; left out to create one."
    )
    values = serializers.DictField(
        required=False,
        default=dict,
        help_text="The fields as the resource takes them; for an update those that change. None for a deletion.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What belongs to the action, and nothing else."""
        if attrs["action"] == CREATE and attrs["id"] is not None:
            raise serializers.ValidationError({"id": "A row that is created has none yet."})
        if attrs["action"] != CREATE and attrs["id"] is None:
            raise serializers.ValidationError({"id": "Say which row."})
        if attrs["action"] == DELETE and attrs["values"]:
            raise serializers.ValidationError({"values": "A deletion has none."})
        return attrs


class AffectedSerializer(serializers.Serializer):
    """Somebody for whom something changes."""

    outcome = serializers.ChoiceField(list(OUTCOMES))
    reason = serializers.CharField(help_text="Of an end, as Subscription-State will say it: rejected, noresource.")
    watcher = serializers.CharField()
    presentity = serializers.CharField()
    through = serializers.CharField(help_text="The list that it is subscribed to; empty when it is none.")
    user_agent = serializers.CharField()
    before = serializers.CharField(help_text="The state that it is shown, in words; empty when it is shown none.")
    after = serializers.CharField()
    differences = serializers.ListField(child=serializers.CharField(), help_text="Between the two documents, in words.")
    text = serializers.CharField(help_text="All of it in one sentence.")


class CountsSerializer(serializers.Serializer):
    """How many there are of each."""

    ended = serializers.IntegerField()
    politely_blocked = serializers.IntegerField()
    pending = serializers.IntegerField()
    changed = serializers.IntegerField()
    allowed = serializers.IntegerField()


class ImpactSerializer(serializers.Serializer):
    """What would become of those who are subscribed now."""

    counts = CountsSerializer()
    unchanged = serializers.IntegerField(help_text="Pairs of watcher and presentity for whom nothing changes.")
    live = serializers.IntegerField(help_text="Live subscriptions that the change can touch.")
    looked_at = serializers.IntegerField(help_text=f"Of these; at most {SUBSCRIPTIONS}, fewer where lists are long.")
    complete = serializers.BooleanField(help_text="Whether all of them were looked at.")
    affected = AffectedSerializer(many=True, help_text=f"The worst first; at most {LISTED}.")


class PreviewViewSet(viewsets.ViewSet):
    """Previews of changes."""

    queryset = Subscription.objects.none()  # who may see subscriptions may learn what becomes of them
    rights = {"POST": "view"}

    @extend_schema(operation_id="preview", request=ChangeSerializer, responses={200: ImpactSerializer})
    def create(self, request: Request) -> Response:
        """What would change, for whom, by this change; nothing is saved, and nobody is told."""
        given = ChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        resource = RESOURCES[wanted["resource"]]
        _check(request, resource, wanted["action"])
        row = get_object_or_404(resource.queryset, pk=wanted["id"]) if wanted["id"] is not None else None
        if wanted["action"] == DELETE and row is not None:
            found = _deleted(row)
        else:
            found = _saved(request, resource, row, wanted["values"])
        return Response(ImpactSerializer(as_fields(found)).data)


def as_fields(found: Impact) -> dict[str, Any]:
    """As REST shows it."""
    return {
        "counts": found.counts(),
        "unchanged": found.unchanged,
        "live": found.live,
        "looked_at": found.looked_at,
        "complete": found.complete,
        "affected": found.affected[:LISTED],
    }


def _check(request: Request, resource: Any, action: str) -> None:
    """The right that the change itself needs."""
    table = resource.queryset.model._meta
    if not request.user.has_perm(f"{table.app_label}.{RIGHTS[action]}_{table.model_name}"):
        raise exceptions.PermissionDenied
    if not hasattr(resource, f"perform_{'destroy' if action == DELETE else action}"):
        raise serializers.ValidationError({"action": "These rows can only be changed."})


def _saved(request: Request, resource: Any, row: Model | None, values: dict[str, Any]) -> Impact:
    made = resource.serializer_class(row, data=values, partial=row is not None, context={"request": request})
    try:
        made.is_valid(raise_exception=True)
        ids = [row.pk] if row is not None else []
        found = preview(resource.queryset.model, ids, lambda: [made.save().pk], timezone.now())
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"values": error.detail}) from None
    assert found is not None, "a change is made or raises"
    return found


def _deleted(row: Model) -> Impact:
    try:
        return who_is_affected(type(row), [row.pk], row.delete, timezone.now())
    except ProtectedError as error:
        raise serializers.ValidationError({"id": str(error)}) from None

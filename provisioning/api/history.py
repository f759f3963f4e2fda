"""Histories by REST: the versions of one object, back to one of them, and all changes over all tables."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import exceptions, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from provisioning.api.errors import Conflict
from provisioning.history import reading, reverting
from provisioning.history.doors import Door
from provisioning.history.reading import BY_KIND, Changes, Entry, Wanted, may
from provisioning.models import RecordedChange

LONGEST = 320
"Characters of a filter: an address has no more."

HIGHEST = 2**63 - 1
"Of ids in a database."


class AlteredSerializer(serializers.Serializer):
    """A row of a part that stayed and says something else."""

    name = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


class DifferenceSerializer(serializers.Serializer):
    """One field, one secret or one part that is not as it was, in words."""

    field = serializers.CharField()
    label = serializers.CharField()
    before = serializers.CharField(help_text="Empty for a new row, for secrets and for parts.")
    after = serializers.CharField(help_text="Of a secret: `set` or `removed`.")
    added = serializers.ListField(child=serializers.CharField(), help_text="Rows of a part.")
    removed = serializers.ListField(child=serializers.CharField())
    altered = serializers.SerializerMethodField()
    moved = serializers.BooleanField(help_text="The rows have another order.")

    @extend_schema_field(AlteredSerializer(many=True))
    def get_altered(self, one: Any) -> list[dict[str, str]]:
        """By name."""
        return [{"name": name, "before": before, "after": after} for name, before, after in one.altered]


class VersionSerializer(serializers.Serializer):
    """A version of an object: who made it, by which door, what it has changed."""

    version = serializers.IntegerField(source="version.history_id")
    at = serializers.DateTimeField(source="version.history_date")
    action = serializers.ChoiceField(list(BY_KIND), source="kind")
    who = serializers.CharField(
        source="version.history_actor", help_text="Name of an account, address of a user, or name of a file."
    )
    door = serializers.ChoiceField(Door.choices, source="version.history_door")
    reason = serializers.SerializerMethodField()
    label = serializers.CharField(source="version.history_label", help_text="What the object was called then.")
    incomplete = serializers.BooleanField(
        help_text="What was changed is not known: the version before it was deleted by age."
    )
    differences = DifferenceSerializer(many=True)

    def get_reason(self, entry: Entry) -> str:
        """Empty for none."""
        return str(entry.version.history_change_reason or "")


class ChangeSerializer(VersionSerializer):
    """A version with the object that it is of."""

    table = serializers.CharField(help_text="As `provisioning.uriacl`.")
    id = serializers.IntegerField(source="key", help_text="Of the object.")


class RevertedSerializer(serializers.Serializer):
    """What going back has done."""

    label = serializers.CharField(help_text="What the object is called now.")
    brought_back = serializers.BooleanField(help_text="It had been deleted.")
    differences = DifferenceSerializer(many=True)
    notes = serializers.ListField(child=serializers.CharField(), help_text="What could not come back with it.")


class DryRunSerializer(serializers.Serializer):
    """Whether it is only tried."""

    dry_run = serializers.BooleanField(
        required=False, default=False, help_text="Say what would change, change nothing."
    )


class Histories(viewsets.GenericViewSet):
    """Mixed into the resources of tables that have a history."""

    @extend_schema(responses=VersionSerializer(many=True))
    @action(detail=True, filter_backends=[], serializer_class=VersionSerializer)
    def history(self, request: Request, **named: str) -> Response:
        """All versions of one object, also of one that was deleted, newest first."""
        model = self.queryset.model  # type: ignore[union-attr]
        page = self.paginate_queryset(_versions(model, named[self.lookup_url_kwarg or self.lookup_field]))
        if not page:
            raise Http404
        return self.get_paginated_response(VersionSerializer(reading.entries(model, page), many=True).data)

    @extend_schema(request=DryRunSerializer, responses=RevertedSerializer)
    @action(
        detail=True,
        methods=["post"],
        url_path=r"history/(?P<version>[^/]+)/revert",
        pagination_class=None,
        filter_backends=[],
        serializer_class=DryRunSerializer,
    )
    def revert(self, request: Request, version: str, **named: str) -> Response:
        """Back to this version, or back from deletion, by the checks of any other change; 409 says why not."""
        model = self.queryset.model  # type: ignore[union-attr]
        found = (
            _versions(model, named[self.lookup_url_kwarg or self.lookup_field])
            .filter(history_id=_number(version))
            .first()
        )
        if found is None:
            raise Http404
        asked = DryRunSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        plan = reverting.plan(model, found)
        if not plan.there and not may(request.user, model, "add"):
            raise exceptions.PermissionDenied
        if plan.problems:
            raise Conflict(" ".join(plan.problems))
        label = found.history_label
        if plan.possible and not asked.validated_data["dry_run"]:
            try:
                label = str(reverting.revert(model, found))
            except reverting.Refused as refused:
                raise Conflict(str(refused)) from None
        done = {"label": label, "brought_back": not plan.there, "differences": plan.differences, "notes": plan.notes}
        return Response(RevertedSerializer(done).data)


class WantedSerializer(serializers.Serializer):
    """Which changes are asked for."""

    who = serializers.CharField(required=False, max_length=LONGEST, help_text="Part of who it was.")
    table = serializers.CharField(required=False, max_length=LONGEST, help_text="As `provisioning.uriacl`.")
    id = serializers.IntegerField(
        required=False, min_value=1, max_value=HIGHEST, help_text="Of an object; with `table`."
    )
    object = serializers.CharField(
        source="text", required=False, max_length=LONGEST, help_text="Part of what the object was called."
    )
    door = serializers.ChoiceField(Door.choices, required=False)
    action = serializers.ChoiceField(list(BY_KIND), source="kind", required=False)
    since = serializers.DateTimeField(required=False, help_text="Not before.")
    until = serializers.DateTimeField(required=False, help_text="Before.")


class ChangeViewSet(viewsets.GenericViewSet):
    """The latest changes over all tables that the account may view."""

    queryset = RecordedChange.objects.none()
    serializer_class = ChangeSerializer
    filter_backends = []

    @extend_schema(parameters=[WantedSerializer], responses=ChangeSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Newest first."""
        asked = WantedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        tables = reading.visible(request.user)
        if asked.validated_data.get("table", "") not in ("", *(model._meta.label_lower for model in tables)):
            raise serializers.ValidationError({"table": "There is no such table with a history that you may view."})
        page = self.paginate_queryset(Changes(tables, Wanted(**asked.validated_data)))
        return self.get_paginated_response(ChangeSerializer(page, many=True).data)


def _versions(model: Any, key: str) -> Any:
    return reading.of_object(model, _number(key))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 19 or int(text) > HIGHEST:
        raise Http404
    return int(text)

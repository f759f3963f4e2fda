"""Time lines as JSON: a user's state at a time, what made it so, and who was told."""

from typing import Any

from django.utils import timezone
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from presence import timeline
from presence.engine.errors import UnknownPresentity
from presence.models import TimelineEntry
from provisioning.api.serializers.base import AorField
from provisioning.snapshot import users


class TimelineQuerySerializer(serializers.Serializer):
    """Whose time line, of which time."""

    persona = AorField(help_text="Any address of the user.")
    at = serializers.DateTimeField(required=False, help_text="The state at this time; without it, now.")

    def get_fields(self) -> dict[str, Any]:
        """With the two whose names no attribute can have."""
        return {
            **super().get_fields(),
            "from": serializers.DateTimeField(required=False, help_text="Entries from this time on."),
            "to": serializers.DateTimeField(required=False, help_text="Entries up to this time."),
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A time that goes forward."""
        if "from" in attrs and "to" in attrs and attrs["from"] > attrs["to"]:
            raise serializers.ValidationError({"to": "This is before “from”."})
        return attrs


class TimelineEntrySerializer(serializers.ModelSerializer):
    """Something that happened."""

    watchers = serializers.SerializerMethodField(help_text=f"Those who were told; at most {timeline.ADDRESSES}.")

    class Meta:
        model = TimelineEntry
        fields = ["at", "what", "detail", "before", "after", "count", "watchers", "edge"]

    def get_watchers(self, entry: TimelineEntry) -> list[str]:
        """As a list."""
        return entry.addresses


class MomentSerializer(serializers.Serializer):
    """A state at a time."""

    at = serializers.DateTimeField()
    state = serializers.CharField(help_text="In words; empty when nothing is known of that time.")
    since = serializers.DateTimeField(allow_null=True)
    cause = TimelineEntrySerializer(allow_null=True, help_text="What made it so.")
    told = TimelineEntrySerializer(allow_null=True, help_text="Who was told of it first.")


class TimelineSerializer(serializers.Serializer):
    """A part of a user's time line."""

    persona = serializers.CharField()
    moment = MomentSerializer()
    entries = TimelineEntrySerializer(many=True, help_text=f"The newest first; at most {timeline.SHOWN}.")
    more = serializers.BooleanField(help_text="Whether there are older ones in this time that are left off.")


class TimelineViewSet(viewsets.ViewSet):
    """Time lines of users."""

    queryset = TimelineEntry.objects.none()

    @extend_schema(
        operation_id="timeline",
        parameters=[TimelineQuerySerializer],
        responses=forced_singular_serializer(TimelineSerializer),  # one, although the method is called list
    )
    def list(self, request: Request) -> Response:
        """What happened to a user's state, and the state at a time."""
        given = TimelineQuerySerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        persona = users.find(wanted["persona"])
        if persona is None:
            raise UnknownPresentity(f"no user has the address {wanted['persona']}")
        entries, more = timeline.between(persona.id, wanted.get("from"), wanted.get("to"))
        found = {
            "persona": persona.aor,
            "moment": timeline.state_at(persona.id, wanted.get("at") or timezone.now()),
            "entries": entries,
            "more": more,
        }
        return Response(TimelineSerializer(found).data)

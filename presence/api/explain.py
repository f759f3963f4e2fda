"""What any watcher sees of any presentity, and why, as JSON (DESIGN section 7)."""

from typing import Any

from django.utils import timezone
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from presence import explaining
from presence.engine.explain import Step
from presence.explanation import Explanation
from presence.models import LiveState
from presence.references import Viewer, links
from provisioning.api.serializers.base import AorField


class QuestionSerializer(serializers.Serializer):
    """Who asks for whom, and with what."""

    watcher = AorField(help_text="Address of the watcher, as an edge would take it.")
    presentity = AorField(help_text="The address that is asked for: of a user, a list or a foreign presentity.")
    user_agent = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=explaining.CLIENT,
        help_text="The watcher's client; without it, that of its newest live subscription to this address.",
    )


class DetailSerializer(serializers.Serializer):
    """A fact."""

    name = serializers.CharField()
    value = serializers.CharField()


class LinkSerializer(serializers.Serializer):
    """A row that decided."""

    kind = serializers.CharField(help_text="The resource, as it is called in this API.")
    name = serializers.CharField()
    url = serializers.CharField(help_text="Its page in the admin; empty without the right to see it.")


class ExplainedStepSerializer(serializers.Serializer):
    """One thing that counted, or was found not to."""

    stage = serializers.CharField()
    subject = serializers.CharField()
    text = serializers.CharField()
    statement = serializers.CharField(help_text="What it follows, by the names in docs/conformance.md.")
    counts = serializers.BooleanField(help_text="Whether it has a part in the result.")
    details = DetailSerializer(many=True)
    decided_by = LinkSerializer(many=True)


class ExplanationSerializer(serializers.Serializer):
    """What a watcher is told now, and why."""

    watcher = serializers.CharField()
    presentity = serializers.CharField()
    user_agent = serializers.CharField(help_text="The one that was gone by.")
    kind = serializers.CharField(help_text="user, list, foreign; empty for an address that leads nowhere.")
    effect = serializers.CharField(help_text="allow, block, polite_block, confirm; unknown.")
    answer = serializers.IntegerField(help_text="The status that a SUBSCRIBE gets.")
    state = serializers.CharField()
    label = serializers.CharField()
    subscriptions = serializers.IntegerField(help_text="Live subscriptions of this watcher that tell about it.")
    document = serializers.CharField(help_text="As it would be sent; empty for a refusal and for a list.")
    steps = ExplainedStepSerializer(many=True)


class ExplainViewSet(viewsets.ViewSet):
    """Explanations."""

    queryset = LiveState.objects.none()  # who may look at live state may ask why it is seen so

    @extend_schema(
        operation_id="explain",
        parameters=[QuestionSerializer],
        responses=forced_singular_serializer(ExplanationSerializer),  # one, although the method is called list
    )
    def list(self, request: Request) -> Response:
        """What this watcher with this client sees of the presentity now, step by step."""
        given = QuestionSerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        found = explaining.explain(asked["watcher"], asked["presentity"], asked["user_agent"], timezone.now())
        return Response(as_json(found, request.user))


def as_json(found: Explanation, viewer: Viewer) -> dict[str, Any]:
    """As REST shows it."""
    return {
        "watcher": found.question.watcher,
        "presentity": found.question.uri,
        "user_agent": found.question.user_agent,
        "kind": found.kind,
        "effect": found.effect,
        "answer": found.answer,
        "state": found.state,
        "label": found.label,
        "subscriptions": found.subscriptions,
        "document": found.body.decode(),
        "steps": [step_as_json(step, viewer) for step in found.steps],
    }


def step_as_json(step: Step, viewer: Viewer) -> dict[str, Any]:
    """One of its steps."""
    return {
        "stage": step.stage,
        "subject": step.subject,
        "text": step.text,
        "statement": step.statement,
        "counts": step.counts,
        "details": [{"name": name, "value": value} for name, value in step.details],
        "decided_by": [link._asdict() for link in links(step.decided_by, viewer)],
    }

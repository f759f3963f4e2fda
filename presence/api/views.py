"""Live presence as JSON: what administrators and integrators see, and what integrators publish."""

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from presence import draining, explaining, live, publishing, webhooks
from presence.api.acts import NoEdge
from presence.api.explain import ExplainedStepSerializer, step_as_json
from presence.api.integrators import (
    Acts,
    ComponentSerializer,
    PublishedSerializer,
    SeenSerializer,
    identity_of,
    is_bound,
    parse,
)
from presence.engine.errors import UnknownPresentity
from presence.models import EdgeLease, LiveState, WebhookDelivery
from presence.seen import ENDED
from provisioning import asking, snapshot
from provisioning.announce import announce
from provisioning.api.errors import BadGateway, Conflict
from provisioning.api.media import raw
from provisioning.api.serializers.base import AorField
from provisioning.history import recording
from provisioning.models import PrivacyList
from provisioning.models.access import decide
from provisioning.policy import Policy
from provisioning.snapshot import users
from provisioning.uri import Aor, BadUri


class DeviceSerializer(serializers.Serializer):
    """One device of a user."""

    id = serializers.CharField()
    open = serializers.BooleanField()
    audio = serializers.BooleanField()
    video = serializers.BooleanField()
    text = serializers.BooleanField()
    user_agent = serializers.CharField()
    source = serializers.CharField(allow_null=True)
    priority = serializers.IntegerField()
    expires_at = serializers.DateTimeField(allow_null=True)


class PresenceSerializer(serializers.Serializer):
    """A user's composed state."""

    aor = serializers.CharField()
    name = serializers.CharField()
    state = serializers.CharField()
    label = serializers.CharField()
    rule = serializers.CharField(allow_null=True)
    since = serializers.DateTimeField(allow_null=True)
    activities = serializers.ListField(child=serializers.CharField())
    devices = DeviceSerializer(many=True)


class WatcherSerializer(serializers.Serializer):
    """Somebody who watches a user."""

    watcher = serializers.CharField()
    uri = serializers.CharField()
    state = serializers.CharField()
    effect = serializers.CharField()
    why = serializers.CharField()
    user_agent = serializers.CharField()
    since = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class DecisionSerializer(serializers.Serializer):
    """A user's word about a watcher."""

    watcher = AorField()
    effect = serializers.ChoiceField(["allow", "block"])


class PreviewSerializer(serializers.Serializer):
    """What a watcher would see, and why."""

    effect = serializers.CharField()
    document = serializers.CharField()
    steps = ExplainedStepSerializer(many=True)


PIDF = "application/pidf+xml"

AS = OpenApiParameter("as", description="The watcher; accounts that are bound to one may leave it out.")

TAG = OpenApiParameter("If-Match", location=OpenApiParameter.HEADER, description="Entity tag of the component.")

TAGGED = [
    OpenApiParameter(
        "ETag", location=OpenApiParameter.HEADER, response=[200, 201], description="The component's new entity tag."
    )
]


class PresenceViewSet(viewsets.GenericViewSet):
    """The state of one user, by any address that leads to it."""

    queryset = LiveState.objects.none()
    serializer_class = PresenceSerializer
    filter_backends = ()
    pagination_class = None
    lookup_field = "aor"
    lookup_value_regex = "[^/]+"

    def get_permissions(self) -> list[BasePermission]:
        """What is done as somebody is for integrators too."""
        return [Acts()] if self.action in ("retrieve", "component", "unpublish") else super().get_permissions()

    @extend_schema(
        parameters=[AS],
        responses=PolymorphicProxySerializer("PresenceOrSeen", [PresenceSerializer, SeenSerializer], None),
    )
    def retrieve(self, request: Request, aor: str) -> Response:
        """The composed state, with its sources; for integrators, and with `as`, what that watcher may see of it."""
        if "as" not in request.query_params and not is_bound(request):
            found, _ = _find(aor)
            return Response(PresenceSerializer(live.as_json(found)).data)
        identity = identity_of(request)
        uri = parse(aor, "aor")
        shown = live.look(identity.watcher, [uri], request.headers.get("User-Agent", ""), timezone.now())[0].fields()
        if shown["subscription"] == ENDED:
            raise UnknownPresentity("there is nothing to be seen at this address")
        return Response(shown)

    @extend_schema(
        parameters=[AS, TAG, *TAGGED],
        request=ComponentSerializer,
        responses={200: PublishedSerializer, 201: PublishedSerializer},
        extensions={"x-problems": [412]},
    )
    @action(detail=True, methods=["put"])
    def component(self, request: Request, aor: str) -> Response:
        """Publish a component of state; with If-Match change it, or, without a body, refresh it."""
        uri, tag = parse(aor, "aor"), _tag(request)
        if not request.data and tag is not None:
            return _published(publishing.publish(identity_of(request), uri, None, expires=None, entity_tag=tag))
        wanted = ComponentSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        said, expires = wanted.statement()
        client = request.headers.get("User-Agent", "")
        done = publishing.publish(
            identity_of(request), uri, said, expires=expires, entity_tag=tag, user_agent=client[:200]
        )
        return _published(done)

    @extend_schema(parameters=[AS, TAG], responses={204: None}, extensions={"x-problems": [412]})
    @component.mapping.delete
    def unpublish(self, request: Request, aor: str) -> Response:
        """Remove the component that If-Match names."""
        tag = _tag(request)
        if tag is None:
            raise serializers.ValidationError({"If-Match": "Name the component by its entity tag."})
        publishing.publish(identity_of(request), parse(aor, "aor"), None, expires=0, entity_tag=tag)
        return Response(status=204)

    @extend_schema(responses={(200, PIDF): OpenApiTypes.STR})
    @action(detail=True, renderer_classes=[raw(PIDF), JSONRenderer])
    def document(self, request: Request, aor: str) -> HttpResponse:
        """The presence document itself."""
        found, current = _find(aor)
        return HttpResponse(found.document(current, timezone.now()), content_type=PIDF)

    @extend_schema(responses=WatcherSerializer(many=True))
    @action(detail=True)
    def watchers(self, request: Request, aor: str) -> Response:
        """Who watches this user, since when, through which client, and what it may see."""
        found, current = _find(aor)
        rows = live.watchers(found, current, timezone.now())
        return Response(WatcherSerializer(rows, many=True).data)

    @extend_schema(request=DecisionSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, aor: str) -> Response:
        """Allow or block a watcher on behalf of this user: it goes into one of the user's privacy lists."""
        found, _ = _find(aor)
        wanted = DecisionSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        with recording.together():
            decide(found.persona.id, wanted.validated_data["watcher"], wanted.validated_data["effect"] == "allow")
            announce(PrivacyList)
        return Response(status=204)

    @extend_schema(
        parameters=[
            OpenApiParameter("watcher", required=True, description="Address of the watcher."),
            OpenApiParameter("user_agent", description="The watcher's client, as its User-Agent says."),
        ],
        responses=PreviewSerializer,
    )
    @action(detail=True)
    def preview(self, request: Request, aor: str) -> Response:
        """What a watcher with this client would see of the user now, and why."""
        _find(aor)
        watcher = parse(request.query_params.get("watcher", ""), "watcher")
        client = request.query_params.get("user_agent", "")[: explaining.CLIENT]
        shown = explaining.explain(watcher, parse(aor, "aor"), client, timezone.now())
        return Response(
            {
                "effect": shown.effect,
                "document": shown.body.decode(),
                "steps": [step_as_json(step, request.user) for step in shown.steps],
            }
        )


def _tag(request: Request) -> str | None:
    """The entity tag in If-Match, with quotation marks or without."""
    text = request.headers.get("If-Match", "").strip()
    return text.removeprefix("W/").strip('"') or None


def _published(done: publishing.Published) -> Response:
    response = Response({"etag": done.entity_tag, "expires": done.expires}, status=201 if done.created else 200)
    response["ETag"] = f'"{done.entity_tag}"'
    return response


def _find(text: str) -> tuple[live.Live, Policy]:
    try:
        aor = Aor.parse(text)
    except BadUri as error:
        raise serializers.ValidationError({"aor": str(error)}) from None
    persona = users.find(aor)
    current = snapshot.load_rules([persona.id] if persona is not None else ())
    states = live.states([persona], current, timezone.now()) if persona is not None else []
    if not states:
        raise UnknownPresentity(f"no user has the address {aor}")
    return states[0], current


class EdgeSerializer(serializers.ModelSerializer):
    """An edge process, and what it says about itself."""

    state = serializers.SerializerMethodField()
    adopted = serializers.DictField(
        child=serializers.DictField(child=serializers.IntegerField()), read_only=True,
        help_text="What other edges have taken over since its lease ran out: by edge, numbers by kind.",
    )  # fmt: skip

    class Meta:
        model = EdgeLease
        fields = ["edge", "host", "state", "started_at", "renewed_at", "adopted", "report"]

    def get_state(self, lease: EdgeLease) -> str:
        """running, draining, stopped or lost."""
        return lease.state(timezone.now())


class DrainSerializer(serializers.Serializer):
    """How an edge is drained."""

    patience = serializers.IntegerField(
        min_value=0, max_value=draining.LONGEST, default=draining.PATIENCE,
        help_text="Seconds for calls and transactions to end.",
    )  # fmt: skip
    restart = serializers.BooleanField(default=False, help_text="Whoever supervises it starts it again.")


class DrainingSerializer(serializers.Serializer):
    """How far it is."""

    step = serializers.CharField()
    handed_over = serializers.IntegerField()
    ended = serializers.IntegerField()
    kept = serializers.IntegerField()
    subscriptions = serializers.IntegerField()
    calls = serializers.IntegerField()
    transactions = serializers.IntegerField()
    restart = serializers.BooleanField()


class EdgeViewSet(viewsets.ReadOnlyModelViewSet):
    """Edges with their connections, transactions, refusals, TLS errors, listeners and certificates."""

    queryset = EdgeLease.objects.order_by("edge")
    serializer_class = EdgeSerializer
    filterset_fields = {"edge": ["exact"], "host": ["exact"]}
    search_fields = ["edge", "host"]
    lookup_value_regex = "[^/]+"

    @extend_schema(request=DrainSerializer, responses={202: DrainingSerializer})
    @action(detail=True, methods=["post"])
    def drain(self, request: Request, pk: str) -> Response:
        """Take an edge out of service, or ask how far that is: watchers go to the others, then it ends in order."""
        lease = self.get_object()
        wanted = DrainSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            return Response(draining.progress(lease.edge, **wanted.validated_data), status=202)
        except asking.NoAnswer as error:
            if lease.clean and isinstance(error, asking.NotHeard):
                raise Conflict(f"{lease.edge} has stopped.") from None
            raise NoEdge(f"No answer: {error}.") from None
        except asking.Refused as refused:
            raise BadGateway(refused.reason) from None


class WebhookDeliverySerializer(serializers.ModelSerializer):
    """What a webhook knows of one address, and what it has still to be told."""

    webhook = serializers.SlugRelatedField(slug_field="name", read_only=True)

    class Meta:
        model = WebhookDelivery
        fields = [
            "id", "webhook", "uri", "state", "number", "attempts", "status", "error", "next_at", "changed_at",
        ]  # fmt: skip


class WebhookDeliveryViewSet(viewsets.ReadOnlyModelViewSet):
    """Deliveries to webhooks, one for each address; `state=dead` are those that were given up."""

    queryset = WebhookDelivery.objects.select_related("webhook").order_by("-changed_at", "id")
    serializer_class = WebhookDeliverySerializer
    filterset_fields = {"webhook__name": ["exact"], "uri": ["exact"], "state": ["exact"]}
    search_fields = ["uri", "webhook__name", "error"]

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"], url_path="send-again")
    def send_again(self, request: Request, pk: str) -> Response:
        """Try it again now, with as many attempts as a new one has."""
        webhooks.send_again([self.get_object()])
        return Response(status=204)

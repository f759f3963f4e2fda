"""What goes on at the CTI gateway, and the buttons of the simulated switch's phones: an edge is asked (DESIGN 15)."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import exceptions, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from cti.api.serializers import DeviceField
from cti.csta.devices import MAX_DEVICE
from cti.models import Line, SwitchKind
from cti.switch import BUTTONS
from provisioning import asking
from provisioning.api.serializers.base import AorField

RETRY_AFTER = 5
"Seconds until somebody may try again while no edge answers."

LAST_PAGE = 100_000
"More pages than there can be rows."

REFUSED = {"x-problems": [404, 409, 422, 500, 501]}
"What an edge answers when it will not, for the OpenAPI document."

MOST_PHONES = 20
"Devices that may be asked for beside a page: telephones on one screen."


class NoEdge(exceptions.APIException):
    """Nobody has answered; whether it was done is not known."""

    status_code = 503
    wait = RETRY_AFTER


class RefusedByEdge(exceptions.APIException):
    """The edge has said no."""

    def __init__(self, refused: asking.Refused) -> None:
        super().__init__(refused.reason)
        self.status_code = refused.status


def ask(edge: str, command: str, **arguments: Any) -> tuple[dict[str, Any], list[str]]:
    """The answer of this edge (empty: the first that listens), and the names of all; raises APIException."""
    try:
        names = asking.edges()
        if not names or edge not in ("", *names):
            raise asking.NotHeard(f"edge {edge} does not listen" if edge else "no edge listens")
        return asking.ask_now(edge or names[0], command, **arguments), names
    except asking.NoAnswer as error:
        raise NoEdge(f"No edge has answered: {error}.")
    except asking.Refused as refused:
        raise RefusedByEdge(refused)


class EdgeSerializer(serializers.Serializer):
    """Which edge is asked."""

    edge = serializers.CharField(
        required=False, default="", max_length=100, help_text="The edge that is asked; without it the first by name."
    )


class QuerySerializer(EdgeSerializer):
    """What is to be shown."""

    search = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=MAX_DEVICE,
        help_text="Part of a number, or of the address of an owner or user.",
    )  # fmt: skip
    device = DeviceField(required=False, default="", help_text="A device, in any spelling.")
    owner = AorField(required=False, default="", help_text="Owner of devices.")
    page = serializers.IntegerField(
        required=False, default=1, min_value=1, max_value=LAST_PAGE, help_text="Of each table."
    )
    phone = serializers.ListField(
        child=DeviceField(), required=False, default=list, max_length=MOST_PHONES,
        help_text="Devices to be shown in `phones`, whatever else is asked for; may stand several times.",
    )  # fmt: skip


class ForwardingSerializer(serializers.Serializer):
    """A forwarding that was set, in force or not."""

    kind = serializers.CharField()
    on = serializers.BooleanField()
    to = serializers.CharField()
    rings = serializers.IntegerField()


class PartySerializer(serializers.Serializer):
    """A device in a call."""

    device = serializers.CharField()
    state = serializers.CharField(help_text="`alerting`, `connected`, `failed`, `held` or `initiated`.")


class ConnectionSerializer(serializers.Serializer):
    """A device's part in a call."""

    call = serializers.CharField()
    state = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        """`with` is a word of Python's."""
        return {**super().get_fields(), "with": PartySerializer(many=True, help_text="The other devices of the call.")}


class TelephoneSerializer(serializers.Serializer):
    """A device."""

    line = serializers.IntegerField(allow_null=True, help_text="Id of the line, for `lines/{id}/`.")
    number = serializers.CharField()
    owner = serializers.CharField(help_text="Empty for none.")
    switch = serializers.ChoiceField(SwitchKind.choices)
    present = serializers.BooleanField(help_text="Plugged in; of SIP phones: one is registered.")
    takes_calls = serializers.BooleanField()
    busy = serializers.BooleanField(help_text="Made busy by its user.")
    do_not_disturb = serializers.BooleanField()
    forwarding = ForwardingSerializer(many=True)
    in_call = serializers.BooleanField(help_text="In more than a call that rings.")
    connections = ConnectionSerializer(many=True)
    buttons = serializers.ListField(
        child=serializers.CharField(), help_text="Those that would do something now; none of SIP phones."
    )


class CallSerializer(serializers.Serializer):
    """A call."""

    id = serializers.CharField()
    switch = serializers.ChoiceField(SwitchKind.choices)
    since = serializers.DateTimeField(allow_null=True)
    calling = serializers.CharField()
    called = serializers.CharField()
    parties = PartySerializer(many=True)


class AssociationSerializer(serializers.Serializer):
    """A client of the gateway."""

    id = serializers.CharField()
    user = serializers.CharField(help_text="Empty before the log-in.")
    transport = serializers.CharField()
    peer = serializers.CharField()
    edition = serializers.CharField(help_text="Of ECMA-323.")
    since = serializers.DateTimeField()
    expires_in = serializers.IntegerField(help_text="Seconds.")
    monitors = serializers.IntegerField()


class MonitorSerializer(serializers.Serializer):
    """A device that a client follows."""

    device = serializers.CharField()
    association = serializers.CharField()
    user = serializers.CharField()
    reference = serializers.CharField(help_text="The cross reference that its events carry.")
    left_out = serializers.ListField(child=serializers.CharField(), help_text="Events that the client does not want.")


class TotalsSerializer(serializers.Serializer):
    """How many there are on all pages."""

    devices = serializers.IntegerField()
    calls = serializers.IntegerField()
    associations = serializers.IntegerField()
    monitors = serializers.IntegerField()


@extend_schema_serializer(many=False)  # it is what `list` answers, and no list
class TelephonySerializer(serializers.Serializer):
    """Telephony at one edge, at this moment."""

    edge = serializers.CharField()
    edges = serializers.ListField(child=serializers.CharField(), help_text="All that can be asked.")
    status = serializers.CharField(help_text="Of the switching function: `normal` or `disabled`.")
    addresses = serializers.ListField(child=serializers.CharField(), help_text="Where programs connect to this edge.")
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    totals = TotalsSerializer()
    devices = TelephoneSerializer(many=True)
    calls = CallSerializer(many=True)
    associations = AssociationSerializer(many=True)
    monitors = MonitorSerializer(many=True)
    phones = TelephoneSerializer(many=True)


class PressSerializer(serializers.Serializer):
    """A button, and the number that goes with it."""

    button = serializers.CharField(help_text=f"One of: {', '.join(BUTTONS)}.")
    text = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=MAX_DEVICE,
        help_text="The number to dial, or to deflect or forward to.",
    )  # fmt: skip


class RingSerializer(serializers.Serializer):
    """Who calls from outside."""

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python's."""
        return {"from": DeviceField(help_text="A number or address that is no line.")}


class TelephonyViewSet(viewsets.ViewSet):
    """Devices, calls, clients and monitors of this moment."""

    queryset = Line.objects.none()
    rights = {"DELETE": "change"}  # of what lines are in, not of lines
    serializer_class = TelephonySerializer

    @extend_schema(parameters=[QuerySerializer], responses=TelephonySerializer)
    def list(self, request: Request) -> Response:
        """One page of each table."""
        query = QuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = dict(query.validated_data)
        edge = wanted.pop("edge")
        answer, names = ask(edge, "telephony", phones=wanted.pop("phone"), **wanted)
        _add_lines([*answer["devices"], *answer["phones"]])
        return Response({**answer, "edges": names})

    @extend_schema(parameters=[EdgeSerializer], responses={204: None}, extensions=REFUSED)
    @action(detail=False, methods=["delete"], url_path="associations/(?P<association>[0-9A-Za-z]{1,64})")
    def associations(self, request: Request, association: str) -> Response:
        """End a client's session: its monitors go, the calls stay."""
        ask(_edge(request), "end_association", association=association)
        return Response(status=204)


class PhoneActions:
    """What people do at the phones of simulated lines."""

    @extend_schema(
        parameters=[EdgeSerializer], request=PressSerializer, responses=TelephoneSerializer, extensions=REFUSED
    )
    @action(detail=True, methods=["post"])
    def press(self: Any, request: Request, pk: str) -> Response:
        """Press a button of the phone."""
        body = PressSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return _at_phone(self.get_object(), _edge(request), "press", **body.validated_data)

    @extend_schema(
        parameters=[EdgeSerializer], request=RingSerializer, responses=TelephoneSerializer, extensions=REFUSED
    )
    @action(detail=True, methods=["post"])
    def ring(self: Any, request: Request, pk: str) -> Response:
        """Call the phone from outside."""
        body = RingSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return _at_phone(self.get_object(), _edge(request), "ring_in", caller=body.validated_data["from"])


def _edge(request: Request) -> str:
    query = EdgeSerializer(data=request.query_params)
    query.is_valid(raise_exception=True)
    return str(query.validated_data["edge"])


def _at_phone(line: Line, edge: str, command: str, **arguments: str) -> Response:
    answer, _ = ask(edge, command, device=str(line.uri), **arguments)
    return Response({"line": line.pk, **answer["device"]})


def _add_lines(devices: list[dict[str, Any]]) -> None:
    """The edge knows lines by their numbers only."""
    ids = dict(Line.objects.filter(uri__in={one["number"] for one in devices}).values_list("uri", "pk"))
    for one in devices:
        one["line"] = ids.get(one["number"])

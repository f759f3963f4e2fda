"""The signalling trace as JSON, as text and as a capture file, read only."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from provisioning.api.media import raw
from sipedge.models import SignallingTrace
from sipedge.trace import collecting, export
from sipedge.trace.answers import MAX_PAGE
from sipedge.trace.filters import NAMES, BadFilter

PCAP = "application/vnd.tcpdump.pcap"

USUAL = 100
"Messages of a page when nobody says how many."


class WantedSerializer(serializers.Serializer):
    """Which messages."""

    aor = serializers.CharField(
        required=False,
        help_text="In From, To, Request-URI or P-Asserted-Identity: an address, or its user part; or a device of CSTA.",
    )
    call_id = serializers.CharField(required=False, help_text="Of a dialog.")
    peer = serializers.CharField(required=False, help_text="The other side: an IP address, or address:port.")
    method = serializers.CharField(required=False, help_text="A SIP method, or the name of a CSTA document.")
    status = serializers.CharField(required=False, help_text="A status such as 404, or 4xx.")
    protocol = serializers.CharField(required=False, help_text="`sip` or `csta`; CSTA within SIP is both.")
    since = serializers.IntegerField(
        required=False,
        min_value=0,
        help_text="What comes after this number, from there on; goes on from `until` of a page.",
    )

    def wanted(self) -> dict[str, str]:
        """The filters."""
        return {name: text for name in NAMES if (text := self.validated_data.get(name))}


class PageSerializer(WantedSerializer):
    """Which page."""

    before = serializers.IntegerField(required=False, min_value=0, help_text="Without `since`: what is older.")
    limit = serializers.IntegerField(required=False, default=USUAL, min_value=1, max_value=MAX_PAGE)


class EntrySerializer(serializers.Serializer):
    """A message that was on the wire, without secrets."""

    number = serializers.IntegerField(help_text="Microseconds since 1970, made unique and rising within an edge.")
    time = serializers.DateTimeField()
    edge = serializers.CharField()
    direction = serializers.ChoiceField(["in", "out"])
    transport = serializers.CharField(help_text="WEB: a client within the edge, such as the messenger.")
    local = serializers.CharField()
    remote = serializers.CharField()
    protocol = serializers.ChoiceField(["sip", "csta"])
    first_line = serializers.CharField()
    method = serializers.CharField(help_text="Of an answer: that of its request.")
    status = serializers.IntegerField(allow_null=True)
    call_id = serializers.CharField()
    cseq = serializers.CharField()
    to = serializers.CharField()
    user = serializers.CharField(help_text="Whose association it is (CSTA over TCP).")
    invoke = serializers.IntegerField(allow_null=True, help_text="The invoke id (CSTA over TCP).")
    document = serializers.CharField(help_text="The name of a CSTA document, such as MakeCall.")
    device = serializers.CharField(help_text="The first one that the document names.")
    octets = serializers.IntegerField()
    cut = serializers.BooleanField(help_text="Only the beginning is kept.")
    message = serializers.CharField()

    def get_fields(self) -> dict[str, serializers.Field]:
        """With `from`, which Python does not take as a name."""
        return {**super().get_fields(), "from": serializers.CharField()}


class TracePageSerializer(serializers.Serializer):
    """A page of the trace."""

    on = serializers.BooleanField(help_text="Whether a trace is kept at all.")
    results = EntrySerializer(many=True)
    until = serializers.IntegerField(help_text="The page is complete up to here: `since` of the next one.")
    more = serializers.BooleanField(help_text="There may be more: after `until` with `since`, else before the first.")
    silent = serializers.ListField(child=serializers.CharField(), help_text="Edges that run but have not answered.")


class TraceViewSet(viewsets.ViewSet):
    """The newest messages of all edges: SIP of all transports, and CSTA."""

    queryset = SignallingTrace.objects.none()

    @extend_schema(parameters=[PageSerializer], responses=TracePageSerializer)
    def list(self, request: Request) -> Response:
        """A page, oldest first; without `since` that of the newest. 503 when no edge answers."""
        given = _given(PageSerializer, request)
        values = given.validated_data
        try:
            page = collecting.page(
                given.wanted(),
                since=values.get("since"),
                before=values.get("before"),
                limit=values["limit"],
                full=True,
            )
        except BadFilter as error:
            raise _invalid(error) from None
        return Response(
            {"on": page.on, "results": page.entries, "until": page.until, "more": page.more, "silent": page.silent}
        )

    @extend_schema(parameters=[WantedSerializer], responses={(200, "text/plain"): OpenApiResponse(OpenApiTypes.STR)})
    @action(detail=False, renderer_classes=[raw("text/plain"), JSONRenderer])
    def export(self, request: Request) -> HttpResponse:
        """Everything that is kept and wanted as text."""
        return as_file(export.text(_everything(request)), "text/plain; charset=utf-8", "trace.txt")

    @extend_schema(
        parameters=[WantedSerializer],
        responses={(200, PCAP): OpenApiResponse(OpenApiTypes.BINARY)},
    )
    @action(detail=False, renderer_classes=[raw(PCAP), JSONRenderer])
    def pcap(self, request: Request) -> HttpResponse:
        """Everything that is kept and wanted as a capture file, each message in a UDP packet."""
        return as_file(export.pcap(_everything(request)), PCAP, "trace.pcap")


def as_file(content: str | bytes, kind: str, name: str) -> HttpResponse:
    """A file to be saved."""
    return HttpResponse(content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _everything(request: Request) -> list[dict[str, Any]]:
    given = _given(WantedSerializer, request)
    try:
        return collecting.everything(given.wanted(), since=given.validated_data.get("since", 0))
    except BadFilter as error:
        raise _invalid(error) from None


def _given(kind: type[WantedSerializer], request: Request) -> WantedSerializer:
    given = kind(data=request.query_params)
    given.is_valid(raise_exception=True)
    return given


def _invalid(error: BadFilter) -> serializers.ValidationError:
    return serializers.ValidationError({error.field: str(error)})

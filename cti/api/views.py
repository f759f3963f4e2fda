"""Resources of /api/v1/ for the CTI gateway."""

from cti.api import serializers as s
from cti.api.telephony import PhoneActions
from cti.models import ApplicationUser, CtiSettings, Line
from provisioning.api.views import FixedRows, PolicyViewSet


class LineViewSet(PhoneActions, PolicyViewSet):
    """Lines that programs may monitor and control."""

    queryset = Line.objects.select_related("owner")
    serializer_class = s.LineSerializer
    filterset_fields = {"uri": ["exact"], "owner__aor": ["exact"], "switch": ["exact"], "device": ["exact"]}
    search_fields = ["uri", "owner__aor", "device"]


class ApplicationUserViewSet(PolicyViewSet):
    """Programs that log in by themselves."""

    queryset = ApplicationUser.objects.prefetch_related("lines")
    serializer_class = s.ApplicationUserSerializer
    hashed = "password"
    filterset_fields = ["name", "controls_all"]
    search_fields = ["name"]


class CtiSettingsViewSet(FixedRows):
    """The gateway's settings: one row."""

    queryset = CtiSettings.objects.order_by("pk")
    serializer_class = s.CtiSettingsSerializer

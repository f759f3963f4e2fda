"""Directories by REST: settings, trying the connection, synchronising, and what became of it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from provisioning import models
from provisioning.api.errors import BadGateway, Conflict
from provisioning.api.resources import PolicyViewSet
from provisioning.api.serializers import directories
from provisioning.directories import runs


class DirectoryViewSet(PolicyViewSet):
    """Directories that users come from."""

    queryset = models.Directory.objects.select_related("domain")
    serializer_class = directories.DirectorySerializer
    filterset_fields = {"name": ["exact"], "enabled": ["exact"], "domain__name": ["exact"]}
    search_fields = ["name", "server", "base"]

    @extend_schema(request=None, responses=directories.TestSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Log in and say what the first entries would become; 502 says what is wrong."""
        from provisioning.directories.ldap import DirectoryError

        try:
            found = runs.test(self.get_object())
        except DirectoryError as error:
            raise BadGateway(str(error)) from None
        return Response(directories.TestSerializer(found).data)

    @extend_schema(request=None, responses={202: directories.DirectoryRunSerializer})
    @action(detail=True, methods=["post"], url_path="dry-run", url_name="dry-run")
    def dry_run(self, request: Request, pk: str) -> Response:
        """Have it compared; the run says what would change."""
        return self._start(request, dry=True)

    @extend_schema(request=directories.RunRequestSerializer, responses={202: directories.DirectoryRunSerializer})
    @action(detail=True, methods=["post"])
    def run(self, request: Request, pk: str) -> Response:
        """Have it synchronised; 409 while a run is under way."""
        asked = directories.RunRequestSerializer(data=request.data)
        directory = self.get_object()
        asked.is_valid(raise_exception=True)
        return self._start(request, directory, confirmed=asked.validated_data["confirm"])

    @extend_schema(responses=directories.DirectoryRunSerializer(many=True))
    @action(detail=True, methods=["get"])
    def runs(self, request: Request, pk: str) -> Response:
        """The last runs, the newest first."""
        page = self.paginate_queryset(self.get_object().runs.select_related("directory"))
        return self.get_paginated_response(directories.DirectoryRunSerializer(page, many=True).data)

    def _start(self, request: Request, directory: models.Directory | None = None, **options: Any) -> Response:
        try:
            run = runs.start(directory or self.get_object(), started_by=request.user.get_username(), **options)
        except runs.Busy as error:
            raise Conflict(str(error)) from None
        return Response(directories.DirectoryRunSerializer(run).data, status=status.HTTP_202_ACCEPTED)


class DirectoryRunViewSet(viewsets.ReadOnlyModelViewSet):
    """Synchronisations of all directories."""

    queryset = models.DirectoryRun.objects.select_related("directory")
    serializer_class = directories.DirectoryRunSerializer
    filterset_fields = {"directory__name": ["exact"], "state": ["exact"], "dry": ["exact"]}
    search_fields = ["directory__name", "error"]

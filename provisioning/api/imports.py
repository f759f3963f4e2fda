"""Files of tables by REST: imports with their progress, reports and undoing, exports, and templates."""

from typing import Any

from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from provisioning import tasks
from provisioning.api.errors import Conflict
from provisioning.api.serializers.imports import (
    ConfirmSerializer,
    FileSerializer,
    ImportRowSerializer,
    ImportSerializer,
    RowsSerializer,
    UndoSerializer,
    UploadSerializer,
)
from provisioning.bulk import files, imports
from provisioning.bulk.documents import JSON, MAX_FILE, BadDocument
from provisioning.bulk.writing import CONTENT_TYPES
from provisioning.models import Import, ImportRow, Persona

FILES = {
    (200, kind.partition(";")[0]): OpenApiResponse(OpenApiTypes.OBJECT if form == JSON else OpenApiTypes.BINARY)
    for form, kind in CONTENT_TYPES.items()
}
"An answer that is a file, in each of the formats."


class MayImport(BasePermission):
    """Beside the right to imports those to users: nobody gets around them by a file."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whoever may look at imports may look; the rest is as for users."""
        if request.method in ("GET", "HEAD", "OPTIONS"):
            return True
        return imports.may(request.user, imports.UNDO_RIGHTS if view.action == "undo" else imports.RIGHTS)


class AnyFormat(DefaultContentNegotiation):
    """`format` in the query is the file's, not that of errors."""

    def filter_renderers(self, renderers: Any, format: str) -> Any:
        """All of them."""
        return renderers


class ImportViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Imports of files, newest first; they are carried through in the background, one at a time."""

    queryset = Import.objects.annotate(
        undoable=Exists(ImportRow.objects.filter(of=OuterRef("pk"), undo__in=ImportRow.UNDOABLE))
    )
    serializer_class = ImportSerializer
    permission_classes = [*api_settings.DEFAULT_PERMISSION_CLASSES, MayImport]
    content_negotiation_class = AnyFormat
    filterset_fields = ["state", "who", "mode"]
    search_fields = ["file_name", "who"]

    def get_parsers(self) -> Any:
        """A file comes as multipart."""
        if getattr(self, "action_map", {}).get("post") == "create":
            return [MultiPartParser()]
        return super().get_parsers()

    @extend_schema(request={"multipart/form-data": UploadSerializer}, responses={202: ImportSerializer})
    def create(self, request: Request) -> Response:
        """Bring a file: 202, then look at its progress. 409 while another import is under way."""
        given = UploadSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        file = given.validated_data["file"]
        if file.size > MAX_FILE:
            raise ValidationError({"file": f"The file is larger than {MAX_FILE >> 20} MiB."})
        try:
            of = imports.bring(
                file.read(), file.name, mode=given.validated_data["mode"], dry_run=given.validated_data["dry_run"],
                user=request.user, who=request.user.get_username(),
            )  # fmt: skip
        except BadDocument as error:
            raise ValidationError({"file": str(error)}) from None
        except imports.NotNow as error:
            raise Conflict(str(error)) from None
        tasks.start_import(of.pk)
        return Response(ImportSerializer(of).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=ConfirmSerializer, responses={202: ImportSerializer})
    @action(detail=True, methods=["post"])
    def apply(self, request: Request, pk: str) -> Response:
        """Apply what a dry run has checked."""
        of: Import = self.get_object()
        given = ConfirmSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return self._begin(of, lambda: imports.confirm(of, given.validated_data.get("mode")))

    @extend_schema(request=None, responses={202: ImportSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop it between two transactions, or give up what was checked."""
        of: Import = self.get_object()
        try:
            imports.cancel(of)
        except imports.NotNow as error:
            raise Conflict(str(error)) from None
        of.refresh_from_db()
        return Response(ImportSerializer(of).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=UndoSerializer, responses={202: ImportSerializer})
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        """Put everything back as it was; rows that were changed since stay, unless `force` is true."""
        of: Import = self.get_object()
        given = UndoSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return self._begin(of, lambda: imports.undo(of, force=given.validated_data["force"]))

    @extend_schema(parameters=[RowsSerializer], responses=ImportRowSerializer(many=True))
    @action(detail=True, filter_backends=[])
    def rows(self, request: Request, pk: str) -> Response:
        """The report: rows that are wrong, new or changed, with errors and differences."""
        of: Import = self.get_object()
        wanted = RowsSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        page = self.paginate_queryset(of.rows.filter(**wanted.validated_data))
        return self.get_paginated_response(ImportRowSerializer(page, many=True).data)

    @extend_schema(responses=FILES)
    @action(detail=True)
    def errors(self, request: Request, pk: str) -> HttpResponse:
        """The bad rows as a file like the one that was brought, with a column `error`; secrets are left out."""
        try:
            return files.bad_rows(self.get_object())
        except BadDocument as error:
            raise Conflict(str(error)) from None

    @extend_schema(parameters=[FileSerializer], responses=FILES)
    @action(detail=False)
    def template(self, request: Request) -> HttpResponse:
        """Tables with their headings and an example."""
        return _file(files.template, request)

    def _begin(self, of: Import, begin: Any) -> Response:
        try:
            begin()
        except imports.NotNow as error:
            raise Conflict(str(error)) from None
        tasks.start_import(of.pk)
        return Response(ImportSerializer(of).data, status=status.HTTP_202_ACCEPTED)


class ExportViewSet(viewsets.ViewSet):
    """What imports take, from the database; without secrets."""

    queryset = Persona.objects.none()
    content_negotiation_class = AnyFormat

    @extend_schema(parameters=[FileSerializer], responses=FILES)
    def list(self, request: Request) -> HttpResponse:
        """A file with all tables that the account may see, or with one of them."""
        return _file(files.export, request)


def _file(make: Any, request: Request) -> HttpResponse:
    given = FileSerializer(data=request.query_params)
    given.is_valid(raise_exception=True)
    try:
        found: HttpResponse = make(given.validated_data["format"], given.validated_data.get("table", ""), request.user)
    except BadDocument as error:
        raise ValidationError({"table": str(error)}) from None
    except files.NotYours as error:
        raise PermissionDenied(str(error)) from None
    return found

"""Entity tags of rows (RFC 9110 section 8.8): who changes a row can say which state of it was seen (section 13.1)."""

import contextlib
import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Model
from django.utils.crypto import salted_hmac
from django.utils.http import parse_etags
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

LENGTH = 32
"Hexadecimal digits of a tag: two states of a row never share one by chance."


class Stale(exceptions.APIException):
    """The row is not what the client has seen."""

    status_code = 412
    default_detail = "The row has changed since it was read; read it again, and decide anew."
    default_code = "stale"


def entity_tag(row: Model, shown: Any, left_out: frozenset[str]) -> str:
    """The tag of a row: of what is shown of it, its parts included, and of its columns, those that are never shown too.

    It is a keyed hash, since a plain one would let readers of a row try passwords against it.
    """
    columns = {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if field.name not in left_out
    }  # fmt: skip
    text = json.dumps([shown, columns], cls=_Encoder, sort_keys=True)
    return f'"{salted_hmac("provisioning.api.versions", text, algorithm="sha256").hexdigest()[:LENGTH]}"'


class _Encoder(DjangoJSONEncoder):
    def default(self, o: Any) -> Any:
        return bytes(o).hex() if isinstance(o, bytes | memoryview) else super().default(o)


class Versioned:
    """Single rows with entity tags, for view sets of models.

    A change is made under a lock of the row, so that of two clients with the same tag one loses. What is answered is
    what was stored, read anew.
    """

    unversioned: frozenset[str] = frozenset()
    "Columns that change by themselves, and have no part in the tag."

    def retrieve(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One row."""
        response = self.answer(self.get_object())
        known = parse_etags(request.headers.get("If-None-Match", ""))
        if "*" in known or response["ETag"] in (one.removeprefix("W/") for one in known):
            return Response(status=304, headers={"ETag": response["ETag"]})
        return response

    def update(self: Any, request: Request, *args: Any, partial: bool = False, **kwargs: Any) -> Response:
        """Change a row; with If-Match only if it is still what was read."""
        with transaction.atomic():
            row = self.get_locked()
            serializer = self.get_serializer(row, data=request.data, partial=partial)
            serializer.is_valid(raise_exception=True)
            self.perform_update(serializer)
            return self.answer(self.reread(row))

    def answer(self: Any, row: Model, status: int = 200) -> Response:
        """A row as JSON, with its tag."""
        shown = self.get_serializer(row).data
        return Response(shown, status=status, headers={"ETag": entity_tag(row, shown, self.unversioned)})

    def reread(self: Any, row: Model) -> Model:
        """The row as it is in the tables."""
        found: Model = self.get_queryset().filter(pk=row.pk).first() or row
        return found

    def get_locked(self: Any) -> Model:
        """The row of the request, kept from others until the transaction ends; raises Stale."""
        name = self.lookup_url_kwarg or self.lookup_field
        with contextlib.suppress(TypeError, ValueError, ValidationError):  # what is no id is not found below
            lock(self.queryset.model, **{self.lookup_field: self.kwargs[name]})
        row: Model = self.get_object()
        wanted = parse_etags(self.request.headers.get("If-Match", ""))
        if wanted and "*" not in wanted and self.answer(row)["ETag"] not in wanted:
            raise Stale
        return row


class VersionedDestroy:
    """Rows that can be deleted, for view sets with `Versioned`."""

    def destroy(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete a row; with If-Match only if it is still what was read."""
        with transaction.atomic():
            self.perform_destroy(self.get_locked())
        return Response(status=204)


def lock(model: type[Model], **rows: Any) -> None:
    """Keep others from these rows until the transaction ends (SQLite has one writer anyway)."""
    list(model._base_manager.select_for_update().filter(**rows).order_by("pk").values_list("pk"))

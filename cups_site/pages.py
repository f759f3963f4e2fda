"""Lists of the REST API: pages by `limit` and `offset`, or by `cursor`, their order, and filters by field.

`cursor` is for walking through everything: rows come by their ids, each once, whatever is made or deleted meanwhile,
and a page costs the same wherever it is. `limit` and `offset` count the rows, and keep any order.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from django import forms
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import GenericIPAddressField, QuerySet
from django_filters.rest_framework import CharFilter, DjangoFilterBackend, FilterSet
from rest_framework import exceptions, filters
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

CURSOR = "cursor"

LAST_OFFSET = 2**31 - 1
"More rows than there are; the database takes no number above its largest."


class Pages(LimitOffsetPagination):
    """`limit` and `offset`; or `cursor`, empty for the first page."""

    default_limit = 50
    max_limit = 1000

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """One page."""
        self._walks = CURSOR in request.query_params
        if self._walks:
            return self._walk(queryset, request)
        self._number(request, "offset", LAST_OFFSET)
        self._number(request, "limit", LAST_OFFSET)
        return super().paginate_queryset(queryset, request, view)

    def get_paginated_response(self, data: Any) -> Response:
        """`count` is null for a walk: counting is what costs."""
        if not self._walks:
            return super().get_paginated_response(data)
        return Response({"count": None, "next": self._next, "previous": None, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """With a count that may be null."""
        found = super().get_paginated_response_schema(schema)
        found["properties"]["count"] = {
            "type": "integer", "nullable": True, "example": 123, "description": "Of all pages; null with `cursor`.",
        }  # fmt: skip
        return found

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """`limit`, `offset` and `cursor`."""
        most = {"limit": self.max_limit, "offset": LAST_OFFSET}
        words = {
            "limit": f"Rows of a page; {self.default_limit} unless said, {self.max_limit} at most.",
            "offset": "Rows before this page.",
        }
        found: list[dict[str, Any]] = [
            {
                "name": name, "in": "query", "required": False, "description": words[name],
                "schema": {"type": "integer", "minimum": int(name == "limit"), "maximum": most[name]},
            }
            for name in ("limit", "offset")
        ]  # fmt: skip
        words_of_cursor = (
            "Walk through all rows by id: empty for the first page, then as `next` says. Not with `offset`."
        )
        return [*found, {
            "name": CURSOR, "in": "query", "required": False, "description": words_of_cursor,
            "schema": {"type": "string"}, "allowEmptyValue": True,
        }]  # fmt: skip

    def _walk(self, queryset: QuerySet[Any], request: Request) -> list[Any]:
        self._number(request, "limit", LAST_OFFSET)
        for name in ("offset", "ordering"):
            if name in request.query_params:
                raise exceptions.ValidationError({name: "Not together with `cursor`: rows come by their ids."})
        if request.query_params[CURSOR]:
            queryset = queryset.filter(pk__gt=_read(request.query_params[CURSOR], queryset))
        limit = self.get_limit(request) or self.default_limit
        found = list(queryset.order_by("pk")[: limit + 1])
        self._next = None
        if len(found) > limit:
            found.pop()
            address = remove_query_param(request.build_absolute_uri(), CURSOR)
            self._next = replace_query_param(address, CURSOR, _write(found[-1].pk))
        return found

    def _number(self, request: Request, name: str, most: int) -> None:
        text = request.query_params.get(name)
        if text is None:
            return
        if not (text.isascii() and text.isdecimal() and len(text) < 11 and int(name == "limit") <= int(text) <= most):
            raise exceptions.ValidationError({name: f"A whole number from {int(name == 'limit')} on is expected."})


def _write(key: Any) -> str:
    return urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def _read(text: str, queryset: QuerySet[Any]) -> Any:
    """The id that a cursor stands for; raises ValidationError."""
    try:
        plain = urlsafe_b64decode(text.encode() + b"==").decode()
        if _write(plain) != text or "\0" in plain:
            raise ValueError
        key = queryset.model._meta.pk.to_python(plain)
        queryset.model._meta.pk.run_validators(key)
    except (binascii.Error, ValueError, ValidationError):
        raise exceptions.ValidationError({CURSOR: "This is no cursor of ours."}) from None
    return key


class AddressFilter(CharFilter):
    """An IP address: PostgreSQL takes nothing else."""

    field_class = forms.GenericIPAddressField


class Fields(FilterSet):
    """A filter for each field that a resource names, by the kind of the field."""

    FILTER_DEFAULTS = {**FilterSet.FILTER_DEFAULTS, GenericIPAddressField: {"filter_class": AddressFilter}}


class Filters(DjangoFilterBackend):
    """`field=value`."""

    filterset_base = Fields


class Ordering(filters.OrderingFilter):
    """`ordering`: fields by name, with - for descending; what is no field is refused rather than passed over."""

    ordering_description = "Fields, separated by commas, with - before one for descending."

    def remove_invalid_fields(self, queryset: Any, fields: list[str], view: Any, request: Request) -> list[str]:
        """The fields; raises ValidationError."""
        known = [name for name, _ in self.get_valid_fields(queryset, view, {"request": request})]
        for name in fields:
            if name.removeprefix("-") not in known:
                raise exceptions.ValidationError(
                    {self.ordering_param: f"“{name}” is none of: {', '.join(known) or 'no field'}."}
                )
        return [*fields, "pk"]  # pages of equal rows keep an order, too

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Which fields there are."""
        (found,) = super().get_schema_operation_parameters(view)
        known = [name for name, _ in self.get_valid_fields(view.queryset, view, {"request": None})]
        return (
            [{**found, "description": f"{self.ordering_description} There are: {', '.join(known)}."}] if known else []
        )

    def get_default_valid_fields(self, queryset: Any, view: Any, context: Any = None) -> list[tuple[str, str]]:
        """Those of the answer that are columns."""
        found = super().get_default_valid_fields(queryset, view, context or {})
        return [(name, label) for name, label in found if _is_column(queryset.model, name)]


def _is_column(model: Any, name: str) -> bool:
    try:
        return bool(model._meta.get_field(name).concrete and not model._meta.get_field(name).many_to_many)
    except FieldDoesNotExist:
        return False

"""How every REST resource behaves: pages, and errors as problem documents (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import ValidationError as ModelError
from rest_framework import exceptions
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error
from rest_framework.views import exception_handler

from presence.engine import errors
from presence.statuses import status_of


class Pages(LimitOffsetPagination):
    """`limit` and `offset`."""

    default_limit = 50
    max_limit = 1000


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """Any error that a client can make or meet, as application/problem+json."""
    if isinstance(error, errors.DomainError):
        response = Response({"detail": str(error)}, status=status_of(error))
        if isinstance(error, errors.TryAgainLater):
            response["Retry-After"] = str(error.retry_after)
    else:
        if isinstance(error, ModelError):
            error = exceptions.ValidationError(as_serializer_error(error))
        found = exception_handler(error, context)
        if found is None:
            return None
        response = found
    details = response.data
    response.data = {
        "type": "about:blank",
        "title": HTTPStatus(response.status_code).phrase,
        "status": response.status_code,
    }
    if isinstance(details, dict) and set(details) == {"detail"}:
        response.data["detail"] = str(details["detail"])
    elif details:
        response.data["detail"] = "The request is not valid."
        response.data["errors"] = details
    response.content_type = "application/problem+json"
    return response

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

STATUSES: dict[type[errors.DomainError], int] = {
    errors.DocumentTooLarge: 413,
    errors.EntityTagMismatch: 412,
    errors.NotAcceptable: 406,
    errors.NotAuthorised: 403,
    errors.TryAgainLater: 503,
    errors.UnknownPresentity: 404,
    errors.UnsupportedMediaType: 415,
}
"Domain error -> status; all others are 400."


class Pages(LimitOffsetPagination):
    """`limit` and `offset`."""

    default_limit = 50
    max_limit = 1000


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """Any error that a client can make or meet, as application/problem+json."""
    if isinstance(error, errors.DomainError):
        status = next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 400)
        response = Response({"detail": str(error)}, status=status)
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

"""What goes wrong in a resource of the REST API, as a problem document (RFC 9457)."""

from typing import Any

from django.core.exceptions import ValidationError as ModelError
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error
from rest_framework.views import exception_handler, set_rollback

from cups_site.problems import PROBLEM, document
from presence.engine import errors
from presence.statuses import status_of
from presence.store import DatabaseAway
from provisioning.api.bulk import TAKEN

RETRY_AFTER = 5
"Seconds until what failed because the database was away is tried again: it is back, or is restarted, by then."

AWAY = (OperationalError, InterfaceError, DatabaseAway)
"What is raised when the database cannot be reached, or cannot write now."


class Conflict(exceptions.APIException):
    """Somebody else was faster."""

    status_code = 409


class ProblemRenderer(JSONRenderer):
    """An error is JSON, whatever the answer would have been."""

    media_type = PROBLEM


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """Any error that a client can make or meet, as application/problem+json."""
    response = _answer(error, context)
    if response is None:
        return None
    response.data = document(response.status_code, response.data)
    request = context.get("request")
    if request is not None:
        request.accepted_renderer, request.accepted_media_type = ProblemRenderer(), PROBLEM
    return response


def _answer(error: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(error, errors.DomainError):
        set_rollback()
        response = Response({"detail": str(error)}, status=status_of(error))
        if isinstance(error, errors.TryAgainLater):
            response["Retry-After"] = str(error.retry_after)
        return response
    if isinstance(error, AWAY):
        set_rollback()
        response = Response({"detail": "The database cannot be reached now; try again."}, status=503)
        response["Retry-After"] = str(RETRY_AFTER)
        return response
    if isinstance(error, IntegrityError):
        error = Conflict(TAKEN)
    if isinstance(error, DataError | OverflowError):
        error = exceptions.ValidationError({"detail": "A value cannot be kept: it is too long, or too large."})
    if isinstance(error, ModelError):
        error = exceptions.ValidationError(as_serializer_error(error))
    return exception_handler(error, context)

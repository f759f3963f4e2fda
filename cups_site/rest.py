"""Errors of the REST API: every one is a problem document (RFC 9457), whoever has found it."""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ValidationError as ModelError
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error
from rest_framework.views import exception_handler, set_rollback

from presence.engine import errors
from presence.statuses import status_of
from presence.store import DatabaseAway
from provisioning.api.bulk import TAKEN

PREFIX = "/api/"
"What begins so is answered by the REST API."

PROBLEM = "application/problem+json"

MAX_BODY = 8_388_608
"Bytes of a request: a thousand rows with all their texts; more would only fill the memory."

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


def document(status: int, details: Any = None) -> dict[str, Any]:
    """The problem document of a status; `details`: what DRF says about it."""
    found = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if isinstance(details, dict) and set(details) == {"detail"}:
        found["detail"] = str(details["detail"])
    elif details:
        found["detail"] = "The request is not valid."
        found["errors"] = details
    return found


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


Answer = Callable[[HttpRequest], Any]


def problems(get_response: Answer) -> Answer:
    """Middleware: errors that no resource has made (no such address, too large, a fault of ours) look the same."""

    def answer(request: HttpRequest) -> Any:
        if not request.path_info.startswith(PREFIX):
            return get_response(request)
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY:
            return plain(413, f"The limit of a request is {MAX_BODY} bytes.")
        response = get_response(request)
        if response.status_code == 301 and request.method not in ("GET", "HEAD"):
            return plain(404, f"Addresses end with a slash: {request.path}/")  # a redirection would lose the body
        if response.status_code < 400 or response.get("Content-Type", "").startswith(PROBLEM):
            return response
        return _replaced(response)

    return answer


def plain(status: int, detail: str = "", retry_after: int = 0) -> HttpResponse:
    """An error as a problem document, outside of resources."""
    fields = document(status, {"detail": detail} if detail else None)
    response = HttpResponse(json.dumps(fields), status=status, content_type=PROBLEM)
    if retry_after:
        response["Retry-After"] = str(retry_after)
    return response


WORDS = {
    400: "The request cannot be read.",
    403: "This may not be done from there.",
    404: "There is nothing at this address.",
    500: "This is a fault of the server; its log says more.",
}
"Status -> what is said where Django would show a page."


def _replaced(response: HttpResponse) -> HttpResponse:
    found = plain(response.status_code, WORDS.get(response.status_code, ""))
    for name in ("Allow", "Retry-After", "WWW-Authenticate", "Vary"):
        if name in response:
            found[name] = response[name]
    return found

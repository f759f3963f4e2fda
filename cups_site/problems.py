"""Errors of the REST API look alike, whoever has found them: problem documents (RFC 9457).

Those of resources are made in `cups_site.rest`; here is what a document looks like, and what Django answers by itself.
"""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from provisioning.bulk.documents import MAX_FILE

PREFIX = "/api/"
"What begins so is answered by the REST API."

PROBLEM = "application/problem+json"

MAX_BODY = settings.DATA_UPLOAD_MAX_MEMORY_SIZE

MAX_FORM = MAX_FILE + MAX_BODY
"Bytes of a request with a file, which is held on disk."


def document(status: int, details: Any = None) -> dict[str, Any]:
    """The problem document of a status; `details`: what DRF says about it."""
    found = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if isinstance(details, dict) and set(details) == {"detail"}:
        found["detail"] = str(details["detail"])
    elif details:
        found["detail"] = "The request is not valid."
        found["errors"] = details
    return found


Answer = Callable[[HttpRequest], Any]


def problems(get_response: Answer) -> Answer:
    """Middleware: errors that no resource has made (no such address, too large, a fault of ours) look the same."""

    def answer(request: HttpRequest) -> Any:
        if not request.path_info.startswith(PREFIX):
            return get_response(request)
        length = request.META.get("CONTENT_LENGTH") or "0"
        limit = MAX_FORM if request.content_type == "multipart/form-data" else MAX_BODY
        if not str(length).isdecimal() or int(length) > limit:
            return plain(413, f"The limit of a request is {limit} bytes.")
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

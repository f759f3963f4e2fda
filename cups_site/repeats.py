"""Requests with an Idempotency-Key: the same again has the same answer, and no effect (`provisioning.answers`)."""

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.settings import api_settings

from cups_site.problems import PREFIX, plain
from cups_site.rest import AWAY, RETRY_AFTER
from provisioning import answers

NAME = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
"In an answer that was kept: `true`."

KEY = re.compile(r"[!-~]{1,255}")

SOON = 1
"Seconds until an answer that is being made is there."


def repeated(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware, behind that of sessions: keeps answers to POST requests that have done something."""

    def answer(request: HttpRequest) -> Any:
        key = request.headers.get(NAME)
        if key is None or request.method != "POST" or not request.path_info.startswith(PREFIX):
            return get_response(request)
        if KEY.fullmatch(key) is None:
            return plain(400, f"{NAME}: 1 to 255 visible characters of ASCII are expected.")
        try:
            user = _user(request)
            if user is None:
                return get_response(request)  # which says why
            row, is_new = answers.claim(user, key, _fingerprint(request), timezone.now())
        except answers.OtherRequest:
            return plain(422, f"This {NAME} belongs to another request; make up a new one for each change.")
        except answers.UnderWay:
            return plain(409, "The first request with this key is being answered.", SOON)
        except AWAY:
            return plain(503, "The database cannot be reached now; try again.", RETRY_AFTER)
        return _first(get_response, request, row) if is_new else _again(row)

    return answer


def _user(request: HttpRequest) -> Any:
    """The account, as any resource would find it; None where it would refuse."""
    try:
        user = Request(request, authenticators=[one() for one in api_settings.DEFAULT_AUTHENTICATION_CLASSES]).user
    except APIException:
        return None
    return user if user.is_authenticated else None


def _fingerprint(request: HttpRequest) -> str:
    """The credential belongs to it: what one token was answered is not for another one."""
    return answers.fingerprint(
        request.get_full_path().encode(),
        request.headers.get("Authorization", "").encode(),
        (request.content_type or "").encode(),
        request.body,
    )


def _first(get_response: Callable[[HttpRequest], Any], request: HttpRequest, row: Any) -> Any:
    response = get_response(request)
    if not 200 <= response.status_code < 300:
        answers.forget(row)
        return response
    secret = "no-store" in response.get("Cache-Control", "")
    headers = {name: response[name] for name in answers.HEADERS if name in response}
    answers.keep(row, response.status_code, headers, None if secret else response.content)
    return response


def _again(row: Any) -> HttpResponse:
    if row.body is None:
        return plain(409, f"The request was done, and answered with {row.status}; the answer itself was not kept.")
    return HttpResponse(bytes(row.body), status=row.status, headers={**row.headers, REPLAYED: "true"})

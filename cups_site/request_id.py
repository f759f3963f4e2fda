"""The id of a web request: from the proxy in front or made here, in every log line about it and in its answer."""

import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

HEADER: Final = "X-Request-ID"

FIT: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}", re.ASCII)
"An id that is taken over: what proxies make, and nothing that a log or a header could stumble over."


def id_of(request: HttpRequest) -> str:
    """The id that came along, else a new one."""
    given = request.headers.get(HEADER, "")
    return given if FIT.fullmatch(given) else secrets.token_hex(16)


@sync_and_async_middleware
def identified(get_response: Callable[[HttpRequest], Any]) -> Any:
    """X-Request-ID, in and out (outermost, so that all others log with it)."""
    if iscoroutinefunction(get_response):
        answered: Callable[[HttpRequest], Awaitable[HttpResponse]] = get_response

        async def asynchronous(request: HttpRequest) -> HttpResponse:
            id = id_of(request)
            with structlog.contextvars.bound_contextvars(request_id=id):
                response = await answered(request)
            response[HEADER] = id
            return response

        markcoroutinefunction(asynchronous)
        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponse:
        id = id_of(request)
        with structlog.contextvars.bound_contextvars(request_id=id):
            response: HttpResponse = get_response(request)
        response[HEADER] = id
        return response

    return synchronous

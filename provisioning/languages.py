"""The language of pages for people; everything for programs (REST, metrics, health, phone pages) stays English.

A page speaks the language that was chosen (a cookie, set by Django's `set_language`), else one that the browser asks
for. What is written to logs, histories and the network is in English, whoever causes it: it is read by others.
"""

from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers

PAGES: Final = ("/admin/", "/messenger/", "/account/")
"What begins so are pages for people."


def spoken(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: the language of a request, given back after it; caches keep the pages of each apart."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PAGES):
            with translation.override(settings.LANGUAGE_CODE):
                return get_response(request)
        language = translation.get_language_from_request(request)
        with translation.override(language):
            response = get_response(request)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        response.headers.setdefault("Content-Language", language)
        return response

    return answer


def of_connection(scope: dict[str, Any]) -> str:
    """The language of the page that has opened a WebSocket; its browser sends the same headers."""
    request = HttpRequest()
    request.COOKIES = scope.get("cookies", {})
    for name, value in scope.get("headers", ()):
        if name.lower() == b"accept-language":
            request.META["HTTP_ACCEPT_LANGUAGE"] = value.decode("latin-1")
    return translation.get_language_from_request(request)

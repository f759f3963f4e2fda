"""What the web process counts: HTTP requests by view, and WebSocket connections (docs/metrics.md).

Several web processes behind one address add up where PROMETHEUS_MULTIPROC_DIR names a folder for their numbers, as
Prometheus' client does it; one process needs nothing.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # when a counter was made is nothing to be told with each number

REGISTRY: Final = CollectorRegistry()

NO_VIEW = "none"
"The view of requests that reach none: unknown addresses, static files."

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"Counted by name; clients can make up others."

SOCKETS: Final = {"/ws/presence/": "presence", "/ws/messenger/": "messenger"}
"WebSocket addresses by the names that they are counted under."

DURATIONS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"Seconds of a request: a page takes some ten milliseconds, an answer of an edge may be waited for."

REQUESTS = Counter(
    "cups_web_requests", "HTTP requests that were answered.", ("view", "method", "code"), registry=REGISTRY
)
SECONDS = Histogram(
    "cups_web_request_duration_seconds",
    "Time until an answer began.",
    ("view",),
    registry=REGISTRY,
    buckets=DURATIONS,
)
OPEN = Gauge(
    "cups_web_sockets",
    "WebSocket connections that are open.",
    ("socket",),
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
ATTEMPTS = Counter(
    "cups_web_socket_attempts",
    "WebSocket connections that were asked for: accepted or refused.",
    ("socket", "outcome"),
    registry=REGISTRY,
)

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


@sync_and_async_middleware
def measured(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware: count each request and its time."""
    if iscoroutinefunction(get_response):

        async def answer_later(request: HttpRequest) -> HttpResponseBase:
            began = time.perf_counter()
            response: HttpResponseBase = await get_response(request)
            _count(request, response, time.perf_counter() - began)
            return response

        return answer_later

    def answer(request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response: HttpResponseBase = get_response(request)
        _count(request, response, time.perf_counter() - began)
        return response

    return answer


def _count(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    match = request.resolver_match
    view = match.view_name if match is not None else NO_VIEW
    method = request.method if request.method in METHODS else "other"
    REQUESTS.labels(view, method, response.status_code).inc()
    SECONDS.labels(view).observe(seconds)


def counted(application: Application) -> Application:
    """An ASGI application for WebSockets whose connections are counted."""

    async def count(scope: dict[str, Any], receive: Any, send: Any) -> None:
        socket = SOCKETS.get(scope["path"], NO_VIEW)
        accepted = False

        async def sent(message: dict[str, Any]) -> None:
            nonlocal accepted
            if message["type"] == "websocket.accept":
                accepted = True
                OPEN.labels(socket).inc()
            await send(message)

        try:
            await application(scope, receive, sent)
        finally:
            if accepted:
                OPEN.labels(socket).dec()
            ATTEMPTS.labels(socket, "accepted" if accepted else "refused").inc()

    return count

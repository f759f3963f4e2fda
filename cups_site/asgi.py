"""The web process: HTTP by Django, WebSocket by Channels."""

from cups_site import starting

starting.configure()

from asgiref.sync import SyncToAsync
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.core.signals import request_finished

http = get_asgi_application()  # first: it loads what the consumers import

from django.db import connections

import cups_site.celery  # noqa: F401  (shared tasks find their broker)
from cups_site.metrics.web import counted
from cups_site.sockets import sockets

application = ProtocolTypeRouter({"http": http, "websocket": counted(AuthMiddlewareStack(URLRouter(sockets)))})


def _hang_up(**_: object) -> None:
    """Of a request with a thread of its own: a connection that it kept would stay behind when the thread is gone."""
    if SyncToAsync.thread_sensitive_context.get(None) is not None:
        connections.close_all()


request_finished.connect(_hang_up)

"""The web process: HTTP by Django, WebSocket by Channels."""

from cups_site import starting

starting.configure()

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

http = get_asgi_application()  # first: it loads what the consumers import

import cups_site.celery  # noqa: F401  (shared tasks find their broker)
from cups_site.metrics.web import counted
from cups_site.sockets import sockets

application = ProtocolTypeRouter({"http": http, "websocket": counted(AuthMiddlewareStack(URLRouter(sockets)))})

"""The web process: HTTP by Django, WebSocket by Channels."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cups_site.settings")

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from channels.sessions import SessionMiddlewareStack
from django.core.asgi import get_asgi_application

http = get_asgi_application()  # makes Django ready for what follows

import cups_site.celery  # noqa: F401  (shared tasks find their broker)
from cups_site.sockets import nowhere
from sipedge.messenger import routing as messenger

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": AllowedHostsOriginValidator(
            SessionMiddlewareStack(URLRouter([*messenger.websocket_urlpatterns, nowhere]))
        ),
    }
)

"""The web process: HTTP by Django."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cups_site.settings")

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

import cups_site.celery  # noqa: F401  (shared tasks find their broker)

application = ProtocolTypeRouter({"http": get_asgi_application()})

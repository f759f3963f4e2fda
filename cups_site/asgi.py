"""The web process: HTTP by Django."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cups_site.settings")

from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402

import cups_site.celery  # noqa: E402, F401  (shared tasks find their broker)

application = ProtocolTypeRouter({"http": get_asgi_application()})

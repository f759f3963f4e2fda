"""Every address that speaks WebSocket."""

from channels.exceptions import DenyConnection
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import path, re_path

from cups_site.board import BoardConsumer
from presence.consumers import PresenceConsumer
from sipedge.messenger.consumers import MessengerConsumer


class Nowhere(AsyncWebsocketConsumer):
    """403, and no traceback."""

    async def connect(self) -> None:
        """There is nothing at this address."""
        raise DenyConnection


sockets = [
    path("ws/presence/", PresenceConsumer.as_asgi()),
    path("ws/messenger/", AllowedHostsOriginValidator(MessengerConsumer.as_asgi())),
    path("ws/dashboard/", AllowedHostsOriginValidator(BoardConsumer.as_asgi())),
    re_path("", Nowhere.as_asgi()),
]

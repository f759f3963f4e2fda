"""What a WebSocket to an address that does not exist meets."""

from channels.exceptions import DenyConnection
from channels.generic.websocket import AsyncWebsocketConsumer
from django.urls import re_path


class Nowhere(AsyncWebsocketConsumer):
    """403, and no traceback."""

    async def connect(self) -> None:
        """There is nothing here."""
        raise DenyConnection


nowhere = re_path("", Nowhere.as_asgi())
"The last of all routes."

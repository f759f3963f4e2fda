"""Every address that speaks WebSocket."""

from typing import Any

from django.urls import path, re_path

from presence.consumers import PresenceConsumer


async def nowhere(scope: Any, receive: Any, send: Any) -> None:
    """There is nothing at this address."""
    await receive()
    await send({"type": "websocket.close"})


sockets = [
    path("ws/presence/", PresenceConsumer.as_asgi()),
    re_path("", nowhere),
]

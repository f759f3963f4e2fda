"""The messenger's WebSocket."""

from django.urls import path

from sipedge.messenger.consumers import MessengerConsumer

websocket_urlpatterns = [path("ws/messenger/", MessengerConsumer.as_asgi())]

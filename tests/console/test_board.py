"""The first page by WebSocket: for whom it is, and that it ends with the right or the log-in."""

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from django.conf import settings as site
from django.contrib.auth.models import Group, User
from django.test import Client

from cups_site import board
from cups_site.asgi import application
from provisioning import bus

pytestmark = pytest.mark.django_db

HOME = "http://127.0.0.1"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "LOOK", 0.01)
    monkeypatch.setattr(bus, "reachable", lambda: True)
    monkeypatch.setattr("channels.db.close_old_connections", lambda: None)  # it is in the test's transaction


def kim(role: str) -> tuple[User, Client]:
    user, client = User.objects.create_user("kim", is_staff=True), Client()
    if role:
        user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    return user, client


def socket(client: Client, origin: str = HOME) -> ApplicationCommunicator:
    cookie = client.cookies.get(site.SESSION_COOKIE_NAME)
    headers = [(b"origin", origin.encode()), (b"host", b"127.0.0.1")]
    if cookie is not None:
        headers.append((b"cookie", f"{site.SESSION_COOKIE_NAME}={cookie.value}".encode()))
    scope = {"type": "websocket", "path": "/ws/dashboard/", "query_string": b"", "headers": headers, "subprotocols": []}
    return ApplicationCommunicator(application, scope)


@async_to_sync
async def let_in(one: ApplicationCommunicator) -> bool:
    await one.send_input({"type": "websocket.connect"})
    answer = await one.receive_output(timeout=20)
    await one.send_input({"type": "websocket.disconnect", "code": 1000})
    return bool(answer["type"] == "websocket.accept")


def test_who_is_let_in() -> None:
    """Whoever may view edges, from a page of this site."""
    user, client = kim("Auditor")
    assert let_in(socket(client))
    assert not let_in(socket(client, "http://evil.example"))
    assert not let_in(socket(Client()))
    user.groups.clear()
    assert not let_in(socket(client))
    user.groups.add(Group.objects.get(name="Auditor"))
    User.objects.update(is_staff=False)
    assert not let_in(socket(client))


@pytest.mark.parametrize("how", ["right", "log-in", "account"])
def test_it_tells_until_right_or_log_in_end(how: str) -> None:
    user, client = kim("Auditor")

    def end() -> None:
        if how == "right":
            user.groups.clear()
        elif how == "account":
            User.objects.update(is_active=False)
        else:
            client.logout()

    assert follow(socket(client), end) == board.OVER


@async_to_sync
async def follow(one: ApplicationCommunicator, end: Any) -> int:
    """The close code, after a look with the curves."""
    await one.send_input({"type": "websocket.connect"})
    assert (await one.receive_output(timeout=20))["type"] == "websocket.accept"
    told = json.loads((await one.receive_output(timeout=20))["text"])
    assert told["type"] == "look" and "data-curves" in told["html"] and "No edge runs" in told["html"]
    await one.send_input({"type": "websocket.receive", "text": "what a page has no reason to say"})
    await database_sync_to_async(end)()
    while (message := await one.receive_output(timeout=20))["type"] != "websocket.close":
        pass
    return int(message["code"])

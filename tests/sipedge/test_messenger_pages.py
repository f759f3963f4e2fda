"""The messenger's pages and its WebSocket, without an edge: what a stranger gets, headers, and what is no JSON."""

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from cups_site.asgi import application
from provisioning.models import Domain, Persona
from sipedge.models import MessengerSession

ORIGIN = [(b"origin", b"http://localhost"), (b"host", b"localhost")]


class Socket(ApplicationCommunicator):
    """A WebSocket to the application."""

    def __init__(self, address: str, headers: list[tuple[bytes, bytes]]) -> None:
        scope = {"type": "websocket", "path": address, "query_string": b"", "headers": headers, "subprotocols": []}
        super().__init__(application, scope)

    async def connects(self) -> bool:
        await self.send_input({"type": "websocket.connect"})
        return bool((await self.receive_output(5))["type"] == "websocket.accept")

    async def says(self, text: str) -> None:
        await self.send_input({"type": "websocket.receive", "text": text})

    async def hears(self) -> Any:
        return json.loads((await self.receive_output(20))["text"])

    async def closes(self) -> int:
        while (event := await self.receive_output(5))["type"] != "websocket.close":
            pass
        return int(event["code"])


def _user() -> Persona:
    persona = Persona(domain=Domain.objects.create(name="example.org"), user="ann", name="<Ann>")
    persona.set_password("secret")
    persona.save()
    return persona


def _signed_in() -> Client:
    client = Client()
    answer = client.post("/messenger/", {"name": "ann", "password": "secret"})
    assert (answer.status_code, answer["Location"]) == (302, "/messenger/")
    return client


@pytest.mark.django_db
def test_the_pages_load_nothing_from_elsewhere() -> None:
    """R-ARC-03: a strict content security policy, no frames, no caches; names are text."""
    _user()
    for client in (Client(), _signed_in()):
        answer = client.get("/messenger/")
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy and answer["Cache-Control"] == "no-store"
        text = answer.content.decode()
        assert "<Ann>" not in text and "style=" not in text and "onclick" not in text
        assert text.count("<script") == text.count("<script src=") + text.count('<script type="module" src=')


@pytest.mark.django_db
def test_signing_in_and_out() -> None:
    """R-SEC-02: a new cookie, one log-in for a browser, and nothing left after it."""
    _user()
    refused = Client().post("/messenger/", {"name": "ann", "password": "wrong"})
    assert refused.status_code == 403 and b"do not belong together" in refused.content
    assert b"secret" not in refused.content
    client = Client()
    client.post("/messenger/", {"name": "ann", "password": "secret"})
    before = client.cookies["sessionid"].value
    client.post("/messenger/", {"name": "ann", "password": "secret"})
    assert client.cookies["sessionid"].value != before
    assert MessengerSession.objects.count() == 1
    assert client.get("/messenger/log-out/").status_code == 405
    client.post("/messenger/log-out/")
    assert MessengerSession.objects.count() == 0
    assert b'id="password"' in client.get("/messenger/").content


@pytest.mark.django_db
def test_a_form_of_another_site_is_refused() -> None:
    """R-SEC-02: nobody is signed in or out by somebody else's page."""
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/messenger/", {"name": "ann", "password": "secret"}).status_code == 403
    assert strict.post("/messenger/log-out/").status_code == 403


@pytest.mark.django_db
def test_an_administrator_ends_a_log_in() -> None:
    """R-IM-04: from the list of those who are logged in."""
    _user()
    client, admin = _signed_in(), Client()
    admin.force_login(get_user_model().objects.create_superuser("root"))
    page = reverse("admin:sipedge_messengersession_changelist")
    assert b"sip:ann@example.org" in admin.get(page, {"q": "ann"}).content
    admin.post(page, {"action": "end", "_selected_action": [MessengerSession.objects.get().pk]})
    assert MessengerSession.objects.count() == 0
    assert b'id="password"' in client.get("/messenger/").content


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_who_is_not_signed_in_is_told_so() -> None:
    """R-SEC-02: by a message, since a page cannot see why a socket was refused."""
    socket = Socket("/ws/messenger/", ORIGIN)
    assert await socket.connects()
    assert await socket.hears() == {"type": "ended", "why": "over"}
    assert await socket.closes() == 4001


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
@pytest.mark.parametrize("address", ["/ws/messenger/", "/ws/nowhere/"])
async def test_another_sites_page_does_not_connect(address: str) -> None:
    """R-SEC-02: the Origin has to be ours; and what does not exist is refused without a traceback."""
    foreign = [(b"origin", b"http://evil.example"), (b"host", b"localhost")]
    assert not await Socket(address, foreign).connects()
    if address == "/ws/nowhere/":
        assert not await Socket(address, ORIGIN).connects()


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
@pytest.mark.parametrize(
    "frame",
    ["", "no json", "[]", "7", '{"do": "nonsense"}', '{"do": []}', '{"do": "ping", "x": "' + "y" * 70_000 + '"}'],
)
async def test_what_is_no_request_ends_the_connection(frame: str) -> None:
    """R-SEC-02: hostile frames, from somebody who is signed in."""
    socket = await _socket()
    await socket.says(frame)
    assert await socket.closes() == 1008


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({"do": "add"}, "does not understand"),
        ({"do": "add", "uri": ["x"]}, "does not understand"),
        ({"do": "add", "uri": "x"}, "no such user"),
        ({"do": "add", "uri": "ann@example.org", "group": "x"}, "does not understand"),
        ({"do": "add", "uri": "ann@example.org", "group": 10**30}, "does not understand"),
        ({"do": "add", "uri": "ann@example.org", "group": 7}, "group is gone"),
        ({"do": "add", "uri": "\0"}, "no such user"),
        ({"do": "search", "words": "a"}, "at least"),
        ({"do": "option", "options": [1]}, "does not understand"),
        ({"do": "option", "options": {"theme": {}}}, "no such option"),
        ({"do": "remove_text", "id": "x"}, "does not understand"),
        ({"do": "status", "status": "busy", "note": ""}, "does not answer"),
    ],
)
async def test_a_wrong_request_is_answered(wanted: dict[str, Any], error: str) -> None:
    """R-IM-06: in words, and no answer of an edge is no success."""
    socket = await _socket()
    await socket.says(json.dumps({**wanted, "ref": "1"}))
    while (answer := await socket.hears())["type"] != "answer":
        pass
    assert answer["ref"] == "1" and error in answer["error"]
    await socket.send_input({"type": "websocket.disconnect", "code": 1001})
    await socket.wait(5)


async def _socket() -> Socket:
    await sync_to_async(_user)()
    client = await sync_to_async(_signed_in)()
    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
    socket = Socket("/ws/messenger/", [*ORIGIN, (b"cookie", cookie)])
    assert await socket.connects()
    return socket

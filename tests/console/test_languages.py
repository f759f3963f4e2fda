"""Pages for people speak the language of their browser, or the one that was chosen; all else is in English."""

import json
import re
from datetime import datetime
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.utils import timezone, translation

from cups_site import board, dashboard
from cups_site.asgi import application
from provisioning import languages
from provisioning.models import Domain, MessengerSettings, Persona, PrivacyList
from sipedge.messenger import browsers
from sipedge.throttle import Throttle

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse"
GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}


@pytest.fixture(autouse=True)
def _own_throttle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsers, "_throttle", Throttle())


@pytest.fixture
def ann() -> Persona:
    MessengerSettings.objects.get_or_create()
    persona = Persona(domain=Domain.objects.create(name="example.org"), user="ann", name="Ann")
    persona.set_password(PASSWORD)
    persona.save()
    return persona


def root(**headers: Any) -> Client:
    client = Client(**headers)
    client.force_login(User.objects.create_superuser("root"))
    return client


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def test_the_first_page_by_the_browser() -> None:
    client = root(headers=GERMAN)
    answer = client.get("/admin/")
    page = text(answer)
    assert '<html lang="de"' in page and "Präsenzserver" in page
    assert "Kein Edge läuft: Niemand kann sich registrieren" in page and "Registrierte Kontakte" in page
    assert "brauchen Aufmerksamkeit." in page or "braucht Aufmerksamkeit." in page
    assert "%s SIP-Nachrichten pro Sekunde kommen an" in page and "Warteschlangen" in page
    assert "No edge runs" not in page and "Who may see what" not in page
    assert answer["Content-Language"] == "de" and "Accept-Language" in answer["Vary"]
    assert "Kein Edge läuft" in text(client.get("/admin/dashboard/"))
    assert '<html lang="en"' in text(client.get("/admin/", headers={"Accept-Language": "fr"}))


def test_the_first_page_by_choice() -> None:
    """By the form in the menu of the account; it outlives the log-in, and goes before what the browser says."""
    client = root()
    page = text(client.get("/admin/"))
    assert "No edge runs" in page and 'action="/language/"' in page and "Deutsch" in page
    answer = client.post("/language/", {"language": "de", "next": "/admin/"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    cookie = client.cookies[settings.LANGUAGE_COOKIE_NAME]
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["max-age"]
    assert "Kein Edge läuft" in text(client.get("/admin/", headers={"Accept-Language": "en"}))
    client.post("/language/", {"language": "en"})
    assert "No edge runs" in text(client.get("/admin/", headers=GERMAN))
    client.post("/language/", {"language": "tlh"})
    assert "No edge runs" in text(client.get("/admin/")), "a language that there is not"
    answer = client.post("/language/", {"language": "de", "next": "https://evil.example/"})
    assert answer["Location"] == "/"
    assert Client(enforce_csrf_checks=True).post("/language/", {"language": "de"}).status_code == 403


def test_the_navigation() -> None:
    """Every title is German, and no two are alike."""
    request = RequestFactory().get("/admin/")
    request.user = User.objects.create_superuser("root")
    titles = {}
    for language in ("en", "de"):
        with translation.override(language):
            groups = admin.site.each_context(request)["sidebar_navigation"]
            titles[language] = [str(group["title"]) for group in groups]
            titles[f"{language} items"] = [str(one["title"]) for group in groups for one in group["items"]]
    assert "Wer was sehen darf" in titles["de"] and "Benutzer" in titles["de items"]
    same = {one for one in titles["de items"] if one in titles["en items"]}
    assert same == {"Domains", "Edges", "Webhooks"}, "words that are the same in German"
    assert len(set(titles["de items"])) == len(titles["de items"]) == len(titles["en items"])
    assert len(set(titles["de"])) == len(titles["de"]) == len(titles["en"])


def test_the_pages_of_users(ann: Persona) -> None:
    """Sign in, the account with what it answers, and the messenger with the texts of its scripts."""
    client = Client(headers=GERMAN)
    page = text(client.get("/account/"))
    assert '<html lang="de"' in page and "SIP-Adresse oder Benutzername" in page and 'action="/language/"' in page
    refused = client.post("/account/", {"name": "ann", "password": "wrong"})
    assert refused.status_code == 403 and "gehören nicht zusammen" in refused.content.decode()
    client.post("/account/", {"name": "ann", "password": PASSWORD})
    page = text(client.get("/account/"))
    assert "Wer Sie beobachtet" in page and "Verborgene Geräte" in page and "Nur Telefone (Audio)" in page
    assert 'action="/language/"' in page
    page = text(client.post("/account/list/", {"kind": "custom", "name": "", "filter": "none"}, follow=True))
    assert "Eine eigene Liste braucht einen Namen." in page
    fields = {"kind": "blocked", "name": "", "filter": "none"}
    page = text(client.post("/account/list/", fields, follow=True))
    assert "Die Liste ist angelegt." in page and "<b>Gesperrt (höflich)</b> <span>Alles</span>" in page
    assert PrivacyList.objects.get().kind == "blocked"
    page = text(client.post("/account/buddy/", {"uri": "sip:nobody@example.org"}, follow=True))
    assert "Diesen Benutzer gibt es hier nicht." in page
    page = text(client.get("/messenger/"))
    assert "Bitte nicht stören" in page and "Personen suchen" in page and "Notiz hinzufügen" in page
    assert "&quot;Delivered&quot;: &quot;Zugestellt&quot;" in page and 'action="/language/"' in page
    client.post("/language/", {"language": "en"})
    assert "Who watches you" in text(client.get("/account/"))
    assert "&quot;Delivered&quot;: &quot;Delivered&quot;" in text(client.get("/messenger/"))


def test_the_export_is_the_same_in_every_language(ann: Persona) -> None:
    """A file is for programs too: its words and moments are those of the tables."""
    client = Client()
    client.post("/account/", {"name": "ann", "password": PASSWORD})
    client.post("/account/list/", {"kind": "blocked", "name": "", "filter": "none"})
    english = client.get("/account/export/").json()
    german = client.get("/account/export/", headers=GERMAN).json()
    assert german == english and datetime.fromisoformat(german["log_ins"][0]["since"])


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("get", "/api/v1/schema/?format=json", None, 200),
        ("get", "/api/v1/users/", None, 200),
        ("get", "/api/v1/users/999999/", None, 404),
        ("get", "/api/v1/users/?limit=x", None, 400),
        ("get", "/api/v1/nothing/", None, 404),
        ("post", "/api/v1/domains/", {"name": ""}, 400),
        ("post", "/api/v1/domains/", {"name": "a b"}, 400),
        ("post", "/api/v1/users/", {}, 400),
        ("patch", "/api/v1/settings/", {"message_limit": "viel"}, 405),
        ("put", "/api/v1/users/", {}, 400),
        ("get", "/livez", None, 200),
    ],
)
def test_programs_are_answered_in_english(method: str, path: str, body: Any, status: int, ann: Persona) -> None:
    """REST, problem documents and the OpenAPI document, whatever the browser says or the cookie chooses."""
    client = root()
    plain = client.generic(method.upper(), path, json.dumps(body), content_type="application/json")
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    asked = client.generic(method.upper(), path, json.dumps(body), content_type="application/json", headers=GERMAN)
    assert plain.status_code == asked.status_code == status
    assert plain.content == asked.content and "Content-Language" not in asked


def test_strangers_are_refused_in_english() -> None:
    plain, asked = Client().get("/api/v1/users/"), Client(headers=GERMAN).get("/api/v1/users/")
    assert plain.status_code == asked.status_code == 401 and plain.content == asked.content


def test_no_language_is_left_behind() -> None:
    """A thread that has answered one person in German answers the next one as that one likes."""
    root(headers=GERMAN).get("/admin/")
    assert translation.get_language() == "en"


def test_forms_take_numbers_and_dates_in_german() -> None:
    """What a German page shows in a field it takes again; nothing is grouped by dots."""
    client = root(headers=GERMAN)
    page = text(client.get("/admin/provisioning/messengersettings/", follow=True))
    address = client.get("/admin/provisioning/messengersettings/", follow=True).request["PATH_INFO"]
    assert not settings.USE_THOUSAND_SEPARATOR and "Sichern" in page
    form = client.get(address).context["adminform"].form
    fields = {name: form[name].value() for name in form.fields}
    number = next(name for name, value in fields.items() if isinstance(value, int) and not isinstance(value, bool))
    sent = {name: value for name, value in fields.items() if value not in (None, False)}
    answer = client.post(address, {**sent, number: fields[number]})
    assert answer.status_code == 302, answer.context and answer.context["errors"]
    user = User.objects.get()
    address = f"/admin/auth/user/{user.pk}/change/"
    form = client.get(address).context["adminform"].form
    sent = {
        "username": "root", "is_active": "on", "is_staff": "on", "is_superuser": "on", "first_name": "Kim",
        "last_login_0": "", "last_login_1": "", "date_joined_0": "24.12.2030", "date_joined_1": "18:30:00",
    }  # fmt: skip
    answer = client.post(address, sent)
    assert answer.status_code == 302, answer.context["errors"]
    user.refresh_from_db()
    joined = timezone.localtime(user.date_joined)
    assert (joined.year, joined.month, joined.day, joined.hour) == (2030, 12, 24, 18)


def socket(client: Client, path: str, *more: tuple[bytes, bytes]) -> ApplicationCommunicator:
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    headers = [(b"origin", b"http://127.0.0.1"), (b"host", b"127.0.0.1"), (b"cookie", cookies.encode()), *more]
    scope = {"type": "websocket", "path": path, "query_string": b"", "headers": headers, "subprotocols": []}
    return ApplicationCommunicator(application, scope)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("chosen", "asked", "said"), [
    ("de", b"en", "Kein Edge läuft"), ("en", b"de", "No edge runs"), ("", b"de-CH", "Kein Edge läuft"),
])  # fmt: skip
def test_the_first_page_is_told_in_its_language(chosen: str, asked: bytes, said: str) -> None:
    """By WebSocket, whose process tells others in English at the same time."""
    client = root()
    if chosen:
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = chosen
    one = socket(client, dashboard.SOCKET, (b"accept-language", asked))

    @async_to_sync
    async def first() -> Any:
        await one.send_input({"type": "websocket.connect"})
        assert (await one.receive_output(timeout=20))["type"] == "websocket.accept"
        told = await one.receive_output(timeout=20)
        await one.send_input({"type": "websocket.disconnect", "code": 1000})
        return json.loads(told["text"])["html"]

    with mock.patch.object(board, "LOOK", 0.05):
        assert said in first()
    assert translation.get_language() == "en"


def test_the_language_of_a_connection() -> None:
    assert languages.of_connection({"headers": []}) == "en"
    assert languages.of_connection({"headers": [(b"accept-language", b"\xff\xfe;;;,")], "cookies": {}}) == "en"
    assert languages.of_connection({"headers": [(b"Accept-Language", b"de")]}) == "de"

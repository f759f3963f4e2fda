"""Requests and WebSockets are counted by names that clients cannot make up, and strangers see no metrics."""

from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import DatabaseError
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.utils import timezone

from cups_site.metrics import database, views, web
from cups_site.metrics.database import Database
from cups_site.variables.declared import BadVariable, value
from presence.models import EdgeLease
from provisioning.models import Domain, Persona
from sipedge.models import Binding
from tests.metrics.catalogue import Numbers, key, numbers

REQUESTS, SECONDS = "cups_web_requests_total", "cups_web_request_duration_seconds_count"


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Figures that nobody has asked for yet, with a clock that stands."""
    yield Database(lambda: 0.0)


def now() -> Numbers:
    return numbers(views.exposition(web.REGISTRY).decode())


def grown(before: Numbers, after: Numbers) -> Numbers:
    """What has become more, buckets and the process left out."""
    return {
        one: number - before.get(one, 0)
        for one, number in after.items()
        if number != before.get(one, 0) and one[0].startswith("cups_") and not one[0].endswith(("_bucket", "_sum"))
    }


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/no/such/page", "/another"])
def test_an_unknown_address_and_method_have_no_names_of_their_own(path: str) -> None:
    """The number of series does not grow with what clients make up."""
    before = now()
    Client().generic("BREW", path)
    assert grown(before, now()) == {
        key(REQUESTS, view="none", method="other", code="404"): 1,
        key(SECONDS, view="none"): 1,
    }


@pytest.mark.django_db
def test_a_page_is_counted_by_the_name_of_its_view() -> None:
    before = now()
    Client().get("/api/v1/users/4711/")
    view = "persona-detail"
    assert {dict(labels)["view"] for (name, labels) in grown(before, now())} == {view}


@pytest.mark.django_db(transaction=True)
def test_requests_of_the_asynchronous_server_are_counted_too() -> None:
    before = now()
    async_to_sync(AsyncClient().get)("/healthz")
    assert grown(before, now())[key(REQUESTS, view="healthz", method="GET", code="200")] == 1


@pytest.mark.parametrize(
    ("path", "name", "messages", "outcome"),
    [
        ("/ws/presence/", "presence", ["websocket.accept", "websocket.close"], "accepted"),
        ("/ws/messenger/", "messenger", ["websocket.close"], "refused"),
        ("/ws/made-up-4711/", "none", ["websocket.close"], "refused"),
    ],
)
def test_websockets_are_counted_while_they_are_open(path: str, name: str, messages: list[str], outcome: str) -> None:
    opened = key("cups_web_sockets", socket=name)
    seen = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        for message in messages:
            await send({"type": message})
            seen.append(now().get(opened, 0))
        raise ConnectionError("the browser is gone")

    async def send(message: dict[str, Any]) -> None:
        pass

    before = now()
    with pytest.raises(ConnectionError):
        async_to_sync(web.counted(application))({"path": path}, None, send)
    assert max(seen) == (1 if outcome == "accepted" else 0)
    after = now()
    assert after.get(opened, 0) == 0
    assert grown(before, after) == {key("cups_web_socket_attempts_total", socket=name, outcome=outcome): 1}


# Who may read them


def ask(address: str = "192.0.2.1", authorization: str = "", **headers: str) -> HttpResponse:
    if authorization:
        headers["HTTP_AUTHORIZATION"] = authorization
    return Client(REMOTE_ADDR=address, **headers).get("/metrics")


def test_without_a_setting_nobody_reads_them() -> None:
    """Neither on loopback: there a proxy speaks for the whole world."""
    assert ask("127.0.0.1").status_code == 404


@pytest.mark.django_db
def test_a_token_opens_them(settings: Any) -> None:
    settings.CUPS_METRICS_TOKEN = "secret"
    assert ask().status_code == 403
    assert ask(authorization="Bearer wrong").status_code == 403
    answer = ask(authorization="Bearer secret")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    assert key("cups_users") in numbers(answer.content.decode())
    assert Client().post("/metrics", headers={"authorization": "Bearer secret"}).status_code == 405


@pytest.mark.django_db
def test_an_allowed_network_opens_them_and_a_header_does_not(settings: Any) -> None:
    settings.CUPS_METRICS_NETWORKS = [ip_network("10.0.0.0/8"), ip_network("::1")]
    assert ask("10.1.2.3").status_code == ask("::1").status_code == 200
    assert ask("192.0.2.1", HTTP_X_FORWARDED_FOR="10.1.2.3").status_code == 403
    assert ask("").status_code == 403


@pytest.mark.parametrize("text", ["9464", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "::1:9464"])
def test_an_address_that_is_none_is_an_error(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CUPS_METRICS_LISTEN", text)
    with pytest.raises(BadVariable, match="CUPS_METRICS_LISTEN: expected host:port"):
        value("CUPS_METRICS_LISTEN")


def test_addresses_and_networks_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPS_METRICS_LISTEN", "[::1]:9464")
    monkeypatch.setenv("CUPS_METRICS_NETWORKS", "10.0.0.0/8, ::1")
    assert value("CUPS_METRICS_LISTEN") == ("::1", 9464)
    assert value("CUPS_METRICS_NETWORKS") == [ip_network("10.0.0.0/8"), ip_network("::1")]
    monkeypatch.setenv("CUPS_METRICS_NETWORKS", "10.0.0.1/8")
    with pytest.raises(BadVariable, match="CUPS_METRICS_NETWORKS: "):
        value("CUPS_METRICS_NETWORKS")


# The whole system


@pytest.mark.django_db
@pytest.mark.database
def test_the_figures_are_those_of_the_rows_in_force(figures: Database) -> None:
    moment = timezone.now()
    persona = Persona.objects.create(domain=Domain.objects.create(name="figures.example"), user="one")
    other = Persona.objects.create(domain=persona.domain, user="two", enabled=False)
    for number, seconds in enumerate((3600, -30, -90)):
        Binding.objects.create(
            id=number, version=1, persona=other, cseq=1, q=1, created_at=moment, updated_at=moment,
            expires_at=moment + timedelta(seconds=seconds),
        )  # fmt: skip
    EdgeLease.objects.create(
        edge="edge-1", started_at=moment, renewed_at=moment, settled_at=moment, clean=False,
        expires_at=moment - timedelta(seconds=1),
    )  # fmt: skip
    found = figures.figures()
    assert found is not None
    assert (found.users, found.bindings, found.edges) == (Persona.objects.filter(enabled=True).count(), 1, {"lost": 1})
    assert 30 <= found.sweep_lag["bindings"] < 60, "a minute of grace"
    assert found.sweep_lag["publications"] == 0


@pytest.mark.django_db
def test_the_figures_are_kept_for_some_seconds(django_assert_num_queries: Any) -> None:
    time = 0.0
    one = Database(lambda: time)
    with django_assert_num_queries(12):
        first = one.figures()
    time = database.KEPT - 1
    with django_assert_num_queries(0):
        assert one.figures() is first
    time = database.KEPT
    with django_assert_num_queries(12):
        one.figures()


def test_without_a_database_the_metrics_say_so(monkeypatch: pytest.MonkeyPatch, figures: Database) -> None:
    def away(*_: object, **__: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(database, "_live", away)
    monkeypatch.setattr(Persona.objects, "filter", away)
    found = {family.name: list(family.read(figures)) for family in database.FAMILIES}
    assert found.pop("cups_database_up") == [((), False)]
    assert not any(found.values())

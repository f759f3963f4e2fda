"""Live and ready are two questions: one about the process, one about what it needs."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from cups_site import health
from provisioning import migrated
from tests.services import PostgreSQL, free_port, valkey
from tests.system import Deployment, deployed
from tests.waiting import wait_until


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has looked for the migrations yet."""
    monkeypatch.setattr(migrated, "_found", [])


@pytest.mark.django_db
def test_the_web_process_is_ready(unknown: None) -> None:
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()) == (
        200, {"ready": True, "database": True, "migrations": True, "bus": True},
    )  # fmt: skip
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_missing_tables_make_it_live_but_not_ready(unknown: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrated, "unapplied", lambda: ["presence.0005_new"])
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["migrations"]) == (503, False)
    assert Client().get("/livez").json() == {"live": True}


def test_a_database_that_is_away_makes_it_live_but_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Any:
        raise OperationalError("away")

    monkeypatch.setattr(health.connection, "cursor", away)
    monkeypatch.setattr(health.connection, "close", lambda: None)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["database"], answer.json()["migrations"]) == (503, False, False)
    assert Client().get("/livez").status_code == 200
    assert Client().get("/healthz").status_code == 503


@pytest.mark.django_db
def test_without_a_bus_there_is_none_to_miss(settings: Any) -> None:
    settings.VALKEY_URL = ""
    assert (Client().get("/readyz").status_code, Client().get("/readyz").json()["bus"]) == (200, None)


# Processes


def ask(address: str, path: str) -> tuple[int, dict[str, Any]]:
    """Status and document."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """A PostgreSQL that can go away."""
    with PostgreSQL() as found:
        yield found


@pytest.fixture
def deployment(server: PostgreSQL) -> Iterator[Deployment]:
    """A deployment on it, with a bus of its own: workers of other tests answer on theirs."""
    with valkey() as bus, deployed(server=server.url, bus=bus) as found:
        yield found


@pytest.mark.system
def test_an_edge_and_a_worker_tell_load_balancers(deployment: Deployment, server: PostgreSQL) -> None:
    """Without the token of the metrics; an edge without its database is live, and not ready until it is back."""
    edge, worker = (f"127.0.0.1:{free_port()}" for _ in range(2))
    deployment.start_edge(CUPS_METRICS_LISTEN=edge, CUPS_METRICS_TOKEN="t")
    wait_until(lambda: ask(edge, "/readyz")[0] == 200, "a ready edge")
    assert ask(edge, "/readyz")[1] == {
        "ready": True, "database": True, "migrations": True, "bus": True, "lease": True, "listeners": True,
    }  # fmt: skip
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"http://{edge}/metrics", timeout=20)
    assert "no worker has answered" in deployment.attempt("check_worker")[0]
    deployment.start_worker(CUPS_METRICS_LISTEN=worker)
    assert deployment.manage("check_worker").startswith("worker ready: celery@")
    wait_until(lambda: ask(worker, "/readyz")[0] == 200, "a ready worker")
    assert ask(worker, "/livez") == (200, {"live": True})
    server.stop()
    wait_until(lambda: ask(edge, "/readyz")[0] == 503, "an edge that is not ready", 60)
    wait_until(lambda: ask(worker, "/readyz")[0] == 503, "a worker that is not ready", 60)
    assert ask(edge, "/livez") == (200, {"live": True})
    assert "the database does not answer" in deployment.attempt("check_worker")[0]
    server.start()
    wait_until(lambda: ask(edge, "/readyz")[0] == 200, "a ready edge again", 60)

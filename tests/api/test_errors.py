"""Every error of the REST API is a problem document (RFC 9457), whoever has found it."""

import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.db import IntegrityError, OperationalError
from rest_framework.test import APIClient

from cups_site.problems import MAX_BODY
from cups_site.rest import RETRY_AFTER
from provisioning.api.views import DomainViewSet
from tests.api.conftest import DOMAIN, XTEN3

pytestmark = pytest.mark.django_db

USERS = "/api/v1/users/"


def is_problem(response: Any, status: int) -> dict[str, Any]:
    """The answer is a problem document of this status; the document."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert found["status"] == status and found["type"] == "about:blank" and found["title"]
    return found


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("get", "/api/v1/nothing/", {}, 404),
        ("get", "/api/", {}, 404),
        ("get", "/api/v2/users/", {}, 404),
        ("get", f"{USERS}999999/", {}, 404),
        ("get", f"{USERS}abc/", {}, 404),
        ("get", f"{USERS}%00/", {}, 404),
        ("get", f"{USERS}99999999999999999999999/", {}, 404),
        ("post", f"{USERS[:-1]}", {"data": {}, "format": "json"}, 404),
        ("post", "/api/v1/expiry/", {"data": {}, "format": "json"}, 405),
        ("get", USERS, {"HTTP_ACCEPT": "text/html"}, 406),
        ("generic", USERS, {"data": b"<a/>", "content_type": "application/xml"}, 415),
        ("generic", USERS, {"data": b"{", "content_type": "application/json"}, 400),
        ("generic", USERS, {"data": b"[" * 100_000, "content_type": "application/json"}, 400),
        ("generic", USERS, {"data": b'{"user": NaN}', "content_type": "application/json"}, 400),
        ("generic", USERS, {"data": b"\xff\xfe", "content_type": "application/json"}, 400),
        ("generic", USERS, {"data": b'"text"', "content_type": "application/json"}, 400),
        ("generic", USERS, {"data": b"x", "content_type": "application/json", "CONTENT_LENGTH": MAX_BODY + 1}, 413),
        ("get", USERS, {"HTTP_HOST": "elsewhere.example"}, 400),
    ],
)
def test_an_error_is_a_problem_document(
    api: APIClient, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    answer = api.generic("POST", path, **options) if method == "generic" else getattr(api, method)(path, **options)
    is_problem(answer, status)


def test_one_without_a_token_too(api: APIClient) -> None:
    stranger = APIClient()
    found = stranger.get(USERS)
    is_problem(found, 401)
    assert found["WWW-Authenticate"] == "Token"
    stranger.credentials(HTTP_AUTHORIZATION="Token wrong")
    is_problem(stranger.get(USERS), 401)


@pytest.mark.parametrize(
    "query",
    [
        {"ordering": "nothing"},
        {"ordering": "domain__personas__pin"},
        {"ordering": "aor,\0"},
        {"search": "\0"},
        {"aor": "\0"},
        {"aor": "no address"},
        {"limit": "-1"},
        {"limit": "many"},
        {"offset": "9" * 40},
        {"cursor": "!"},
        {"cursor": "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"},
        {"cursor": "", "ordering": "aor"},
    ],
)
def test_a_list_that_cannot_be_is_refused(api: APIClient, query: dict[str, str]) -> None:
    assert is_problem(api.get(USERS, query), 400)["errors"]


@pytest.mark.parametrize(
    "values",
    [
        {"domain": DOMAIN, "user": "a\0b"},
        {"domain": DOMAIN, "user": "a\ud800b"},
        {"domain": "\0", "user": "ab"},
        {"domain": "\ud800", "user": "ab"},
        {"domain": {"name": DOMAIN}, "user": "ab"},
        {"domain": DOMAIN, "user": "ab", "delegates": [10**30]},
        {"domain": DOMAIN, "user": "ab", "pin": "\0\0\0\0"},
        {"domain": DOMAIN, "user": "ab", "enabled": 10**30},
        {"domain": DOMAIN, "user": ["ab"]},
    ],
)
def test_hostile_values_are_refused(api: APIClient, values: dict[str, Any]) -> None:
    is_problem(api.generic("POST", USERS, json.dumps(values), content_type="application/json"), 400)


def test_a_number_too_large_is_refused(api: APIClient) -> None:
    for number in (10**30, -(10**30), 2**63):
        is_problem(api.post("/api/v1/sources/", {"value": "x", "priority": number}, format="json"), 400)
    is_problem(api.get("/api/v1/listeners/", {"port": "9" * 30 + "x"}), 400)
    assert api.get("/api/v1/listeners/", {"port": "9" * 30}).json()["count"] == 0


@pytest.fixture
def broken(request: pytest.FixtureRequest) -> Iterator[None]:
    """A resource that fails in some way."""
    with mock.patch.object(DomainViewSet, "get_queryset", side_effect=request.param):
        yield


@pytest.mark.parametrize("broken", [OperationalError("gone")], indirect=True)
def test_while_the_database_is_away_the_answer_says_when_to_come_back(api: APIClient, broken: None) -> None:
    answer = api.get("/api/v1/domains/")
    is_problem(answer, 503)
    assert answer["Retry-After"] == str(RETRY_AFTER)


@pytest.mark.parametrize("broken", [IntegrityError("twice")], indirect=True)
def test_a_lost_race_for_a_name_is_a_conflict(api: APIClient, broken: None) -> None:
    is_problem(api.get("/api/v1/domains/"), 409)


@pytest.mark.parametrize("broken", [RuntimeError("a secret")], indirect=True)
def test_a_fault_of_ours_tells_nothing(api: APIClient, broken: None) -> None:
    api.raise_request_exception = False
    answer = api.get("/api/v1/domains/")
    is_problem(answer, 500)
    assert "secret" not in answer.content.decode()


def test_documents_of_other_types_are_asked_for_by_name(api: APIClient) -> None:
    """RFC 9110 section 12: the type of the document, JSON for what goes wrong with it."""
    for path, kind in (
        (f"/api/v1/presence/{XTEN3}/document/", "application/pidf+xml"),
        (f"/api/v1/resource-lists/{XTEN3}/", "application/resource-lists+xml"),
    ):
        for accepted in (kind, "*/*"):
            answer = api.get(path, HTTP_ACCEPT=accepted)
            assert (answer.status_code, answer["Content-Type"]) == (200, kind)
        is_problem(api.get(path.replace("xten3", "nobody"), HTTP_ACCEPT=kind), 404)
        is_problem(api.get(path, HTTP_ACCEPT="image/png"), 406)

"""How often the API may be asked: by an account, and by strangers."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from cups_site import throttles
from sipedge.rates import Rate
from tests.api.test_errors import is_problem
from tests.api.test_tokens import token

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing was counted yet."""
    monkeypatch.setattr(throttles, "_accounts", Rate())
    monkeypatch.setattr(throttles, "_strangers", Rate())
    throttles._kept_out.clear()
    yield
    throttles._kept_out.clear()


def test_an_account_has_a_rate_whatever_tokens_it_has(api: APIClient, settings: Any) -> None:
    settings.CUPS_API_RATE = 3
    other = token(User.objects.get(username="integrator"), "read")
    for program in (api, other, api):
        assert program.get("/api/v1/domains/").status_code == 200
    for program in (api, other):
        answer = program.get("/api/v1/domains/")
        is_problem(answer, 429)
        assert 0 < int(answer["Retry-After"]) <= 120
    assert token(User.objects.create_superuser("another"), "read").get("/api/v1/domains/").status_code == 200


def test_strangers_have_one_by_address(api: APIClient, settings: Any) -> None:
    """Whoever tries tokens is not listened to for a while, right one or not; others are."""
    settings.CUPS_API_RATE_STRANGERS = 2
    stranger = APIClient()
    stranger.credentials(HTTP_AUTHORIZATION="Token guessed")
    statuses = [stranger.get("/api/v1/domains/", REMOTE_ADDR="192.0.2.1").status_code for _ in range(4)]
    assert statuses == [401, 401, 429, 429]
    answer = api.get("/api/v1/domains/", REMOTE_ADDR="192.0.2.1")
    is_problem(answer, 429)
    assert int(answer["Retry-After"]) > 0
    assert api.get("/api/v1/domains/", REMOTE_ADDR="192.0.2.2").status_code == 200
    assert APIClient().get("/healthz", REMOTE_ADDR="192.0.2.1").status_code == 200


def test_no_rate_is_any_number(api: APIClient, settings: Any) -> None:
    settings.CUPS_API_RATE = settings.CUPS_API_RATE_STRANGERS = 0
    assert {api.get("/api/v1/domains/").status_code for _ in range(5)} == {200}
    assert {APIClient().get("/api/v1/domains/").status_code for _ in range(5)} == {401}


def test_what_is_remembered_of_strangers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttles, "MAX_ADDRESSES", 2)
    for number in range(4):
        throttles._keep_out(f"192.0.2.{number}", 1.0)
    assert list(throttles._kept_out) == ["192.0.2.2", "192.0.2.3"]

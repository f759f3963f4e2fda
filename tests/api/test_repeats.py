"""Idempotency-Key: the same request again has the same answer, and no effect."""

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from cups_site import repeats
from presence import sending
from provisioning import answers
from provisioning.models import SourcePriority
from provisioning.models.tokens import KEPT_FOR, ApiToken, KeptAnswer
from provisioning.tasks import sweep_answers
from tests.api.conftest import XTEN3
from tests.api.test_errors import is_problem
from tests.api.test_tokens import token

pytestmark = pytest.mark.django_db

SOURCES = "/api/v1/sources/"


def post(api: APIClient, values: Any, key: str = "k1", path: str = SOURCES) -> Any:
    return api.post(path, values, format="json", headers={"Idempotency-Key": key})


def test_a_repeated_request_is_answered_the_same_and_done_once(api: APIClient) -> None:
    first = post(api, {"value": "x"})
    again = post(api, {"value": "x"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content and first["ETag"] == again["ETag"]
    assert again["Content-Type"] == first["Content-Type"]
    assert again["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first
    assert SourcePriority.objects.filter(value="x").count() == 1
    assert post(api, {"value": "y"}, "k2").status_code == 201


def test_many_rows_and_actions_as_well(api: APIClient) -> None:
    assert post(api, [{"value": "x"}, {"value": "y"}]).content == post(api, [{"value": "x"}, {"value": "y"}]).content
    decide = f"/api/v1/presence/{XTEN3}/decide/"
    for _ in range(2):
        answer = post(api, {"watcher": "ann@example.org", "effect": "allow"}, "k2", decide)
        assert (answer.status_code, answer.content) == (204, b"")
    message = {"to": "sip:xten4@compb.cisco.com", "text": "hello"}
    with mock.patch.object(sending, "send_now", return_value=sending.Sent(200, "OK")) as sent:
        for _ in range(2):
            answer = post(api, message, "k3", f"/api/v1/messages/send/?as={XTEN3}")
            assert (answer.status_code, answer.json()["reason"]) == (200, "OK")
    assert sent.call_count == 1


@pytest.mark.parametrize("other", [{"value": "y"}, [{"value": "x"}]])
def test_a_key_belongs_to_one_request(api: APIClient, other: Any) -> None:
    post(api, {"value": "x"})
    is_problem(post(api, other), 422)
    is_problem(post(api, {"value": "x"}, path="/api/v1/domains/"), 422)


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256])
def test_a_key_is_text(api: APIClient, key: str) -> None:
    is_problem(post(api, {"value": "x"}, key), 400)


def test_what_has_failed_can_be_corrected_under_the_same_key(api: APIClient) -> None:
    is_problem(post(api, {"value": " "}), 400)
    assert post(api, {"value": "x"}).status_code == 201


def test_while_the_first_is_under_way_the_second_is_told_so(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    met = []
    plain = repeats.answers.keep

    def keep(*rest: Any) -> None:
        met.append(post(api, {"value": "x"}))
        plain(*rest)

    monkeypatch.setattr(repeats.answers, "keep", keep)
    assert post(api, {"value": "x"}).status_code == 201
    assert is_problem(met[0], 409) and met[0]["Retry-After"] == "1"
    KeptAnswer.objects.update(status=None, created_at=timezone.now() - answers.WORKING)
    monkeypatch.setattr(repeats.answers, "keep", plain)
    is_problem(post(api, {"value": "x"}), 400)  # its process has died: it is done again, and finds the name taken


def test_keys_are_of_accounts_and_answers_of_tokens(api: APIClient) -> None:
    post(api, {"value": "x"})
    other = APIClient()
    other.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=User.objects.create_superuser('b')).key}")
    is_problem(post(other, {"value": "x"}), 400)
    is_problem(post(token(User.objects.get(username="integrator"), "read"), {"value": "x"}), 422)
    is_problem(post(APIClient(), {"value": "x"}), 401)


def test_secrets_and_large_answers_are_not_kept(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    made = post(api, {"name": "t", "scopes": ["read"]}, path="/api/v1/tokens/")
    secret = made.json()["token"].rpartition("_")[2]
    assert secret not in str(list(KeptAnswer.objects.values()))
    is_problem(post(api, {"name": "t", "scopes": ["read"]}, path="/api/v1/tokens/"), 409)
    assert ApiToken.objects.count() == 1
    monkeypatch.setattr(answers, "LARGEST", 10)
    assert post(api, {"value": "x"}, "k2").status_code == 201
    assert "201" in is_problem(post(api, {"value": "x"}, "k2"), 409)["detail"]


def test_answers_are_kept_for_a_while(api: APIClient) -> None:
    post(api, {"value": "x"})
    assert sweep_answers() == 0
    KeptAnswer.objects.update(expires_at=timezone.now())
    is_problem(post(api, {"value": "x"}), 400)  # done again: the name is taken
    KeptAnswer.objects.update(created_at=timezone.now() - 2 * KEPT_FOR, expires_at=timezone.now() - timedelta(1))
    post(api, {"value": "y"}, "k2")
    KeptAnswer.objects.update(expires_at=timezone.now() - timedelta(1))
    assert (sweep_answers(), KeptAnswer.objects.count()) == (1, 0)


def test_of_one_account_only_so_many_are_kept(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST", 2)
    monkeypatch.setattr(answers, "TRIM_EVERY", 1)
    for number in range(5):
        assert post(api, {"value": str(number)}, f"k{number}").status_code == 201
    assert sorted(KeptAnswer.objects.values_list("key", flat=True)) == ["k3", "k4"]


def test_other_methods_have_no_keys(api: APIClient) -> None:
    api.get(SOURCES, headers={"Idempotency-Key": "k1"})
    assert not KeptAnswer.objects.exists()

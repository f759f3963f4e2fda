"""Previews by REST."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from presence.api.preview import RESOURCES
from presence.concern import MODELS
from provisioning.models import DeviceType, EngineSettings, Persona, UriAcl
from tests.presence import preview_cast as cast
from tests.presence.preview_cast import ANN, BOB, JOE, watch

pytestmark = pytest.mark.django_db

API = "/api/v1/preview/"


@pytest.fixture(autouse=True)
def people() -> dict[str, Persona]:
    found = cast.people()
    watch(1, ANN)
    watch(2, BOB)
    return found


def api(*rights: str, is_staff: bool = True) -> APIClient:
    user = User.objects.create_user("somebody", is_staff=is_staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return client


def acl(**values: Any) -> dict[str, Any]:
    return {"resource": "uri-acls", "action": "create", "values": {"presentity": JOE, "default": "block", **values}}


def test_all_that_can_be_previewed_is_there() -> None:
    assert {view.queryset.model for view in RESOURCES.values()} == set(MODELS)


def test_a_new_row() -> None:
    """R-ARC-02: the same answer as in the admin; nothing is saved."""
    client = api("add_uriacl", "view_subscription")
    answer = client.post(API, acl(entries=[{"kind": "uri", "value": ANN, "effect": "allow"}]), format="json")
    found = answer.json()
    assert answer.status_code == 200, found
    assert found["counts"] == {"ended": 1, "politely_blocked": 0, "pending": 0, "changed": 0, "allowed": 0}
    assert (found["unchanged"], found["live"], found["looked_at"], found["complete"]) == (1, 2, 2, True)
    (one,) = found["affected"]
    assert (one["outcome"], one["reason"], one["watcher"], one["presentity"]) == ("ended", "rejected", BOB, JOE)
    assert one["text"] == f"{BOB} stops seeing {JOE} (rejected)." and one["before"] == "Interruptible But Busy"
    assert not UriAcl.objects.exists()


def test_a_change_names_what_differs() -> None:
    row = DeviceType.objects.get(value="eyeBeam")
    joe = Persona.objects.get(aor=JOE)
    joe.privacy_lists.create(kind="default", hidden_devices=["phone"])
    client = api("change_devicetype", "view_subscription")
    asked = {"resource": "device-types", "action": "update", "id": row.pk, "values": {"kind": "phone"}}
    found = client.post(API, asked, format="json").json()
    assert found["counts"]["changed"] == 2
    assert "device laptop is not shown any more" in found["affected"][0]["differences"]
    row.refresh_from_db()
    assert row.kind == "computer"


def test_a_deletion(people: dict[str, Persona]) -> None:
    client = api("delete_persona", "view_subscription")
    asked = {"resource": "users", "action": "delete", "id": people["joe"].pk}
    found = client.post(API, asked, format="json").json()
    assert found["counts"]["ended"] == 2 and found["affected"][0]["reason"] == "noresource"
    assert Persona.objects.filter(aor=JOE).exists()


def test_the_settings() -> None:
    client = api("change_enginesettings", "add_enginesettings", "delete_enginesettings", "view_subscription")
    asked = {"resource": "settings", "action": "update", "id": 1, "values": {"allow_by_default": False}}
    assert client.post(API, asked, format="json").json()["counts"]["ended"] == 2
    assert EngineSettings.objects.get().allow_by_default
    for action in ({"action": "create", "id": None}, {"action": "delete", "values": {}}):
        answer = client.post(API, {**asked, **action}, format="json")
        assert answer.status_code == 400 and set(answer.json()["errors"]) == {"action"}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"resource": "listeners"}, {"resource"}),
        ({"action": "save"}, {"action"}),
        ({"id": 5}, {"id"}),
        ({"action": "update"}, {"id"}),
        ({"action": "delete", "id": 5}, {"values"}),
        ({"values": {"presentity": "sip:nobody@cisco.com", "default": "odd"}}, {"values"}),
        ({"values": {"presentity": JOE, "entries": [{"kind": "uri", "value": "no address"}]}}, {"values"}),
        ({"values": "text"}, {"values"}),
        ({"id": "x"}, {"id"}),
    ],
)
def test_it_says_what_is_wrong(change: dict[str, Any], wrong: set[str]) -> None:
    client = api("add_uriacl", "change_uriacl", "delete_uriacl", "view_subscription")
    answer = client.post(API, {**acl(), **change}, format="json")
    assert answer.status_code == 400 and answer["Content-Type"] == "application/problem+json"
    assert set(answer.json()["errors"]) == wrong
    assert not UriAcl.objects.exists()


def test_a_row_that_is_not_there() -> None:
    client = api("change_uriacl", "view_subscription")
    asked = {"resource": "uri-acls", "action": "update", "id": 2**62, "values": {}}
    assert client.post(API, asked, format="json").status_code == 404


@pytest.mark.parametrize(
    ("rights", "is_staff"),
    [
        (("add_uriacl",), True),
        (("view_subscription", "change_uriacl"), True),
        (("add_uriacl", "view_subscription"), False),
    ],
)
def test_both_rights_are_needed(rights: tuple[str, ...], is_staff: bool) -> None:
    """That of the change itself, and the one to see subscriptions."""
    assert api(*rights, is_staff=is_staff).post(API, acl(), format="json").status_code == 403
    assert APIClient().post(API, acl(), format="json").status_code in (401, 403)


def test_it_is_described() -> None:
    found = api().get("/api/v1/schema/", {"format": "json"}).json()
    post = found["paths"][API]["post"]
    assert post["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Impact")
    assert set(found["components"]["schemas"]["Impact"]["properties"]) >= {"counts", "affected", "complete"}


def test_queries_are_bounded(django_assert_max_num_queries: Any) -> None:
    for number in range(60):
        watch(100 + number, f"sip:w{number}@cisco.com")
    client = api("add_uriacl", "view_subscription")
    with django_assert_max_num_queries(100):
        assert client.post(API, acl(), format="json").json()["counts"]["ended"] == 62

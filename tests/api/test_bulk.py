"""Many rows in one request: all or none, what is wrong by index, few queries, one announcement."""

from typing import Any
from unittest import mock

import pytest
from rest_framework.test import APIClient

from provisioning import bus
from provisioning.api.bulk import MOST, MOST_HASHED
from provisioning.models import Alias, Domain, Persona, ResourceList, SourcePriority
from tests.api.conftest import DOMAIN, XTEN3
from tests.api.test_errors import is_problem

pytestmark = pytest.mark.django_db

USERS = "/api/v1/users/"
SOURCES = "/api/v1/sources/"


def users(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"domain": DOMAIN, "user": f"u{number}", **more} for number in range(count)]


def test_many_rows_are_made_changed_and_deleted(api: APIClient) -> None:
    made = api.post(SOURCES, [{"value": "B", "priority": 1}, {"value": " A ", "priority": 2}], format="json")
    assert made.status_code == 201
    rows = made.json()
    assert [(one["value"], one["priority"]) for one in rows] == [("B", 1), ("A", 2)], "in their order, canonical"
    changed = api.patch(SOURCES, [{"id": one["id"], "priority": 9} for one in rows], format="json")
    assert changed.status_code == 200 and {one["priority"] for one in changed.json()} == {9}
    replaced = api.put(SOURCES, [{"id": rows[1]["id"], "value": "C"}], format="json")
    assert [one["value"] for one in replaced.json()] == ["C"]
    assert api.delete(SOURCES, [rows[0]["id"], {"id": rows[1]["id"]}], format="json").status_code == 204
    assert not SourcePriority.objects.filter(value__in=["B", "C"]).exists()


def test_all_or_nothing_and_what_is_wrong_by_index(api: APIClient) -> None:
    before = SourcePriority.objects.count()
    found = is_problem(api.post(SOURCES, [{"value": "x"}, {"value": " "}, {"value": "x"}, 5], format="json"), 400)
    assert set(found["errors"]) == {"3"}, "what is no object is told first"
    found = is_problem(api.post(SOURCES, [{"value": "x"}, {"value": " "}, {"value": "x"}], format="json"), 400)
    assert set(found["errors"]) == {"1", "2"} and "value" in found["errors"]["1"]
    assert SourcePriority.objects.count() == before
    one = SourcePriority.objects.create(value="one", priority=1)
    for method in ("patch", "put"):
        values = [{"id": one.pk, "value": "two"}, {"id": 999_999, "value": "three"}]
        assert set(is_problem(getattr(api, method)(SOURCES, values, format="json"), 400)["errors"]) == {"1"}
    assert set(is_problem(api.delete(SOURCES, [one.pk, 999_999], format="json"), 400)["errors"]) == {"1"}
    assert SourcePriority.objects.get(pk=one.pk).value == "one"


@pytest.mark.parametrize("rows", [[], {}, "x", None, [{"id": 1}] * (MOST + 1)])
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_list_has_a_length(api: APIClient, method: str, rows: Any) -> None:
    is_problem(getattr(api, method)(SOURCES, rows, format="json"), 400)


def test_a_list_to_be_made_has_a_length(api: APIClient) -> None:
    is_problem(api.post(SOURCES, [], format="json"), 400)
    is_problem(api.post(SOURCES, [{"value": str(number)} for number in range(MOST + 1)], format="json"), 400)


@pytest.mark.parametrize("id", [None, "1", True, 1.5, -1, 10**30, [1], {"a": 1}])
def test_an_id_is_an_id(api: APIClient, id: Any) -> None:
    for method in ("patch", "delete"):
        is_problem(getattr(api, method)(SOURCES, [{"id": id}], format="json"), 400)


def test_a_row_is_named_once(api: APIClient) -> None:
    one = SourcePriority.objects.create(value="one", priority=1)
    is_problem(api.patch(SOURCES, [{"id": one.pk, "priority": n} for n in (1, 2)], format="json"), 400)


def test_rules_of_single_rows_hold_for_many(api: APIClient) -> None:
    """D-01, D-50: addresses of record stay, renames are confirmed."""
    record = Alias.objects.get(uri=XTEN3)
    other = Alias.objects.create(uri=f"sip:x@{DOMAIN}", persona=Persona.objects.get(aor=XTEN3))
    found = is_problem(api.delete("/api/v1/aliases/", [other.pk, record.pk], format="json"), 400)
    assert set(found["errors"]) == {"1"} and Alias.objects.filter(pk=other.pk).exists()
    rename = [{"id": Domain.objects.get().pk, "name": "new.example"}]
    is_problem(api.patch("/api/v1/domains/", rename, format="json"), 400)
    assert api.patch("/api/v1/domains/?confirm=rename", rename, format="json").status_code == 200


@pytest.mark.parametrize(("count", "path"), [(3, SOURCES), (3, USERS)])
def test_edges_hear_of_many_rows_once(
    api: APIClient, count: int, path: str, django_capture_on_commit_callbacks: Any
) -> None:
    rows = users(count) if path == USERS else [{"value": f"s{number}"} for number in range(count)]
    with mock.patch.object(bus, "_publish") as published:
        with django_capture_on_commit_callbacks(execute=True):
            made = api.post(path, rows, format="json").json()
        assert published.call_count == 1
        with django_capture_on_commit_callbacks(execute=True):
            api.patch(path, [{"id": one["id"]} for one in made], format="json")
        assert published.call_count == 2
        with django_capture_on_commit_callbacks(execute=True):
            api.delete(path, [one["id"] for one in made], format="json")
        assert published.call_count == 3


def test_many_users_are_made_as_single_ones_are(api: APIClient) -> None:
    """D-01, D-50: canonical, with their address of record, and digest secrets only."""
    rows = [
        {"domain": "CompB.cisco.com", "user": "Ann", "password": "secret", "delegates": [XTEN3], "name": "Ann"},
        {"domain": DOMAIN, "user": "%62ob", "pin": "1234", "enabled": False, "offline_messages": True},
    ]
    made = api.post(USERS, rows, format="json")
    assert made.status_code == 201, made.json()
    ann, bob = made.json()
    assert (ann["aor"], bob["aor"]) == (f"sip:Ann@{DOMAIN}", f"sip:bob@{DOMAIN}")
    assert ann["aliases"] == [ann["aor"]] and ann["delegates"] == [XTEN3] and not bob["enabled"]
    assert api.get(f"{USERS}{ann['id']}/").json() == ann
    stored = Persona.objects.get(pk=ann["id"])
    assert stored.check_password("secret") and Persona.objects.get(pk=bob["id"]).check_pin("1234")
    single = Persona(domain=stored.domain, user="Ann")
    single.set_password("secret")
    assert (stored.md5, stored.sha256_full) == (single.md5, single.sha256_full)


def test_addresses_of_many_users_are_free(api: APIClient) -> None:
    ResourceList.objects.create(uri=f"sip:team@{DOMAIN}")
    rows = [
        {"domain": DOMAIN, "user": user} for user in ("new", "xten3", "team", "twice", "twice", "a b")
    ] + [{"domain": "other.example", "user": "x"}]  # fmt: skip
    found = is_problem(api.post(USERS, rows, format="json"), 400)
    assert set(found["errors"]) == {"5", "6"}
    found = is_problem(api.post(USERS, rows[:5], format="json"), 400)
    assert set(found["errors"]) == {"1", "2", "4"}
    assert not Persona.objects.filter(user="new").exists()
    xten4 = Persona.objects.get(user="xten4")
    is_problem(api.patch(USERS, [{"id": xten4.pk, "user": "xten3"}], format="json"), 400)


def test_many_users_are_changed_as_single_ones_are(api: APIClient) -> None:
    xten3, xten4 = Persona.objects.order_by("user")
    for one in (xten3, xten4):
        one.set_password("secret")
        one.save()
    rows = [
        {"id": xten3.pk, "name": "Three", "delegates": [str(xten4.aor)], "publish_policy": "delegates"},
        {"id": xten4.pk, "user": "renamed"},
    ]
    changed = api.patch(USERS, rows, format="json")
    assert changed.status_code == 200, changed.json()
    three, four = changed.json()
    assert (three["name"], three["delegates"], three["has_password"]) == ("Three", [f"sip:renamed@{DOMAIN}"], True)
    assert (four["aor"], four["aliases"], four["has_password"]) == (
        f"sip:renamed@{DOMAIN}", [f"sip:renamed@{DOMAIN}"], False,
    )  # fmt: skip
    again = api.patch(USERS, [{"id": xten3.pk, "delegates": []}], format="json").json()
    assert again[0]["delegates"] == [] and again[0]["name"] == "Three"


def test_pins_take_their_time(api: APIClient) -> None:
    is_problem(api.post(USERS, users(MOST_HASHED + 1, pin="1234"), format="json"), 400)


@pytest.mark.parametrize("count", [2, 40])
def test_many_users_take_a_few_queries(api: APIClient, count: int, django_assert_max_num_queries: Any) -> None:
    """However many there are, history included: deleting reads what goes with a user, table by table."""
    with django_assert_max_num_queries(28):
        made = api.post(USERS, users(count, password="secret", delegates=[XTEN3]), format="json").json()
    assert len(made) == count
    with django_assert_max_num_queries(32):
        changed = api.put(
            USERS,
            [{"id": one["id"], "domain": DOMAIN, "user": one["user"], "name": "N", "delegates": []} for one in made],
            format="json",
        )
    assert changed.status_code == 200, changed.json()
    with django_assert_max_num_queries(60):
        assert api.delete(USERS, [one["id"] for one in made], format="json").status_code == 204
    assert Persona.objects.count() == 2

"""Provisioning by REST: one suite for every resource, pinned query counts, errors as problem documents."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from provisioning.models import Domain, Persona

pytestmark = pytest.mark.django_db

RESOURCES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    # path: (create, change, one that is refused)
    "domains": ({"name": "New.Example"}, {"description": "ours"}, {"name": "not a name"}),
    "users": (
        {"domain": "compb.cisco.com", "user": "xten9", "password": "secret"},
        {"name": "Xten Nine"},
        {"domain": "compb.cisco.com", "user": "a b"},
    ),
    "aliases": (
        {"uri": "sip:Alias@compB.cisco.com;transport=tcp", "persona": "sip:xten3@compb.cisco.com"},
        {"uri": "sip:other@compb.cisco.com"},
        {"uri": "nobody", "persona": "sip:xten3@compb.cisco.com"},
    ),
    "sources": ({"value": "Calendar", "priority": 5}, {"priority": 7}, {"value": "   "}),
    "capabilities": ({"client_type": "Door", "text": True}, {"audio": True}, {"client_type": ""}),
    "reachability-rules": (
        {"position": 200, "condition": "otherwise", "state": "available"},
        {"position": 201},
        {"position": 202, "condition": "otherwise", "state": "as_stated"},
    ),
    "listeners": (
        {"transport": "udp", "host": "127.0.0.9", "port": 5060, "role": "proxy"},
        {"authentication": False},
        {"transport": "sctp", "host": "127.0.0.9", "port": 5060, "role": "proxy"},
    ),
    "trusted-peers": ({"network": "10.0.0.0/8"}, {"description": "lab"}, {"network": "10.0.0.0/99"}),
    "access-list": (
        {"kind": "address", "value": "10.1.2.3"},
        {"asserts_identity": True},
        {"kind": "address", "value": "host.example"},
    ),
    "uri-acls": (
        {
            "presentity": "sip:xten3@compb.cisco.com",
            "default": "block",
            "entries": [{"kind": "uri", "value": "Ann@Example.org", "effect": "allow"}],
        },
        {"entries": [{"kind": "domain", "value": "example.org", "effect": "polite_block"}]},
        {"presentity": "sip:xten3@compb.cisco.com", "entries": [{"kind": "uri", "value": "no address"}]},
    ),
    "privacy-lists": (
        {
            "owner": "sip:xten3@compb.cisco.com",
            "name": "friends",
            "filter": "im_only",
            "hidden_devices": ["mobile"],
            "members": [{"kind": "uri", "value": "ann@example.org"}],
        },
        {"filter": "none"},
        {
            "owner": "sip:xten3@compb.cisco.com",
            "kind": "default",
            "members": [{"kind": "domain", "value": "a.example"}],
        },
    ),
    "watcher-filters": (
        {"kind": "phone_only", "client_type": "Conference"},
        {"kind": "im_only"},
        {"kind": "im_only", "client_type": "Conference", "domain": "example.org"},
    ),
    "device-types": (
        {"match": "source", "value": " Desk   phone ", "kind": "phone"},
        {"kind": "computer"},
        {"match": "source", "value": "  ", "kind": "phone"},
    ),
    "lists": (
        {"uri": "team@compb.cisco.com", "members": [{"uri": "b@x.example", "name": "B"}, {"uri": "a@x.example"}]},
        {"name": "The team"},
        {"uri": "sip:xten3@compb.cisco.com"},
    ),
    "integrators": (
        {"user": "calendar", "persona": "sip:xten3@compb.cisco.com", "publish_for": ["sip:xten3@compb.cisco.com"]},
        {"may_send": True},
        {"user": "calendar", "watcher": "sip:xten3@compb.cisco.com"},
    ),
    "webhooks": (
        {
            "name": "wall",
            "url": "https://wall.example/presence",
            "secret": "sixteen letters!",
            "watcher": "wall@example.org",
            "targets": [{"uri": "xten3@compb.cisco.com"}],
        },
        {"enabled": False},
        {"name": "wall", "url": "http://wall.example/", "secret": "sixteen letters!", "watcher": "wall@example.org"},
    ),
    "foreign-servers": (
        {"name": "cm", "address": "CM.example:5070", "domain": "cm.example", "expires": 1800},
        {"shared_identity": True},
        {"name": "cm", "address": "cm.example:99999"},
    ),
    "static-routes": (
        {"pattern": "*.Partner.example", "next_hop": "sbc.example", "port": 5061, "transport": "tls", "priority": 2},
        {"weight": 7},
        {"kind": "user", "pattern": "91*5", "next_hop": "sbc.example"},
    ),
    "method-routes": (
        {"name": "Calls", "kind": "method", "token": "INVITE", "next_hop": "cm.example"},
        {"transport": "tcp"},
        {"name": "Contacts", "kind": "method", "token": "register", "next_hop": "cm.example"},
    ),
    "outbound-rules": ({"pattern": "*", "allow": False}, {"allow": True}, {"pattern": "a b"}),
    "canned-messages": (
        {"owner": "sip:xten3@compb.cisco.com", "text": "On  my way"},
        {"position": 3},
        {"text": "   "},
    ),
    "lines": (
        {"uri": "tel:2001;phone-context=dialstring", "owner": "sip:xten3@compb.cisco.com"},
        {"device": "SEP0002FD3BB5C5", "takes_calls": False, "may_call": "ours", "control_link": "phone:4444"},
        {"uri": "my phone"},
    ),
    "application-users": ({"name": "desk", "password": "secret"}, {"controls_all": True}, {"name": "a b"}),
    "limit-exemptions": ({"network": "192.0.2.0/24"}, {"description": "load"}, {"network": "192.0.2.0/99"}),
}


@pytest.fixture
def api() -> APIClient:
    xten3 = Persona(domain=Domain.objects.create(name="compB.cisco.com"), user="xten3")
    xten3.save()
    user = get_user_model().objects.create_superuser("integrator")
    get_user_model().objects.create_user("calendar")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return client


@pytest.mark.parametrize("name", RESOURCES)
def test_a_resource_is_created_listed_changed_and_deleted(api: APIClient, name: str) -> None:
    create, change, _ = RESOURCES[name]
    created = api.post(f"/api/v1/{name}/", create, format="json")
    assert created.status_code == 201, created.data
    one = f"/api/v1/{name}/{created.data['id']}/"
    assert api.get(one).status_code == 200
    listed = api.get(f"/api/v1/{name}/", {"limit": 1000}).data
    assert created.data["id"] in [row["id"] for row in listed["results"]]
    changed = api.patch(one, change, format="json")
    assert changed.status_code == 200, changed.data
    assert all(changed.data[key] == value for key, value in change.items())
    assert api.delete(one).status_code == 204
    assert api.get(one).status_code == 404


@pytest.mark.parametrize("name", RESOURCES)
def test_a_bad_value_is_refused_with_a_problem_document(api: APIClient, name: str) -> None:
    response = api.post(f"/api/v1/{name}/", RESOURCES[name][2], format="json")
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert response.data["status"] == 400
    assert response.data["errors"]


@pytest.mark.parametrize(
    "name",
    [
        *RESOURCES,
        "expiry",
        "settings",
        "limits",
        "messenger-settings",
        "cti-settings",
        "presence/sip:xten3@compb.cisco.com",
    ],
)
def test_without_a_token_nothing_is_shown(api: APIClient, name: str) -> None:
    response = APIClient().get(f"/api/v1/{name}/")
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"


def test_canonical_forms_come_back(api: APIClient) -> None:
    """D-01: one spelling for one address."""
    response = api.post("/api/v1/aliases/", RESOURCES["aliases"][0], format="json")
    assert response.data["uri"] == "sip:Alias@compb.cisco.com"


def test_the_parts_of_a_row_come_with_it(api: APIClient) -> None:
    """R-SUB-09, R-LST-04: canonical, in their order; left out in a change they stay, given they replace."""
    create, change, _ = RESOURCES["uri-acls"]
    made = api.post("/api/v1/uri-acls/", create, format="json").json()
    assert made["entries"] == [{"kind": "uri", "value": "sip:Ann@example.org", "effect": "allow"}]
    path = f"/api/v1/uri-acls/{made['id']}/"
    assert api.patch(path, {"default": "allow"}, format="json").json()["entries"] == made["entries"]
    assert api.patch(path, change, format="json").json()["entries"] == [
        {"kind": "domain", "value": "example.org", "effect": "polite_block"}
    ]
    twice = [{"kind": "uri", "value": "a@b.example"}, {"kind": "uri", "value": "sip:a@B.example"}]
    assert api.patch(path, {"entries": twice}, format="json").status_code == 400
    assert len(api.get(path).json()["entries"]) == 1, "nothing is lost by a refusal"
    team = api.post("/api/v1/lists/", RESOURCES["lists"][0], format="json").json()
    assert [member["uri"] for member in team["members"]] == ["sip:b@x.example", "sip:a@x.example"]


def test_a_mapping_names_its_server(api: APIClient) -> None:
    """R-BCK-04, R-AOR-07."""
    api.post("/api/v1/foreign-servers/", RESOURCES["foreign-servers"][0], format="json")
    mapping = {"persona": "sip:xten3@compb.cisco.com", "foreign": "5555@cm.example", "server": "cm", "priority": 3}
    made = api.post("/api/v1/mappings/", mapping, format="json")
    assert made.status_code == 201 and made.json()["foreign"] == "sip:5555@cm.example"
    assert api.post("/api/v1/mappings/", {**mapping, "server": "other"}, format="json").status_code == 400
    assert api.delete(f"/api/v1/mappings/{made.json()['id']}/").status_code == 204


def test_a_password_is_never_shown(api: APIClient) -> None:
    """D-50: secrets go in and do not come out."""
    created = api.post("/api/v1/users/", RESOURCES["users"][0], format="json")
    assert created.data["has_password"] is True
    assert "secret" not in str(created.data)
    assert not {"password", "md5", "sha256", "pin"} & set(created.data)
    url = f"/api/v1/users/{created.data['id']}/"
    assert api.patch(url, {"pin": "12"}, format="json").status_code == 400
    assert "pin" not in api.patch(url, {"pin": "1234"}, format="json").data
    assert Persona.objects.get(pk=created.data["id"]).check_pin("1234")


def test_an_address_of_record_cannot_be_taken_away(api: APIClient) -> None:
    """D-01: the address of record is an alias of its own user."""
    (alias,) = api.get("/api/v1/aliases/", {"uri": "sip:xten3@compb.cisco.com"}).data["results"]
    assert api.delete(f"/api/v1/aliases/{alias['id']}/").status_code == 400
    assert api.patch(f"/api/v1/aliases/{alias['id']}/", {"uri": "sip:x@compb.cisco.com"}).status_code == 400


def test_renaming_a_domain_has_to_be_confirmed(api: APIClient) -> None:
    """D-50: a new name voids the passwords."""
    domain = Domain.objects.get()
    address = f"/api/v1/domains/{domain.pk}/"
    assert api.patch(address, {"name": "new.example"}, format="json").status_code == 400
    assert api.patch(f"{address}?confirm=rename", {"name": "new.example"}, format="json").status_code == 200
    assert Persona.objects.get().aor == "sip:xten3@new.example"


def test_expiry_bounds_keep_their_order(api: APIClient) -> None:
    """D-05, section 6."""
    rows = {row["method"]: row for row in api.get("/api/v1/expiry/").data["results"]}
    assert (rows["rest"]["minimum"], rows["rest"]["default"], rows["rest"]["maximum"]) == (10, 3600, 86400)
    address = f"/api/v1/expiry/{rows['publish']['id']}/"
    assert api.patch(address, {"minimum": 9999}, format="json").status_code == 400
    assert api.patch(address, {"minimum": 30}, format="json").data["minimum"] == 30


@pytest.mark.parametrize(("name", "queries"), [("users", 5), ("aliases", 3), ("domains", 3)])
def test_a_list_costs_the_same_number_of_queries_for_any_length(
    api: APIClient, name: str, queries: int, django_assert_num_queries: Any
) -> None:
    for number in range(5):
        Persona(domain=Domain.objects.get(name="compb.cisco.com"), user=f"u{number}").save()
        Domain.objects.create(name=f"d{number}.example")
    with django_assert_num_queries(queries):  # token, count, rows and what is prefetched
        assert api.get(f"/api/v1/{name}/").status_code == 200


def test_the_schema_describes_every_resource(api: APIClient) -> None:
    schema = api.get("/api/v1/schema/", HTTP_ACCEPT="application/json")
    assert schema.status_code == 200
    for name in (*RESOURCES, "expiry", "settings", "limits", "publications", "subscriptions", "bindings"):
        assert f"/api/v1/{name}/".encode() in schema.content

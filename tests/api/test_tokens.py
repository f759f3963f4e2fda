"""Tokens with a purpose: scopes, networks, an end; shown once, kept as a hash, and never more than their account."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from provisioning.models.tokens import MOST_NETWORKS, PREFIX, ApiToken, Scope
from tests.api.conftest import DOMAIN, XTEN3
from tests.api.test_errors import is_problem

pytestmark = pytest.mark.django_db

TOKENS = "/api/v1/tokens/"


def client(key: str, **more: Any) -> APIClient:
    """With this token."""
    made = APIClient(**more)
    made.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    return made


def token(user: User, *scopes: str, **more: Any) -> APIClient:
    """A client with a new token of this account."""
    row = ApiToken(user=user, name="a program", scopes=list(scopes), **more)
    key = row.generate()
    row.save()
    found = client(key)
    found.row = row
    return found


@pytest.fixture
def root(api: APIClient) -> User:
    """The superuser of `api`."""
    return User.objects.get(username="integrator")


@pytest.fixture
def administrator() -> User:
    """By its role, no superuser."""
    made = User.objects.create_user("admina", is_staff=True)
    made.groups.add(Group.objects.get(name="Administrator"))
    return made


def test_a_token_is_shown_once_and_kept_as_a_hash(api: APIClient) -> None:
    made = api.post(TOKENS, {"name": "wall board", "scopes": ["read"], "networks": ["127.0.0.1"]}, format="json")
    assert made.status_code == 201, made.json()
    whole = made.json()["token"]
    assert whole.startswith(made.json()["begins"]) and made["Cache-Control"] == "no-store"
    row = ApiToken.objects.get()
    secret = whole.rpartition("_")[2]
    assert secret not in str({**row.__dict__}) and row.user.username == "integrator"
    for answer in (api.get(TOKENS), api.get(f"{TOKENS}{row.pk}/")):
        assert secret not in answer.content.decode() and row.digest not in answer.content.decode()
    assert client(whole).get("/api/v1/users/").status_code == 200
    ApiToken.objects.get().refresh_from_db()
    assert ApiToken.objects.get().last_used_at is not None
    assert api.delete(f"{TOKENS}{row.pk}/").status_code == 204
    is_problem(client(whole).get("/api/v1/users/"), 401)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": ["read"], "networks": ["somewhere"]},
        {"scopes": ["read"], "networks": ["192.0.2.1"] * (MOST_NETWORKS + 1)},
        {"scopes": ["read"], "expires_at": "soon"},
        {"scopes": ["read"], "user": "nobody"},
    ],
)
def test_a_token_that_cannot_be_is_refused(api: APIClient, wrong: dict[str, Any]) -> None:
    assert is_problem(api.post(TOKENS, {"name": "x", **wrong}, format="json"), 400)["errors"]


def test_plain_tokens_go_on_as_they_are(root: User) -> None:
    assert client(Token.objects.get(user=root).key).get("/api/v1/users/").status_code == 200
    assert client(Token.objects.get(user=root).key).post("/api/v1/sources/", {"value": "x"}).status_code == 201


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("read", {"read"}),
        ("provisioning", {"source", "rename"}),
        ("presence", {"decide", "send"}),
        ("telephony", {"line"}),
        ("trace", {"messages", "trace"}),
        ("tokens", {"tokens", "revoke"}),
    ],
)
def test_a_scope_opens_its_area_and_nothing_else(root: User, scope: str, allowed: set[str]) -> None:
    asked = {
        "read": ("get", "/api/v1/users/", {}),
        "source": ("post", "/api/v1/sources/", {"value": "x"}),
        "rename": ("patch", "/api/v1/domains/1/", {}),
        "decide": ("post", f"/api/v1/presence/{XTEN3}/decide/", {}),
        "send": ("post", "/api/v1/messages/send/?as=a@b.example", {}),
        "line": ("post", "/api/v1/lines/", {}),
        "messages": ("get", "/api/v1/messages/", {}),
        "trace": ("get", "/api/v1/trace/", {}),
        "tokens": ("get", TOKENS, {}),
        "revoke": ("delete", f"{TOKENS}999999/", {}),
    }
    program = token(root, scope)
    for name, (method, path, values) in asked.items():
        answer = getattr(program, method)(path, values, format=None if method == "get" else "json")
        assert (answer.status_code != 403) == (name in allowed), (name, answer.status_code)
        if name not in allowed:
            assert scope != name and "scope" in is_problem(answer, 403)["detail"]


def test_all_scopes_are_no_more_than_the_account() -> None:
    """An auditor's token changes nothing; that of somebody without a role sees nothing."""
    auditor = User.objects.create_user("auditor", is_staff=True)
    program = token(auditor, *Scope.values)
    is_problem(program.get("/api/v1/users/"), 403)
    auditor.groups.add(Group.objects.get(name="Auditor"))
    assert program.get("/api/v1/users/").status_code == 200
    is_problem(program.post("/api/v1/sources/", {"value": "x"}, format="json"), 403)
    auditor.is_active = False
    auditor.save()
    is_problem(program.get("/api/v1/users/"), 401)


@pytest.mark.parametrize(
    ("networks", "address", "status"),
    [
        ("", "203.0.113.5", 200),
        ("192.0.2.0/24, 2001:db8::/32", "192.0.2.9", 200),
        ("192.0.2.0/24, 2001:db8::/32", "2001:db8::1", 200),
        ("192.0.2.0/24", "::ffff:192.0.2.9", 200),
        ("192.0.2.0/24", "192.0.3.1", 401),
        ("192.0.2.0/24", "no address", 401),
        ("192.0.2.0/24", "", 401),
    ],
)
def test_a_token_counts_from_its_networks(root: User, networks: str, address: str, status: int) -> None:
    program = token(root, "read", networks=networks)
    assert program.get("/api/v1/users/", REMOTE_ADDR=address).status_code == status


def test_a_token_runs_out(root: User) -> None:
    now = timezone.now()
    assert token(root, "read", expires_at=now + timedelta(hours=1)).get("/api/v1/users/").status_code == 200
    found = token(root, "read", expires_at=now - timedelta(seconds=1)).get("/api/v1/users/")
    assert "run out" in is_problem(found, 401)["detail"]


@pytest.mark.parametrize("text", [PREFIX, f"{PREFIX}x", f"{PREFIX}_", f"{PREFIX}\xff_x", f"{PREFIX}{'a' * 5000}_b"])
def test_what_is_no_token_is_refused(api: APIClient, text: str) -> None:
    is_problem(client(text).get("/api/v1/users/"), 401)


def test_a_wrong_secret_is_refused(root: User) -> None:
    row = token(root, "read").row
    is_problem(client(f"{PREFIX}{row.key}_wrong").get("/api/v1/users/"), 401)


def test_the_use_of_a_token_is_not_written_with_every_request(root: User, django_assert_num_queries: Any) -> None:
    program = token(root, "read")
    program.get("/api/v1/domains/")
    with django_assert_num_queries(3):  # token, count, rows
        program.get("/api/v1/domains/")


def test_nobody_makes_a_token_for_more_than_it_may(root: User, administrator: User) -> None:
    """For superusers only superusers; a token makes none that opens more, or lasts longer, than itself."""
    own = client(Token.objects.create(user=administrator).key)
    values = {"name": "x", "scopes": ["read", "provisioning"]}
    is_problem(own.post(TOKENS, {**values, "user": "integrator"}, format="json"), 400)
    kim = User.objects.create_user("kim")
    assert own.post(TOKENS, {**values, "user": "kim"}, format="json").status_code == 201
    roots = token(root, "read").row
    is_problem(own.delete(f"{TOKENS}{roots.pk}/"), 403)
    is_problem(own.patch(f"{TOKENS}{roots.pk}/", {"scopes": ["tokens"]}, format="json"), 400)
    until = timezone.now() + timedelta(hours=1)
    program = token(administrator, "tokens", "read", expires_at=until)
    is_problem(program.post(TOKENS, {**values, "expires_at": until.isoformat()}, format="json"), 400)
    is_problem(program.post(TOKENS, {"name": "x", "scopes": ["read"]}, format="json"), 400)
    few = {"name": "x", "scopes": ["read"], "expires_at": until.isoformat()}
    assert program.post(TOKENS, few, format="json").status_code == 201
    is_problem(program.patch(f"{TOKENS}{program.row.pk}/", {"scopes": list(Scope.values)}, format="json"), 400)
    is_problem(program.patch(f"{TOKENS}{program.row.pk}/", {"expires_at": None}, format="json"), 400)
    is_problem(own.patch(f"{TOKENS}{program.row.pk}/", {"user": kim.username}, format="json"), 400)


def test_operators_see_no_tokens() -> None:
    for role, status in (("Operator", 403), ("Help desk", 403), ("Auditor", 200)):
        user = User.objects.create_user(role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        assert client(Token.objects.create(user=user).key).get(TOKENS).status_code == status


def test_the_admin_shows_a_new_token_once(administrator: User, root: User) -> None:
    page = Client()
    page.force_login(administrator)
    address = "/admin/provisioning/apitoken/"
    form = {"name": "wall board", "user": administrator.pk, "scopes": ["read"], "networks": "192.0.2.0/24 ,10.1.1.1"}
    made = page.post(f"{address}add/", form)
    row = ApiToken.objects.get()
    assert made.status_code == 200 and f"{PREFIX}{row.key}_" in made.content.decode()
    assert "no-store" in made["Cache-Control"] and row.networks == "192.0.2.0/24, 10.1.1.1"
    listed = page.get(address).content.decode()
    assert f"{PREFIX}{row.key}" in listed and f"{PREFIX}{row.key}_" not in listed
    refused = page.post(f"{address}add/", {**form, "user": root.pk})
    assert "You may not make tokens for this account" in refused.content.decode() and ApiToken.objects.count() == 1
    roots = token(root, "read").row
    for path in (f"{address}{roots.pk}/delete/", f"{address}{roots.pk}/change/"):
        assert page.post(path, {"post": "yes", **form}).status_code == 403
    page.post(address, {"action": "delete_selected", "_selected_action": [roots.pk], "post": "yes"})
    assert ApiToken.objects.filter(pk=roots.pk).exists()
    page.post(f"{address}{row.pk}/change/", {"name": "new", "scopes": ["read"], "networks": ""})
    row.refresh_from_db()
    assert (row.name, row.networks, row.user) == ("new", "", administrator)
    assert page.post(f"{address}{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert DOMAIN and not ApiToken.objects.filter(pk=row.pk).exists()

"""What each role may do: every table of the admin, every resource of the REST API."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from cups_site.api import router
from presence.api.preview import RESOURCES
from presence.identity import Account
from provisioning.history import reading, recording
from provisioning.roles import ROLES

pytestmark = pytest.mark.django_db

ALL, NONE = {"view", "add", "change", "delete"}, set[str]()
PRIVATE = {"loggedmessage", "messengermessage", "storedmessage", "signallingtrace", "timelineentry"}
NOBODYS = "999999999/"
"A row that is not there."

AS_SOMEBODY = {"component"}
"Actions of whoever acts as a user."

LIVE = {"publication", "subscription", "backendsubscription", "binding"}

SUPPORTED = {"alias", "privacylist", "privacylistmember", "resourcelist", "resourcelistmember"}


def wanted(role: str, label: str, table: str) -> set[str]:
    """The rights that a role has to a table, as docs/security.md says."""
    if label in ("auth", "authtoken"):
        return {"Administrator": ALL, "Auditor": {"view"} if label == "auth" else NONE}.get(role, NONE)
    if table == "apitoken":
        return {"Administrator": ALL, "Auditor": {"view"}}.get(role, NONE)
    if role in ("Administrator", "Operator"):
        return ALL
    if role == "Auditor":
        return {"view"}
    if table in PRIVATE:
        return NONE
    if table in SUPPORTED:
        return ALL
    if table in LIVE:
        return {"view", "change"}
    return {"persona": {"view", "change"}, "messengersession": {"view", "delete"}}.get(table, {"view"})


@pytest.fixture(params=[role.name for role in ROLES] + ["nobody"])
def user(request: pytest.FixtureRequest) -> User:
    made = User.objects.create_user("kim", is_staff=True)
    if request.param != "nobody":
        made.groups.add(Group.objects.get(name=request.param))
    made.role = request.param  # type: ignore[attr-defined]
    return made


def rights(user: Any, model: Any) -> set[str]:
    """Those of the model's own rights that the user's role has."""
    meta = model._meta
    found = NONE if user.role == "nobody" else wanted(user.role, meta.app_label, meta.model_name)
    return found & set(meta.default_permissions)


def test_every_table(user: User) -> None:
    """By the names of the rights, for all tables that the admin has."""
    for model in admin.site._registry:
        label, table = model._meta.app_label, model._meta.model_name
        if label in ("provisioning", "presence", "cti", "sipedge", "auth", "authtoken"):
            found = {one for one in ALL if user.has_perm(f"{label}.{one}_{table}")}
            assert found == rights(user, model), (label, table)


def test_histories_follow_the_rights_to_their_tables(user: User) -> None:
    """They have no rights of their own; who sees none of the tables does not see the list of all changes either."""
    for model in recording.tracked():
        versions = model.records.versions  # type: ignore[attr-defined]
        assert not Permission.objects.filter(content_type__model=versions._meta.model_name).exists()
        assert reading.may(user, model, "view") == ("view" in rights(user, model)), model
    assert user.has_perm("provisioning.view_recordedchange") == (user.role != "nobody")  # type: ignore[attr-defined]
    assert bool(reading.visible(user)) == (user.role != "nobody")  # type: ignore[attr-defined]


def test_every_page_of_the_admin(user: User) -> None:
    """A list is shown to whoever may view it, else the answer is 403."""
    client = Client()
    client.force_login(user)
    for model in admin.site._registry:
        label, table = model._meta.app_label, model._meta.model_name
        status = client.get(reverse(f"admin:{label}_{table}_changelist"), follow=True).status_code
        own = label in ("provisioning", "presence", "cti", "sipedge", "auth")
        if own:
            assert (status == 200) == bool(rights(user, model)), (label, table, status)


def _asked(client: APIClient, method: str, address: str) -> int:
    return int(getattr(client, method)(address, {}, format="json").status_code)


def test_every_resource(user: User) -> None:
    """Reading needs the right to view a table, POST to add, PUT and PATCH to change, DELETE to delete."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    for prefix, view, _ in router.registry:
        may = rights(user, view.queryset.model)
        asked = [
            ("list", "get", "", "view"), ("list", "post", "", "add"), ("update", "put", NOBODYS, "change"),
            ("partial_update", "patch", NOBODYS, "change"), ("destroy", "delete", NOBODYS, "delete"),
        ]  # fmt: skip
        for name, method, row, right in asked:
            if hasattr(view, name):
                status = _asked(client, method, f"/api/v1/{prefix}/{row}")
                assert (status != 403) == (right in may), (prefix, method, status)


def test_every_action(user: User) -> None:
    """What can be done beside that: reading needs the right to view, and what is done to one row that to change it."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    met = set()
    for prefix, view, _ in router.registry:
        may = rights(user, view.queryset.model)
        for action in view.get_extra_actions():
            if "permission_classes" in action.kwargs or action.__name__ in AS_SOMEBODY:
                continue
            path = re.sub(r"\(\?P<.*\)", "abc", action.url_path)
            for method in action.mapping:
                right = "view" if method == "get" else "change"
                status = _asked(client, method, f"/api/v1/{prefix}/{NOBODYS if action.detail else ''}{path}/")
                assert (status != 403) == (right in may), (prefix, path, method, status)
                met.add((prefix, action.__name__))
    assert {("lines", "press"), ("lines", "ring"), ("telephony", "associations"), ("trace", "pcap")} <= met
    assert {("subscriptions", "end"), ("subscriptions", "resend"), ("publications", "end"), ("bindings", "end")} <= met
    assert {("backend-subscriptions", "refresh"), ("backend-subscriptions", "end"), ("edges", "drain")} <= met
    assert {("directories", name) for name in ("test", "dry_run", "run", "runs")} <= met
    assert {("users", "history"), ("users", "revert"), ("settings", "history"), ("lines", "revert")} <= met


def test_a_preview_needs_the_right_of_the_change(user: User) -> None:
    """And the one to see subscriptions, which every role has."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    for name, view in RESOURCES.items():
        for action, right in (("create", "add"), ("update", "change"), ("delete", "delete")):
            asked = {"resource": name, "action": action, **({} if action == "create" else {"id": 999_999_999})}
            status = client.post("/api/v1/preview/", asked, format="json").status_code
            assert (status != 403) == (right in rights(user, view.queryset.model)), (name, action, status)


@pytest.mark.parametrize(
    ("role", "sees", "acts"),
    [("Administrator", True, True), ("Operator", True, True), ("Help desk", True, True), ("Auditor", True, False)],
)
def test_who_sees_and_acts_as_anybody(role: str, sees: bool, acts: bool) -> None:
    """An auditor looks with anybody's eyes, and publishes and writes as nobody."""
    user = User.objects.create_user("kim", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    assert Account.of(user) == Account(user.pk, sees, acts)


def test_without_a_role_staff_are_nobody() -> None:
    user = User.objects.create_user("kim", is_staff=True)
    assert Account.of(user) == Account(user.pk)
    user.groups.add(Group.objects.get(name="Administrator"))
    User.objects.update(is_staff=False)
    assert Account.of(User.objects.get(pk=user.pk)) == Account(user.pk)


@pytest.fixture
def administrator() -> Client:
    user = User.objects.create_user("admina", is_staff=True)
    user.groups.add(Group.objects.get(name="Administrator"))
    client = Client()
    client.force_login(user)
    return client


def test_an_administrator_makes_no_superuser(administrator: Client) -> None:
    """Neither of an account, nor by the password or the deletion of one, nor by a group."""
    root = User.objects.create_superuser("root", password="kept-as-it-is")
    kim = User.objects.create_user("kim", is_staff=True)
    form: Callable[[User], dict[str, str]] = lambda user: {  # noqa: E731
        "username": user.username, "is_superuser": "on", "is_staff": "on", "is_active": "on",
        "date_joined_0": "2026-01-01", "date_joined_1": "00:00",
    }  # fmt: skip
    administrator.post(f"/admin/auth/user/{kim.pk}/change/", form(kim))
    assert not User.objects.get(pk=kim.pk).is_superuser
    assert administrator.post(f"/admin/auth/user/{root.pk}/change/", form(root)).status_code == 403
    assert administrator.get(f"/admin/auth/user/{root.pk}/password/").status_code == 403
    assert administrator.post(f"/admin/auth/user/{root.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"}
    administrator.post("/admin/auth/user/", chosen)
    assert User.objects.filter(pk=root.pk, is_superuser=True).exists()
    assert administrator.get("/admin/auth/group/add/").status_code == 403


def test_a_role_is_given_in_the_admin(administrator: Client) -> None:
    kim = User.objects.create_user("kim", is_staff=True)
    role = Group.objects.get(name="Help desk")
    administrator.post(
        f"/admin/auth/user/{kim.pk}/change/",
        {
            "username": "kim", "is_staff": "on", "is_active": "on", "groups": [role.pk],
            "date_joined_0": "2026-01-01", "date_joined_1": "00:00",
        },
    )  # fmt: skip
    assert list(User.objects.get(pk=kim.pk).groups.all()) == [role]

"""Who may ask what: every address of the API, every method, every role; and every table has a resource."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from cups_site.api import router
from cups_site.rights import ByTable
from provisioning.models.tokens import Scope
from provisioning.roles import OURS, ROLES
from provisioning.tokens import needed
from tests.provisioning.test_roles import rights

pytestmark = pytest.mark.django_db

METHODS = ("get", "post", "put", "patch", "delete")

SOMEBODY = {"PresenceViewSet": {"retrieve", "component", "unpublish"}, "LoggedMessageViewSet": {"send"}}
"View set -> what whoever acts as somebody does there; tests/presence and tests/flows/test_doors.py have their rules."

ANYBODY = {"SpectacularAPIView", "SpectacularSwaggerView"}
"For every account: the description of the API."

STAFF = {"APIRootView"}
"For staff: the list of resources."

WITHOUT = {
    "AdvertisedAddress": "a part of a listener",
    "UriAclEntry": "a part of a URI access list",
    "PrivacyListMember": "a part of a privacy list",
    "ResourceListMember": "a part of a list",
    "WebhookTarget": "a part of a webhook",
    "DirectoryUser": "which users a directory looks after; by its reports",
    "ImportFile": "a part of an import",
    "ImportRow": "a part of an import",
    "KeptAnswer": "how requests are repeated",
    "MessengerMessage": "of one log-in, for nobody else",
}
"Tables without a resource, and why."


class Endpoint(NamedTuple):
    """A method at an address."""

    path: str
    method: str
    view: Any
    action: str


def endpoints() -> Iterator[Endpoint]:
    """Every one that the URL resolver knows below /api/."""
    yield from _below(get_resolver().url_patterns, "/")


def _below(patterns: Any, path: str) -> Iterator[Endpoint]:
    for one in patterns:
        here = path + (str(one.pattern) if isinstance(one.pattern, RoutePattern) else one.pattern.regex.pattern)
        if isinstance(one, URLResolver):
            if (here + "/").startswith("/api/"):
                yield from _below(one.url_patterns, here)
        elif isinstance(one, URLPattern) and here.startswith("/api/") and "format" not in here:
            view = one.callback.cls
            actions = getattr(one.callback, "actions", None) or {
                method: method for method in METHODS if hasattr(view, method)
            }
            for method, action in actions.items():
                if method != "head":
                    yield Endpoint(_address(here), method, view, action)


def _address(pattern: str) -> str:
    """An address that the pattern takes, of something that is not there."""
    path = re.sub(r"\(\?P<pk>.*?\)(?=/|\$)", "999999999", pattern)
    path = re.sub(r"\(\?P<aor>.*?\)(?=/|\$)", "nobody@example.org", path)
    path = re.sub(r"\(\?P<\w+>.*?\)(?=/|\$)", "abc", path)
    return path.replace("^", "").replace("$", "").replace("\\Z", "")


ENDPOINTS = list(endpoints())


def test_every_address_is_met() -> None:
    """Each has its path, so that the tests below leave none out."""
    found = {one.path for one in ENDPOINTS}
    assert {"/api/v1/", "/api/v1/schema/", "/api/v1/users/", "/api/v1/users/999999999/"} <= found
    assert {f"/api/v1/{prefix}/" for prefix, view, _ in router.registry if hasattr(view, "list")} <= found
    assert not [path for path in found if re.search(r"[\\^$()?]", path)]


def test_every_table_has_a_resource() -> None:
    shown = {view.queryset.model for _, view, _ in router.registry}
    every = {model for label in OURS for model in apps.get_app_config(label).get_models()}
    tables = {model for model in every if not hasattr(model, "history_object")}  # what rows were is shown with them
    assert {model.__name__ for model in tables - shown} == set(WITHOUT)


def needs(one: Endpoint) -> str:
    """The right to its table that an endpoint needs."""
    own: dict[str, str] = getattr(one.view, "rights", {})
    if one.method.upper() in own:
        return own[one.method.upper()]
    usual = {"get": "view", "post": "add", "put": "change", "patch": "change", "delete": "delete"}[one.method]
    return "change" if one.method == "post" and one.action != "create" else usual


def is_somebodys(one: Endpoint) -> bool:
    """It is for whoever acts as somebody."""
    return one.action in SOMEBODY.get(one.view.__name__, ())


def client(user: User) -> APIClient:
    made = APIClient()
    made.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return made


def status(asker: APIClient, one: Endpoint) -> int:
    """What it is answered, with nothing in it that could be done."""
    return int(getattr(asker, one.method)(one.path, {} if one.method != "get" else None).status_code)


def test_strangers_are_asked_who_they_are(settings: Any) -> None:
    settings.CUPS_API_RATE_STRANGERS = 0
    assert {one: status(APIClient(), one) for one in ENDPOINTS} == dict.fromkeys(ENDPOINTS, 401)


@pytest.mark.parametrize("is_staff", [True, False])
def test_accounts_without_a_role_may_nothing(is_staff: bool) -> None:
    asker = client(User.objects.create_user("kim", is_staff=is_staff))
    for one in ENDPOINTS:
        name = one.view.__name__
        open_to_them = name in ANYBODY or (name in STAFF and is_staff)
        assert (status(asker, one) != 403) == open_to_them, one


@pytest.mark.parametrize("role", [role.name for role in ROLES])
def test_every_role_may_what_its_rights_say(role: str) -> None:
    user = User.objects.create_user("kim", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    user.role = role  # type: ignore[attr-defined]
    asker = client(user)
    for one in ENDPOINTS:
        if one.view.__name__ in ANYBODY | STAFF:
            assert status(asker, one) == 200
        elif not is_somebodys(one):
            assert ByTable in one.view.permission_classes or one.action in dir(one.view), one
            wanted = needs(one) in rights(user, one.view.queryset.model)
            assert (status(asker, one) != 403) == wanted, (one, needs(one))


def test_every_change_needs_a_scope_of_its_own() -> None:
    """No token that only reads changes anything."""
    for one in ENDPOINTS:
        scope = needed(one.method.upper(), one.view)
        assert (scope in (Scope.READ, Scope.TRACE)) <= (one.method == "get"), one

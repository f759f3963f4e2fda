"""Histories by REST: versions with their differences, back to one, all changes; errors are problem documents."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from provisioning.models import Persona, ResourceList, UriAcl

pytestmark = pytest.mark.django_db


def client_of(role: str) -> APIClient:
    user = User.objects.create_user(f"{role}-robot", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return client


@pytest.fixture
def api() -> APIClient:
    return client_of("Operator")


def ask(client: APIClient, method: str, path: str, status: int = 200, **values: Any) -> Any:
    response = getattr(client, method)(f"/api/v1/{path}", values, **({} if method == "get" else {"format": "json"}))
    assert response.status_code == status, response.content
    if status >= 400:
        assert response["Content-Type"] == "application/problem+json"
    return response.json() if response.content else None


def test_a_change_is_read_back_and_taken_back(api: APIClient, acl: UriAcl) -> None:
    """The entries are replaced by REST as a whole; the history says which ones came and went."""
    entries = [{"kind": "domain", "value": "example.net", "effect": "allow"}]
    ask(api, "patch", f"uri-acls/{acl.pk}/", entries=entries)
    newest, before, *_ = ask(api, "get", f"uri-acls/{acl.pk}/history/")["results"]
    assert (newest["action"], newest["who"], newest["door"]) == ("changed", "Operator-robot", "rest")
    assert newest["differences"] == [
        {
            "field": "entries", "label": "Entries", "before": "", "after": "", "moved": False, "altered": [],
            "added": ["example.net: Allow"], "removed": ["sip:ann@example.org: Allow"],
        }
    ]  # fmt: skip
    way = f"uri-acls/{acl.pk}/history/{before['version']}/revert/"
    tried = ask(api, "post", way, dry_run=True)
    assert tried["differences"][0]["added"] == ["sip:ann@example.org: Allow"]
    assert acl.entries.get().value == "example.net"
    assert ask(api, "post", way)["brought_back"] is False
    assert acl.entries.get().value == "sip:ann@example.org"
    assert ask(api, "post", way)["differences"] == [], "it is there already"


def test_the_order_of_members_comes_back(api: APIClient, xten3: Persona) -> None:
    made = ask(
        api, "post", "lists/", 201, uri="team@compb.cisco.com", members=[{"uri": "b@x.example"}, {"uri": "a@x.example"}]
    )
    way = f"lists/{made['id']}/"
    ask(api, "patch", way, members=[{"uri": "a@x.example"}, {"uri": "b@x.example"}])
    newest, before = ask(api, "get", f"{way}history/")["results"]
    assert [(one["field"], one["moved"]) for one in newest["differences"]] == [("members", True)]
    ask(api, "post", f"{way}history/{before['version']}/revert/")
    found = ResourceList.objects.get(pk=made["id"])
    assert [member.uri for member in found.members.all()] == ["sip:b@x.example", "sip:a@x.example"]


def test_deleted_ones_keep_their_history_and_come_back(api: APIClient, acl: UriAcl, xten3: Persona) -> None:
    ask(api, "delete", f"users/{xten3.pk}/", 204)
    gone, *_ = ask(api, "get", f"uri-acls/{acl.pk}/history/")["results"]
    assert gone["action"] == "deleted"
    way = f"uri-acls/{acl.pk}/history/{gone['version']}/revert/"
    assert "bring it back first" in ask(api, "post", way, 409)["detail"]
    user, *_ = ask(api, "get", f"users/{xten3.pk}/history/")["results"]
    back = ask(api, "post", f"users/{xten3.pk}/history/{user['version']}/revert/")
    assert back["brought_back"] is True and any("password" in note for note in back["notes"])
    ask(api, "post", way)
    assert ask(api, "get", f"uri-acls/{acl.pk}/")["entries"][0]["value"] == "sip:ann@example.org"


def test_all_changes_with_filters(api: APIClient, acl: UriAcl) -> None:
    ask(api, "patch", f"uri-acls/{acl.pk}/", default="allow")
    found = ask(api, "get", "changes/")
    assert found["count"] > 30, "what was installed has its first versions"
    assert (found["results"][0]["table"], found["results"][0]["id"]) == ("provisioning.uriacl", acl.pk)
    mine = ask(api, "get", "changes/", who="robot", door="rest", action="changed", object="xten3")
    assert [one["differences"][0]["after"] for one in mine["results"]] == ["Allow"]
    assert ask(api, "get", "changes/", table="provisioning.uriacl", id=acl.pk)["count"] == 3
    assert ask(api, "get", "changes/", until="2020-01-01T00:00:00Z")["count"] == 0
    for bad in ({"table": "auth.user"}, {"door": "window"}, {"since": "tomorrow"}, {"id": "x"}):
        ask(api, "get", "changes/", 400, **bad)
    ask(api, "post", "changes/", 403)


def test_the_number_of_queries_does_not_follow_the_number_of_versions(
    api: APIClient, acl: UriAcl, django_assert_num_queries: Any
) -> None:
    """Token, rights of the account and of its groups; count and page, versions before, and these."""
    for number in range(12):
        acl.entries.create(value=f"u{number}@example.org")
    with django_assert_num_queries(7):
        ask(api, "get", f"uri-acls/{acl.pk}/history/")


def test_who_may_view_reads_and_who_may_not_change_does_not_revert(acl: UriAcl) -> None:
    version = UriAcl.history.filter(id=acl.pk).earliest("history_id").pk
    for role in ("Help desk", "Auditor"):
        client = client_of(role)
        assert ask(client, "get", f"uri-acls/{acl.pk}/history/")["count"] == 2
        ask(client, "post", f"uri-acls/{acl.pk}/history/{version}/revert/", 403)
        assert ask(client, "get", "changes/")["count"] > 30
    assert acl.entries.exists()


def test_bringing_back_needs_the_right_to_add(xten3: Persona) -> None:
    """The help desk changes users and makes none."""
    key = xten3.pk
    xten3.delete()
    version = Persona.history.filter(id=key).latest("history_id").pk
    ask(client_of("Help desk"), "post", f"users/{key}/history/{version}/revert/", 403)
    assert not Persona.objects.exists()


def test_addresses_that_lead_nowhere(api: APIClient, acl: UriAcl) -> None:
    for bad in ("uri-acls/999999/history/", "uri-acls/abc/history/", f"uri-acls/{'9' * 30}/history/"):
        ask(api, "get", bad, 404)
    for bad in ("999999", "abc", "9" * 5000):
        ask(api, "post", f"uri-acls/{acl.pk}/history/{bad}/revert/", 404)
    ask(api, "post", f"settings/1/history/{UriAcl.history.latest('history_id').pk}99/revert/", 404)

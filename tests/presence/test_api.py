"""Live presence by REST: watchers, decisions, previews, and the buddy list as XML."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from presence.engine.resource_lists import Entry, XmlList, parse, serialize
from presence.models import EdgeLease, Publication, Subscription
from provisioning import snapshot
from provisioning.models import Alias, Domain, Persona, ResourceList, UriAcl, UriAclEntry, WatcherFilter
from provisioning.uri import Aor
from tests.presence.engine.documents import device, person, presence

pytestmark = pytest.mark.django_db

JOE = "sip:joe@cisco.com"
ANN = "sip:ann@cisco.com"


@pytest.fixture
def api() -> APIClient:
    domain = Domain.objects.create(name="cisco.com")
    for name in ("joe", "ann"):
        Persona(domain=domain, user=name).save()
    Alias.objects.create(uri="sip:joseph@cisco.com", persona=Persona.objects.get(aor=JOE))
    user = get_user_model().objects.create_superuser("integrator")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return client


def publish(body: bytes) -> None:
    now = timezone.now()
    Publication.objects.create(
        id=7, version=1, persona=Persona.objects.get(aor=JOE), publisher=JOE, user_agent="eyeBeam", door="sip",
        content_type="application/pidf+xml", body=body, created_at=now, changed_at=now, updated_at=now,
        expires_at=now + timedelta(hours=1),
    )  # fmt: skip


def watch(id: int, watcher: str, state: str = "active", **changes: Any) -> None:
    now = timezone.now()
    values = {
        "persona": Persona.objects.get(aor=JOE), "uri": JOE, "event_id": "", "accept": "", "eventlist": False,
        "user_agent": "MeetingPlace/5.1", "reason": "", "edge": "edge-1", "dialog": "[]", "cseq": 1,
        "sent_digest": "", "created_at": now, "updated_at": now, "expires_at": now + timedelta(hours=1), **changes,
    }  # fmt: skip
    Subscription.objects.create(id=id, version=1, watcher=watcher, state=state, **values)


def test_who_watches_whom_and_what_it_may_see(api: APIClient) -> None:
    """R-ARC-02, D-15: since when, through which client, and why."""
    watch(1, ANN)
    watch(2, "sip:pest@example.org", "pending")
    watch(3, "sip:gone@example.org", "terminated")
    acl = UriAcl.objects.create(presentity=Persona.objects.get(aor=JOE), default="allow")
    UriAclEntry(acl=acl, kind="domain", value="example.org", effect="polite_block").save()
    found = api.get("/api/v1/presence/joseph@cisco.com/watchers/").json()
    assert [(one["watcher"], one["state"], one["effect"]) for one in found] == [
        (ANN, "active", "allow"),
        ("sip:pest@example.org", "pending", "polite_block"),
    ]
    assert found[0]["user_agent"] == "MeetingPlace/5.1" and "domain example.org" in found[1]["why"]


@pytest.mark.parametrize("effect", ["allow", "block"])
def test_a_user_decides_about_a_watcher(api: APIClient, effect: str) -> None:
    """D-15: the watcher moves into one of the user's lists, and out of the other."""
    joe = Persona.objects.get(aor=JOE)
    Persona.objects.filter(pk=joe.pk).update(confirm_watchers=True)
    opposite = {"allow": "block", "block": "allow"}[effect]
    for word in (opposite, effect):
        answer = api.post(
            f"/api/v1/presence/{JOE}/decide/", {"watcher": "ann@cisco.com", "effect": word}, format="json"
        )
        assert answer.status_code == 204
    lists = {one.kind: one for one in snapshot.load().privacy[joe.pk]}
    members = {kind: set(one.uris) for kind, one in lists.items()}
    assert members == {
        "custom": {ANN} if effect == "allow" else set(),
        "blocked": set() if effect == "allow" else {ANN},
    }
    assert (
        api.post(f"/api/v1/presence/{JOE}/decide/", {"watcher": "x", "effect": "maybe"}, format="json").status_code
        == 400
    )


def test_a_preview_shows_what_a_watcher_would_see(api: APIClient) -> None:
    """DESIGN section 7, R-CMP-01, R-SUB-18."""
    publish(presence(device("t1", contact="sip:joe@desk", caps="t"), person("rpid:meeting")))
    WatcherFilter(kind="phone_only", client_type="MeetingPlace").save()
    path = f"/api/v1/presence/{JOE}/preview/"
    usual = api.get(path, {"watcher": ANN}).json()
    assert usual["effect"] == "allow" and "sip:joe@desk" in usual["document"]
    phones = api.get(path, {"watcher": ANN, "user_agent": "MeetingPlace/5.1"}).json()
    assert "sip:joe@desk" not in phones["document"] and "filter" in {one["stage"] for one in phones["steps"]}
    UriAcl.objects.create(presentity=Persona.objects.get(aor=JOE), default="block")
    refused = api.get(path, {"watcher": ANN}).json()
    assert (refused["effect"], refused["document"]) == ("block", "")
    assert api.get(path, {"watcher": "no address"}).status_code == 400
    assert api.get("/api/v1/presence/nobody@cisco.com/preview/", {"watcher": ANN}).status_code == 404


def put(api: APIClient, lists: list[XmlList], **changes: Any) -> Any:
    return api.generic(
        "PUT", f"/api/v1/resource-lists/{JOE}/", serialize(lists), content_type="application/resource-lists+xml"
    )


def test_buddy_lists_are_written_and_read_as_xml(api: APIClient) -> None:
    """RFC 4826, R-LST-04, R-LST-05: names, groups in groups, and a URI that stays while the name does."""
    buddies = [XmlList("Friends", "", [Entry(ANN, "Ann")], [XmlList("Close", "", [Entry("sip:bob@example.org")])])]
    assert put(api, buddies).status_code == 204
    answer = api.get(f"/api/v1/resource-lists/{JOE}/")
    assert answer["Content-Type"] == "application/resource-lists+xml"
    assert parse(answer.content) == buddies
    friends = ResourceList.objects.get(name="Friends")
    assert friends.uri == "sip:joe-friends@cisco.com" and friends.owner.aor == JOE
    lists = snapshot.load().lists
    assert lists[Aor("sip:joe-friends@cisco.com")].members == (ANN, "sip:joe-close@cisco.com")
    assert put(api, [XmlList("Friends", "", [Entry("sip:bob@example.org")])]).status_code == 204
    assert ResourceList.objects.get().pk == friends.pk


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"<", "application/resource-lists+xml", 400),
        (serialize([XmlList("a", "", [Entry("tel:+1")])]), "application/resource-lists+xml", 400),
        (serialize([XmlList("a"), XmlList("a")]), "application/resource-lists+xml", 400),
        (b"{}", "application/json", 415),
    ],
)
def test_a_bad_buddy_list_changes_nothing(api: APIClient, body: bytes, kind: str, status: int) -> None:
    """D-39: a problem document, and everything is as it was."""
    put(api, [XmlList("Friends", "", [Entry(ANN)])])
    answer = api.generic("PUT", f"/api/v1/resource-lists/{JOE}/", body, content_type=kind)
    assert answer.status_code == status and answer["Content-Type"] == "application/problem+json"
    assert parse(api.get(f"/api/v1/resource-lists/{JOE}/").content) == [XmlList("Friends", "", [Entry(ANN)])]


def test_edges_say_how_they_are(api: APIClient) -> None:
    """By REST and on the page; one that has not reported yet, and a report with hostile words, harm nothing."""
    now = timezone.now()
    hostile = {"refusals": {"names": [{"name": "<script>", "count": 1}]}}
    adopted = {"running": {"subscriptions": 3, "ended": 1}}
    for edge, clean, age, report in (
        ("running", False, 0, hostile), ("stopped", True, 60, {}), ("lost", False, 60, {"adopted": adopted})
    ):  # fmt: skip
        EdgeLease.objects.create(
            edge=edge, host="h:1", started_at=now, renewed_at=now, settled_at=now, clean=clean,
            expires_at=now + timedelta(seconds=30 - age), report=report,
        )  # fmt: skip
    rows = api.get("/api/v1/edges/").json()["results"]
    assert all(row["state"] == row["edge"] for row in rows) and len(rows) == 3
    assert next(row for row in rows if row["edge"] == "running")["report"] == hostile
    assert {row["edge"]: row["adopted"] for row in rows} == {"running": {}, "stopped": {}, "lost": adopted}
    pages = Client()
    pages.force_login(get_user_model().objects.get())
    page = pages.get("/admin/presence/edgelease/")
    assert page.status_code == 200
    assert "taken over by running: 3 subscriptions, 1 ended." in page.content.decode()
    assert b"&lt;script&gt;" in page.content and b"<td><script>" not in page.content
    assert APIClient().get("/api/v1/edges/").status_code in (401, 403)
    assert api.post("/api/v1/edges/", {}).status_code == 405

"""Explanations from the database, by every door: REST, the command, the administrator's page."""

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from presence import explaining
from presence.explanation import Explanation
from presence.models import Publication, Subscription
from provisioning.models import (
    Alias,
    Domain,
    ForeignServer,
    Persona,
    PrivacyList,
    ResourceList,
    ResourceListMember,
    UriAcl,
    UriAclEntry,
    UserAgentCapability,
    WatcherFilter,
)
from provisioning.uri import Aor
from tests.presence.engine.documents import device, person, presence

pytestmark = [pytest.mark.django_db, pytest.mark.database]

JOE, ANN, BOB = "sip:joe@cisco.com", "sip:ann@cisco.com", "sip:bob@cisco.com"
PAGE = "/admin/presence/explain/"
API = "/api/v1/explain/"
PHONE = presence(device("desk", contact="sip:joe@desk"), person("rpid:on-the-phone"))
LAPTOP = presence(device("laptop", contact="sip:joe@laptop", caps="t"))


@pytest.fixture(autouse=True)
def people() -> dict[str, Persona]:
    domain = Domain.objects.create(name="cisco.com")
    found = {}
    for name in ("joe", "ann", "bob"):
        found[name] = Persona(domain=domain, user=name)
        found[name].save()
    Alias.objects.create(uri="sip:joseph@cisco.com", persona=found["joe"])
    UserAgentCapability.objects.get_or_create(client_type="Cisco-CCM", defaults={"audio": True, "text": False})
    publish(7, PHONE, "Cisco-CCM5.1")
    publish(8, LAPTOP)
    return found


def publish(id: int, body: bytes, client: str = "eyeBeam", left: int = 60) -> None:
    now = timezone.now()
    Publication.objects.create(
        id=id, version=1, persona=Persona.objects.get(aor=JOE), publisher=JOE, user_agent=client, door="sip",
        content_type="application/pidf+xml", body=body, created_at=now, changed_at=now, updated_at=now,
        expires_at=now + timedelta(minutes=left),
    )  # fmt: skip


def watch(id: int, watcher: str, uri: str = JOE, **changes: Any) -> None:
    now = timezone.now()
    values = {
        "kind": "user", "persona": Persona.objects.filter(aor=JOE).first(), "event_id": "", "accept": "",
        "eventlist": False, "user_agent": "MeetingPlace/5.1", "state": "active", "reason": "", "edge": "edge-1",
        "dialog": "[]", "cseq": 1, "sent_digest": "", "created_at": now, "updated_at": now,
        "expires_at": now + timedelta(hours=1), **changes,
    }  # fmt: skip
    Subscription.objects.create(id=id, version=1, watcher=watcher, uri=uri, **values)


def explain(watcher: str, uri: str = JOE, client: str = "") -> Explanation:
    return explaining.explain(Aor(watcher), Aor(uri), client, timezone.now())


def texts(found: Explanation, stage: str) -> list[str]:
    return [one.text for one in found.steps if one.stage == stage]


def staff(*permissions: str, is_staff: bool = True) -> User:
    user = User.objects.create_user("somebody", is_staff=is_staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def api(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return client


def test_the_state_of_now_with_all_its_components() -> None:
    found = explain(ANN, "sip:joseph@cisco.com")
    assert (found.kind, found.effect, found.answer, found.label) == ("user", "allow", 200, "Interruptible But Busy")
    assert len(texts(found, "component")) == 2 and b'entity="sip:joseph@cisco.com"' in found.body
    assert found.subscriptions == 0 and "no live subscription" in texts(found, "subscription")[0]


def test_a_component_that_has_just_run_out_is_mentioned() -> None:
    """R-PUB-29: as long as the sweep has left it there."""
    Publication.objects.filter(pk=7).update(expires_at=timezone.now() - timedelta(seconds=30))
    found = explain(ANN)
    assert found.label == "Available" and re.search("ran out 3[0-9] seconds ago", texts(found, "gone")[0])


def test_without_a_client_that_of_the_live_subscription_counts() -> None:
    """By whatever address the user watches; another client is another question."""
    WatcherFilter(kind="phone_only", client_type="MeetingPlace").save()
    assert b"sip:joe@laptop" in explain(ANN).body
    watch(1, ANN, "sip:joseph@cisco.com")
    watch(2, BOB, user_agent="other")
    watch(3, ANN, state="terminated")
    watch(4, ANN, expires_at=timezone.now() - timedelta(seconds=1))
    found = explain(ANN)
    assert found.question.user_agent == "MeetingPlace/5.1" and b"sip:joe@laptop" not in found.body
    assert found.subscriptions == 1 and "another one than here" not in texts(found, "subscription")[0]
    other = explain(ANN, client="eyeBeam")
    assert b"sip:joe@laptop" in other.body and "another one than here" in texts(other, "subscription")[0]


def test_a_subscription_through_a_list_is_one_too() -> None:
    """R-LST-01, RFC 5367: provisioned and sent along; not one to a list without the presentity."""
    team = ResourceList.objects.create(uri="sip:team@cisco.com")
    other = ResourceList.objects.create(uri="sip:others@cisco.com")
    ResourceListMember.objects.create(list=team, uri="sip:joseph@cisco.com", position=1)
    ResourceListMember.objects.create(list=other, uri=BOB, position=1)
    watch(1, ANN, team.uri, kind="list", persona=None)
    watch(2, ANN, other.uri, kind="list", persona=None)
    watch(3, ANN, "sip:mine@cisco.com", kind="list", persona=None, members=f"{BOB}\n{JOE}")
    found = explain(ANN)
    assert found.subscriptions == 2 and all("a list" in text for text in texts(found, "subscription"))


def test_a_list_is_explained_member_by_member(people: dict[str, Persona]) -> None:
    """R-LST-01, D-13, D-15: shown, refused, gone; and for its owner only, if it has one."""
    team = ResourceList.objects.create(uri="sip:team@cisco.com", owner=people["ann"])
    for position, uri in enumerate((JOE, BOB, "sip:nobody@cisco.com"), 1):
        ResourceListMember.objects.create(list=team, uri=uri, position=position)
    UriAcl.objects.create(presentity=people["bob"], default="block")
    found = explain(ANN, team.uri)
    assert (found.kind, found.answer, found.body) == ("list", 200, b"")
    shown, refused, gone = texts(found, "member")
    assert "Interruptible But Busy" in shown and "refused" in refused and "gone" in gone
    assert explain(BOB, team.uri).answer == 403


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("sip:nobody@cisco.com", "No alias"),
        ("sip:x@elsewhere.example", "no domain of ours"),
        (BOB, "disabled"),
    ],
)
def test_an_address_that_leads_nowhere_says_why(uri: str, said: str) -> None:
    """D-02: 404."""
    Persona.objects.filter(aor=BOB).update(enabled=False)
    found = explain(ANN, uri)
    assert (found.kind, found.effect, found.answer, found.body) == ("", "unknown", 404, b"")
    assert said in texts(found, "target")[0]


def test_a_foreign_presentity_is_known_as_far_as_it_was_fetched() -> None:
    """D-02, D-30."""
    ForeignServer.objects.create(name="cm", address="127.0.0.1", domain="cm.cisco.com")
    found = explain(ANN, "sip:5555@cm.cisco.com")
    assert (found.kind, found.answer, found.label) == ("foreign", 200, "Unknown")
    assert "Nothing is known" in texts(found, "gone")[0] and "“cm”" in texts(found, "target")[0]


def test_rest_tells_everything_with_links(people: dict[str, Persona]) -> None:
    """R-ARC-02: and only to those rows that the account may see."""
    acl = UriAcl.objects.create(presentity=people["joe"], default="block")
    UriAclEntry(acl=acl, kind="domain", value="cisco.com", effect="allow").save()
    client = api(staff("view_livestate", "view_uriacl"))
    answer = client.get(API, {"watcher": "ann@CISCO.com", "presentity": "joe@cisco.com", "user_agent": "eyeBeam"})
    found = answer.json()
    assert (found["watcher"], found["presentity"], found["label"]) == (ANN, JOE, "Interruptible But Busy")
    assert found["document"] == explain(ANN).body.decode()
    access = next(one for one in found["steps"] if one["stage"] == "access")
    (link,) = access["decided_by"]
    assert link["kind"] == "uri-acls" and link["url"] == f"/admin/provisioning/uriacl/{acl.pk}/change/"
    rule = next(one for one in found["steps"] if one["stage"] == "rule")
    assert rule["statement"] == "D-23, D-24" and rule["decided_by"][0]["url"] == "" and rule["decided_by"][0]["name"]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({"presentity": JOE}, {"watcher"}),
        ({"watcher": ANN}, {"presentity"}),
        ({"watcher": "no address", "presentity": "tel:+1"}, {"watcher", "presentity"}),
        ({"watcher": ANN, "presentity": JOE, "user_agent": "x" * 501}, {"user_agent"}),
    ],
)
def test_rest_says_which_field_is_wrong(query: dict[str, str], wrong: set[str]) -> None:
    answer = api(staff("view_livestate")).get(API, query)
    assert answer.status_code == 400 and answer["Content-Type"] == "application/problem+json"
    assert set(answer.json()["errors"]) == wrong


@pytest.mark.parametrize(("permissions", "is_staff"), [((), True), (("view_livestate",), False)])
def test_rest_is_for_staff_with_the_right(permissions: tuple[str, ...], is_staff: bool) -> None:
    """The right to see live state; without an account, and by another method, nothing either."""
    client = api(staff(*permissions, is_staff=is_staff))
    assert client.get(API, {"watcher": ANN, "presentity": JOE}).status_code == 403
    assert APIClient().get(API, {"watcher": ANN, "presentity": JOE}).status_code in (401, 403)


def test_rest_only_reads() -> None:
    assert api(staff("add_livestate")).post(API, {"watcher": ANN, "presentity": JOE}).status_code == 405


def test_the_description_says_that_the_answer_is_one_object() -> None:
    found = api(staff()).get("/api/v1/schema/", {"format": "json"}).json()["paths"][API]["get"]
    assert found["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Explanation")
    assert {one["name"]: one.get("required", False) for one in found["parameters"]} == {
        "watcher": True, "presentity": True, "user_agent": False,
    }  # fmt: skip


def test_it_costs_the_same_for_few_users_and_many(
    people: dict[str, Persona], django_assert_max_num_queries: Any
) -> None:
    for number in range(50):
        Persona(domain=people["joe"].domain, user=f"u{number}").save()
    with django_assert_max_num_queries(45):
        explain(ANN)


def command(*words: str) -> str:
    output = StringIO()
    call_command("explain", *words, stdout=output)
    return output.getvalue()


def test_the_command_prints_the_steps() -> None:
    """R-ARC-02: numbered, under headings, with the document."""
    WatcherFilter(kind="phone_only", client_type="MeetingPlace").save()
    said = command("ann@cisco.com", "joe@cisco.com", "--user-agent", "MeetingPlace/5.1")
    assert said.startswith("Who asks for whom\n   1. The watcher is sip:ann@cisco.com")
    assert "Clients of the type “MeetingPlace” are sent phones only. [D-16, D-18]" in said
    assert "      - removed: laptop of component 8, eyeBeam" in said
    assert f"Interruptible But Busy: {ANN} → {JOE}" in said and '\n  <tuple id="desk">' in said
    assert "403 Forbidden: sip:ann@cisco.com → sip:joe@cisco.com" in blocked()


def blocked() -> str:
    UriAcl.objects.create(presentity=Persona.objects.get(aor=JOE), default="block")
    return command("ann@cisco.com", "joe@cisco.com")


@pytest.mark.parametrize("words", [("no address", JOE), (ANN, ""), (ANN, JOE, "--user-agent", "x" * 501)])
def test_the_command_says_what_is_wrong(words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        command(*words)


def page(client: Client, **query: str) -> tuple[int, str]:
    answer = client.get(PAGE, query)
    return answer.status_code, answer.content.decode()


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_page_shows_steps_state_and_document(people: dict[str, Persona]) -> None:
    """Links to what decided where the account may see it; what peers send stays text."""
    publish(9, LAPTOP, client="<script>alert(1)</script>")
    PrivacyList.objects.create(owner=people["joe"], kind="default", hidden_devices=["phone"])
    client = signed_in(staff("view_livestate", "view_privacylist"))
    status, text = page(client, watcher="ann@cisco.com", presentity="joe@cisco.com", user_agent="")
    assert status == 200 and 'data-state="interruptible"' in text and "It is not subscribed now." in text
    assert "&lt;script&gt;alert(1)" in text and "<script>alert" not in text
    assert re.search(r'<a href="/admin/provisioning/privacylist/\d+/change/">', text)
    assert "/admin/presence/publication/" not in text
    assert '<span class="tag">&lt;presence</span>' in text and 'start="1"' in text
    assert f'href="{PAGE}"' in client.get("/admin/").content.decode(), "in the navigation"


def test_the_page_says_what_is_wrong_with_the_form() -> None:
    client = signed_in(staff("view_livestate"))
    assert 'role="alert"' not in page(client)[1], "nothing was asked yet"
    status, text = page(client, watcher="no address", presentity="")
    assert status == 200 and text.count("aria-invalid") == 2 and 'value="no address"' in text
    assert 'id="state"' not in text


def test_the_page_is_for_those_who_see_live_state() -> None:
    client = signed_in(staff("view_subscription"))
    watch(1, ANN)
    assert page(client, watcher=ANN, presentity=JOE)[0] == 403
    assert PAGE not in client.get("/admin/").content.decode()
    assert PAGE not in client.get("/admin/presence/subscription/").content.decode()
    detail = f"/admin/presence/livestate/{Persona.objects.get(aor=JOE).pk}/live/"
    assert client.get(detail).status_code == 403


def test_rows_with_a_watcher_and_a_presentity_ask_why() -> None:
    """On the page of live state, and in the list of subscriptions."""
    watch(1, ANN, "sip:joseph@cisco.com", user_agent="A&B/1")
    client = signed_in(staff("view_livestate", "view_subscription"))
    wanted = f"{PAGE}?watcher=sip%3Aann%40cisco.com&amp;presentity=sip%3Ajoseph%40cisco.com&amp;user_agent=A%26B%2F1"
    detail = f"/admin/presence/livestate/{Persona.objects.get(aor=JOE).pk}/live/"
    for address in (detail, "/admin/presence/subscription/"):
        assert wanted in client.get(address).content.decode()


def test_a_broken_document_does_not_break_an_explanation() -> None:
    """D-39: it was accepted once, and is not read any more."""
    Publication.objects.filter(pk=7).update(body=b"<")
    found = explain(ANN)
    assert found.label == "Available" and "cannot be read" in texts(found, "gone")[0]

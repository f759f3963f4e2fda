"""The self-service page: users manage what is theirs, and nothing else, whatever they send."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from presence.models import EdgeLease, Subscription
from provisioning import asking
from provisioning.models import (
    Domain,
    MessengerSettings,
    Persona,
    PrivacyList,
    PrivacyListMember,
    ResourceList,
    ResourceListMember,
)
from sipedge import tasks
from sipedge.messenger import browsers, sessions
from sipedge.models import Binding, MessengerSession, StoredMessage
from sipedge.selfservice import own
from sipedge.selfservice.views import CHANGES
from sipedge.throttle import Throttle

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def _own_throttle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsers, "_throttle", Throttle())


def make(user: str) -> Persona:
    persona = Persona(domain=Domain.objects.get_or_create(name="example.org")[0], user=user, name=user.title())
    persona.set_password(PASSWORD)
    persona.save()
    return persona


@pytest.fixture
def ann() -> Persona:
    return make("ann")


@pytest.fixture
def bob() -> Persona:
    return make("bob")


def signed_in(user: str = "ann", password: str = PASSWORD) -> Client:
    client = Client()
    answer = client.post("/account/", {"name": user, "password": password})
    assert (answer.status_code, answer.get("Location")) == (302, "/account/")
    return client


def do(client: Client, what: str, **fields: Any) -> str:
    """Change something; what the page then says."""
    answer = client.post(f"/account/{what}/", fields, follow=True)
    assert answer.status_code == 200
    return " ".join(str(message) for message in answer.context["messages"])


def device(persona: Persona, id: int) -> Binding:
    now = timezone.now()
    return Binding.objects.create(
        id=id, version=1, persona=persona, contact=f"sip:{persona.user}@192.0.2.{id}", q=1, cseq=1,
        created_at=now, updated_at=now, expires_at=now + timedelta(hours=1), edge="edge-1", user_agent="desk phone",
    )  # fmt: skip


def watcher(persona: Persona, id: int, state: str = "active") -> Subscription:
    now = timezone.now()
    return Subscription.objects.create(
        id=id, version=1, persona=persona, watcher=f"sip:w{id}@example.net", uri=str(persona.aor), eventlist=False,
        state=state, user_agent="eyeBeam", cseq=1, edge="edge-1", created_at=now, updated_at=now,
        expires_at=now + timedelta(hours=1),
    )  # fmt: skip


def test_strangers_learn_nothing(ann: Persona) -> None:
    """The same words for a wrong password and for nobody; staff are no users; nothing is shown or done before."""
    said = []
    for name in ("ann", "nobody"):
        answer = Client().post("/account/", {"name": name, "password": "wrong"})
        assert answer.status_code == 403
        said.append(answer.context["said"])
    assert said[0] == said[1]
    get_user_model().objects.create_superuser("root", password=PASSWORD)
    client = Client()
    client.login(username="root", password=PASSWORD)
    for asked in (client, Client()):
        assert "ann@example.org" not in asked.get("/account/").content.decode()
        assert asked.get("/account/export/").status_code == 302
        for what in CHANGES:
            assert asked.post(f"/account/{what}/", {"confirm": "on", "new": "12345678"}).status_code == 302
    assert not Persona.objects.get().confirm_watchers


def test_wrong_passwords_are_slow_and_forms_need_their_token(ann: Persona) -> None:
    client = signed_in()
    for _ in range(200):
        answer = client.post("/account/password/", {"password": "wrong", "new": "x" * 8, "again": "x" * 8})
        if answer.status_code == 429:
            break
    assert answer.status_code == 429 and int(answer["Retry-After"]) > 0
    right = {"password": PASSWORD, "new": "x" * 8, "again": "x" * 8}
    assert client.post("/account/password/", right).status_code == 429
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post("/account/confirm/", {"confirm": "on"}).status_code == 403
    answer = client.get("/account/")
    assert "script-src 'self'" in answer["Content-Security-Policy"] and answer["Cache-Control"] == "no-store"
    assert "<script>" not in answer.content.decode() and " onclick" not in answer.content.decode()
    assert client.get("/account/confirm/").status_code == 405 and client.post("/account/else/").status_code == 404


def test_privacy_lists(ann: Persona) -> None:
    """Made, filled, emptied and removed; what makes no sense is said."""
    client = signed_in()
    assert "made" in do(client, "list", kind="custom", name="Team", filter="none", hidden_devices=["mobile"])
    one = PrivacyList.objects.get(owner=ann)
    assert one.hidden_devices == ["mobile"]
    assert do(client, "member", id=one.pk, kind="uri", value="carol@example.net") == "Saved."
    assert do(client, "member", id=one.pk, kind="domain", value="Example.COM.") == "Saved."
    assert {str(member) for member in one.members.all()} == {"sip:carol@example.net", "example.com"}
    assert "SIP URI" in do(client, "member", id=one.pk, kind="uri", value="no address")
    assert "already exists" in do(client, "member", id=one.pk, kind="domain", value="example.com")
    assert "name" in do(client, "list", kind="custom", name="", filter="none")
    assert "Removed" in do(client, "remove-member", id=one.members.all()[0].pk)
    assert one.members.count() == 1
    do(client, "remove-list", id=one.pk)
    assert not PrivacyList.objects.exists()
    do(client, "confirm", confirm="on")
    assert Persona.objects.get(pk=ann.pk).confirm_watchers
    do(client, "confirm")
    assert not Persona.objects.get(pk=ann.pk).confirm_watchers


def test_lists_are_bounded(ann: Persona, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "MOST_LISTS", 1)
    monkeypatch.setattr(own, "MOST_MEMBERS", 1)
    client = signed_in()
    do(client, "list", kind="custom", name="A", filter="none")
    assert "remove one" in do(client, "list", kind="custom", name="B", filter="none")
    one = PrivacyList.objects.get()
    do(client, "member", id=one.pk, kind="domain", value="a.example")
    assert "full" in do(client, "member", id=one.pk, kind="domain", value="b.example")


def test_buddies(ann: Persona, bob: Persona) -> None:
    MessengerSettings.objects.get_or_create(pk=1)
    client = signed_in()
    assert "Added" in do(client, "buddy", uri="bob@example.org")
    member = ResourceListMember.objects.get(list__owner=ann)
    assert str(member.uri) == "sip:bob@example.org"
    assert "no such user" in do(client, "buddy", uri="nobody@example.org")
    do(client, "remove-buddy", id=member.list_id, uri="sip:bob@example.org")
    assert not ResourceListMember.objects.exists()


def test_watchers_are_allowed_and_blocked(ann: Persona) -> None:
    """As when the messenger asks."""
    watcher(ann, 1, "pending")
    client = signed_in()
    assert "waits for you" in client.get("/account/").content.decode()
    do(client, "block", watcher="sip:w1@example.net")
    assert PrivacyListMember.objects.get().list.kind == "blocked"
    do(client, "allow", watcher="sip:w1@example.net")
    assert PrivacyListMember.objects.get().list.name == "Allowed"
    assert "no SIP address" in do(client, "allow", watcher="\0<script>")


def test_a_device_is_ended(ann: Persona) -> None:
    device(ann, 1)
    client = signed_in()
    assert "desk phone" in client.get("/account/").content.decode()
    assert "not registered any more" in do(client, "end-device", id=1)
    assert not Binding.objects.exists()
    for id in ("1", "0", "-1", "abc", "9" * 30, "", "١"):
        do(client, "end-device", id=id)


def test_a_subscription_is_ended_by_its_edge(ann: Persona, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(asking, "ask_now", lambda *words, **arguments: asked.append((words, arguments)))
    watcher(ann, 1)
    client = signed_in()
    do(client, "end-watcher", id=1)
    assert asked == [(("edge-1", "own.end_watcher"), {"subscription": 1, "persona": ann.pk})]


def test_nothing_of_others_is_reached(ann: Persona, bob: Persona, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids of bob's rows in ann's forms: nothing happens, and nothing is told."""
    monkeypatch.setattr(asking, "ask_now", lambda *words, **arguments: pytest.fail("an edge was asked"))
    device(bob, 1), watcher(bob, 1)
    theirs = PrivacyList.objects.create(owner=bob, kind="custom", name="Secret list")
    member = PrivacyListMember.objects.create(list=theirs, kind="uri", value="sip:x@example.net")
    buddies = ResourceList.objects.create(uri="sip:bob.team@example.org", owner=bob, name="Secret team")
    ResourceListMember.objects.create(list=buddies, uri="sip:ann@example.org")
    login = MessengerSession.objects.create(
        id="b" * 32, persona=bob, kind="web", expires_at=timezone.now() + timedelta(1)
    )
    client = signed_in()
    page = client.get("/account/").content.decode()
    assert "Secret" not in page and "192.0.2.1" not in page and "w1@" not in page
    for what in ("end-device", "end-watcher", "remove-list", "remove-member"):
        do(client, what, id={"remove-list": theirs.pk, "remove-member": member.pk}.get(what, 1))
    do(client, "member", id=theirs.pk, kind="uri", value="sip:ann@example.org")
    do(client, "remove-buddy", id=buddies.pk, uri="sip:ann@example.org")
    do(client, "list", kind="custom", name="Mine", filter="none", owner=bob.pk, id=theirs.pk, pk=theirs.pk)
    do(client, "confirm", confirm="on", id=bob.pk, persona=bob.pk)
    do(client, "password", password=PASSWORD, new="another one", again="another one", persona=bob.pk, user="bob")
    do(client, "end-others")
    assert Binding.objects.count() == Subscription.objects.count() == 1
    assert [str(one) for one in theirs.members.all()] == ["sip:x@example.net"] and buddies.members.count() == 1
    assert PrivacyList.objects.get(name="Mine").owner == ann
    bob.refresh_from_db()
    assert not bob.confirm_watchers and bob.check_password(PASSWORD)
    assert MessengerSession.objects.filter(pk=login.pk).exists()


def test_a_new_password_ends_the_other_log_ins(ann: Persona) -> None:
    here, there = signed_in(), signed_in()
    assert "not your password" in do(here, "password", password="wrong", new="x" * 8, again="x" * 8)
    assert "not the same" in do(here, "password", password=PASSWORD, new="x" * 8, again="y" * 8)
    assert "8 to 256" in do(here, "password", password=PASSWORD, new="short", again="short")
    assert "ended: 1" in do(here, "password", password=PASSWORD, new="battery staple", again="battery staple")
    ann.refresh_from_db()
    assert ann.check_password("battery staple")
    assert "Log out" in here.get("/account/").content.decode()
    assert (
        "Sign in" in there.get("/account/").content.decode() and "Sign in" in there.get("/messenger/").content.decode()
    )
    signed_in(password="battery staple")


def test_a_password_changed_by_an_administrator_ends_all_of_them(ann: Persona, admin_client: Client) -> None:
    """By whatever door: the log-in is over for whoever shows it, and swept."""
    client = signed_in()
    form = {
        "domain": ann.domain_id, "user": "ann", "name": "Ann", "enabled": "on", "publish_policy": "self",
        "password": "battery staple", "aliases-TOTAL_FORMS": 0, "aliases-INITIAL_FORMS": 0,
        "foreignmapping_set-TOTAL_FORMS": 0, "foreignmapping_set-INITIAL_FORMS": 0,
        "mappings-TOTAL_FORMS": 0, "mappings-INITIAL_FORMS": 0,
    }  # fmt: skip
    assert admin_client.post(f"/admin/provisioning/persona/{ann.pk}/change/", form).status_code == 302
    assert "Sign in" in client.get("/account/").content.decode()
    tasks.sweep_messenger()
    assert not MessengerSession.objects.exists()


def test_a_pin_ends_log_ins_of_phones_only(ann: Persona, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_log_in", lambda session: None)
    sessions.begin(ann, "phone", id="p" * 32, lasts=timedelta(hours=1))
    client, other = signed_in(), signed_in()
    assert "4 to 12 digits" in do(client, "pin", password=PASSWORD, pin="12")
    assert "ended: 1" in do(client, "pin", password=PASSWORD, pin="2468")
    assert Persona.objects.get(pk=ann.pk).check_pin("2468")
    for one in (client, other):
        assert "Log out" in one.get("/account/").content.decode()
    assert not MessengerSession.objects.filter(kind="phone").exists()


def test_a_log_in_of_before_the_marks_goes_on(ann: Persona) -> None:
    client = signed_in()
    MessengerSession.objects.update(secret="")
    assert "Log out" in client.get("/account/").content.decode()


def test_the_export_has_what_is_kept_and_no_secrets(ann: Persona, bob: Persona) -> None:
    device(ann, 1), watcher(ann, 1), device(bob, 2)
    ann.set_pin("2468")
    ann.save()
    now = timezone.now()
    StoredMessage.objects.create(
        id=1, version=1, persona=ann, sender="sip:bob@example.org", recipient="sip:ann@example.org", body=b"hello",
        content_type="text/plain", created_at=now, updated_at=now, expires_at=now + timedelta(hours=1),
    )  # fmt: skip
    answer = signed_in().get("/account/export/")
    assert answer["Content-Disposition"].startswith("attachment")
    found, text = answer.json(), answer.content.decode()
    assert found["address"] == "sip:ann@example.org" and found["password_set"] and found["pin_set"]
    assert found["devices"][0]["contact"] == "sip:ann@192.0.2.1" and len(found["devices"]) == 1
    assert found["messages_waiting"][0]["text"] == "hello" and found["watchers"][0]["watcher"] == "sip:w1@example.net"
    ann.refresh_from_db()
    for secret in (ann.md5, ann.sha256, ann.md5_full, ann.sha256_full, ann.pin):
        assert secret and secret not in text
    assert all(one.secret not in text for one in MessengerSession.objects.all())


def test_without_an_edge_it_says_so(ann: Persona) -> None:
    EdgeLease.objects.all().delete()
    watcher(ann, 1)
    Subscription.objects.update(edge="an edge that nobody runs")
    assert "does not answer" in do(signed_in(), "end-watcher", id=1)

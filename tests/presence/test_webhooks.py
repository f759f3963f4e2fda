"""Webhooks: what is due, in which order, and what happens when nobody answers."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from presence import posting, webhooks
from presence.models import Publication, WebhookDelivery
from provisioning import snapshot
from provisioning.models import Domain, Persona, ResourceList, ResourceListMember, UriAcl, Webhook, WebhookTarget
from provisioning.models.integrators import url_problem
from tests.phone import pidf
from tests.receiver import SECRET, Receiver

pytestmark = pytest.mark.django_db

JOE = "sip:joe@cisco.com"
ANN = "sip:ann@cisco.com"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A webhook for joe; its tasks are kept, not run."""
    monkeypatch.setattr(webhooks, "_hand_over", lambda task, argument: None)
    domain = Domain.objects.create(name="cisco.com")
    for name in ("joe", "ann"):
        Persona(domain=domain, user=name, ever_published=True).save()
    with Receiver() as made:
        webhook = Webhook.objects.create(name="wall", url=made.url, secret=SECRET, watcher="sip:wall@example.org")
        WebhookTarget(webhook=webhook, uri=JOE).save()
        yield made


def publish(activity: str = "", aor: str = JOE, seconds: int = 600) -> None:
    now = timezone.now()
    persona = Persona.objects.get(aor=aor)
    Publication.objects.update_or_create(
        id=persona.pk,
        defaults={
            "version": 1, "persona": persona, "publisher": aor, "user_agent": "", "door": "sip", "content_type": "",
            "body": pidf(aor, activity=activity), "created_at": now, "changed_at": now, "updated_at": now,
            "expires_at": now + timedelta(seconds=seconds),
        },
    )  # fmt: skip


def look(keys: Any = None) -> int:
    """Look, and deliver what is due."""
    due = webhooks.tell(keys)
    for id in WebhookDelivery.objects.values_list("id", flat=True):
        webhooks.deliver(id)
    return due


def test_a_change_is_delivered_once_and_signed(receiver: Receiver) -> None:
    """DESIGN section 6, D-40: what it knows is not said again; numbers tell old from new."""
    publish("busy")
    assert look() == 1 and look() == 0
    publish("away")
    assert look([Persona.objects.get(aor=JOE).pk]) == 1
    assert look([Persona.objects.get(aor=ANN).pk]) == 0
    assert [(one["number"], one["document"]["state"]) for one in receiver.heard] == [(1, "busy"), (2, "available")]
    assert receiver.heard[1]["document"]["activities"] == ["away"] and receiver.signed == [True, True]


def test_the_newest_state_wins(receiver: Receiver) -> None:
    """One delivery for what has happened meanwhile, and none when all is as it was."""
    publish("busy")
    look()
    for activity in ("meeting", "travel", "holiday"):
        publish(activity)
        webhooks.tell(None)
    look()
    assert [one["document"]["activities"] for one in receiver.heard] == [[], ["holiday"]]
    publish("meeting")
    webhooks.tell(None)
    publish("holiday")
    look()
    assert len(receiver.heard) == 2


def test_a_failure_is_tried_again_later_and_given_up_in_the_end(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With growing pauses; a person can have it sent again."""
    monkeypatch.setattr(webhooks, "MAX_ATTEMPTS", 3)
    publish("busy")
    receiver.answer_with = 500
    look()
    row = WebhookDelivery.objects.get()
    assert (row.state, row.attempts, row.status) == ("waiting", 1, 500) and row.next_at > timezone.now()
    assert not webhooks.deliver(row.pk) and webhooks.retry() == 0, "it is not due"
    for _ in range(2):
        WebhookDelivery.objects.update(next_at=timezone.now())
        assert webhooks.retry() == 1
        webhooks.deliver(row.pk)
    row.refresh_from_db()
    assert row.state == "dead" and len(receiver.heard) == 3 and "500" in row.error
    receiver.answer_with = 204
    account = get_user_model().objects.create_superuser("admin")
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=account).key}")
    assert [one["id"] for one in api.get("/api/v1/webhook-deliveries/?state=dead").json()["results"]] == [row.pk]
    assert api.post(f"/api/v1/webhook-deliveries/{row.pk}/send-again/").status_code == 204
    assert webhooks.deliver(row.pk)
    row.refresh_from_db()
    assert row.state == "delivered"
    WebhookDelivery.objects.update(state="dead", due="x")
    pages = Client()
    pages.force_login(account)
    page = "/admin/presence/webhookdelivery/"
    assert b"wall" in pages.get(page).content
    pages.post(page, {"action": "send_again", "_selected_action": [row.pk]})
    assert WebhookDelivery.objects.get().state == "waiting"


def test_pauses_grow_and_differ() -> None:
    """Bounded, with jitter."""
    assert all(7 <= webhooks.pause(1) <= 10 and 2520 <= webhooks.pause(99) <= 3600 for _ in range(100))
    assert len({webhooks.pause(3) for _ in range(10)}) > 5


def test_a_receiver_that_is_away_is_asked_once_not_for_each_address(receiver: Receiver) -> None:
    """DESIGN section 11: workers do not wait in a row for somebody who does not answer."""
    WebhookTarget(webhook=Webhook.objects.get(), uri=ANN).save()
    receiver.answer_with = 503
    look()
    assert len(receiver.heard) == 1


def test_a_list_and_what_it_may_be_seen_of(receiver: Receiver) -> None:
    """R-LST-04, D-15: whoever may not be seen looks like nobody, and what is no target any more is forgotten."""
    team = ResourceList.objects.create(uri="sip:team@cisco.com")
    for uri in (JOE, ANN, "sip:nobody@cisco.com"):
        ResourceListMember(list=team, uri=uri).save()
    WebhookTarget.objects.update(uri=team.uri)
    UriAcl.objects.create(presentity=Persona.objects.get(aor=ANN), default="block")
    publish("busy")
    publish("busy", ANN)
    look()
    told = {one["document"]["aor"]: one["document"] for one in receiver.heard}
    assert told[JOE]["state"] == "busy"
    assert {**told[ANN], "aor": ""} == {**told["sip:nobody@cisco.com"], "aor": ""}
    ids = {Persona.objects.get(aor=uri).pk for uri in (JOE, ANN)}
    assert webhooks.hooked(snapshot.load()) == ids
    ResourceListMember.objects.exclude(uri=JOE).delete()
    look()
    assert [row.uri for row in WebhookDelivery.objects.all()] == [JOE]


def test_a_component_that_runs_out_is_a_change(receiver: Receiver) -> None:
    """R-PUB-29."""
    publish("busy")
    look()
    Publication.objects.update(expires_at=timezone.now())
    webhooks.tell_expired()
    look([])
    assert receiver.heard[-1]["document"]["state"] == "unavailable"


def test_nothing_is_followed_elsewhere(receiver: Receiver) -> None:
    """DESIGN section 11: a redirection is a failure."""
    receiver.answer_with, receiver.location = 302, receiver.url
    publish("busy")
    look()
    assert len(receiver.heard) == 1 and WebhookDelivery.objects.get().state == "waiting"


def test_a_slow_receiver_is_left_alone(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN section 11."""
    monkeypatch.setattr(posting, "TIMEOUT", 0.1)
    receiver.delay = 0.5
    answer = posting.post(receiver.url, b"{}", webhooks.headers(SECRET, b"{}", 1))
    assert answer.status is None and answer.error


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fd00::1", "0.0.0.0", "224.0.0.1"]
)
def test_a_name_may_not_lead_into_this_network(address: str, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """DESIGN section 11: not by any of its addresses, unless the setting says so."""
    found = [(0, 0, 0, "", (one, 443)) for one in ("93.184.216.34", address)]
    monkeypatch.setattr(posting.socket, "getaddrinfo", lambda *args, **kwargs: found)
    answer = posting.post("https://hook.example/", b"{}", {})
    assert answer.status is None and "private" in answer.error
    settings.CUPS_WEBHOOK_PRIVATE = True
    assert posting.allowed_address("hook.example", 443, plain=False) == "93.184.216.34"


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://hook.example/a?b=c", True),
        ("http://127.0.0.1:8080/", True),
        ("http://[::1]/", True),
        ("http://localhost/", False),
        ("http://hook.example/", False),
        ("https://user:password@hook.example/", False),
        ("ftp://hook.example/", False),
        ("https://", False),
        ("https://hook.example:99999/", False),
        ("https://hook.example/\r\nX: y", False),
    ],
)
def test_where_a_webhook_may_lead(url: str, good: bool) -> None:
    """https, or http on this machine."""
    assert (url_problem(url) == "") is good

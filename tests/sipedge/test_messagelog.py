"""The message log: what is written down, that nobody waits for it, who can read it, and when it goes."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from presence import store
from presence.store import DatabaseAway, Outcome, Plan
from provisioning.models import Domain, EngineSettings, Persona
from provisioning.policy import PersonaFacts
from provisioning.uri import Aor
from sipedge import committer as committing
from sipedge.committer import Committer
from sipedge.messagelog import passed
from sipedge.models import LoggedMessage
from sipedge.sip.message import Request
from sipedge.tasks import sweep_message_log
from tests import builders

XTEN3 = Aor.parse("xten3@compb.cisco.com")
XTEN4 = Aor.parse("xten4@compb.cisco.com")


class Edge:
    """What the log asks of an edge: the setting, ids, the time, the commit."""

    name = "edge-1"

    def __init__(self, commit: Callable[[Plan], "asyncio.Future[Outcome]"], *, on: bool = True) -> None:
        self.policy = SimpleNamespace(settings=SimpleNamespace(message_log=on))
        self.commit = commit

    def new_id(self) -> int:
        return secrets.randbits(62)

    def now(self) -> datetime:
        return datetime.now(UTC)


def message(text: str | bytes = "Hello xten4!", kind: str = "text/plain; charset=UTF-8", **changes: str) -> Request:
    body = text if isinstance(text, bytes) else text.encode()
    changes.setdefault("target", "sip:xten4@compB.cisco.com:5060;transport=tcp")
    return builders.parsed("MESSAGE", body, Content_Type=kind, **changes)


def write(
    *messages: Request, status: int = 200, recipient: PersonaFacts | None = None, on: bool = True
) -> list[Outcome]:
    """Log these messages; what the database has said."""
    loop = asyncio.new_event_loop()
    plans: list[Plan] = []

    def commit(plan: Plan) -> "asyncio.Future[Outcome]":
        plans.append(plan)
        return loop.create_future()

    for one in messages:
        edge: Any = Edge(commit, on=on)
        passed(edge, one, XTEN3, recipient, status)
    loop.close()
    return store.commit(plans)


@pytest.fixture
def xten4(db: None) -> Persona:
    persona = Persona(domain=Domain.objects.create(name="compb.cisco.com"), user="xten4")
    persona.save()
    return persona


@pytest.mark.django_db(transaction=True)
def test_a_message_is_written_down_as_it_passed(xten4: Persona) -> None:
    """R-MSG-02, D-01: under the address that it was sent to, with what its sender was answered."""
    facts = PersonaFacts(xten4.pk, Aor(xten4.aor), "", True)
    assert write(message(), status=202, recipient=facts) == [Outcome.COMMITTED]
    row = LoggedMessage.objects.get()
    assert (row.sender, row.recipient, row.persona, row.status, row.edge) == (XTEN3, XTEN4, xten4, 202, "edge-1")
    assert (row.text, row.content_type, row.call_id) == (
        "Hello xten4!", "text/plain; charset=UTF-8", "call@192.0.2.1",
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_only_text_is_written_down_and_only_while_that_is_wanted(xten4: Persona) -> None:
    """D-08: typing notices and delivery reports are none."""
    assert write(message(), on=False) == []
    assert write(message(kind="application/im-iscomposing+xml"), message(kind="message/imdn+xml")) == []
    assert not LoggedMessage.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_any_octets_can_be_written_down(xten4: Persona) -> None:
    """Section 11: also to a recipient that is no user of ours, and with bytes that are no text."""
    odd = [message(b"\x00\xff\xfe"), message("Grüße", Call_ID="a\udcffb"), message(target="sip:Bob@Elsewhere.example")]
    assert write(*odd) == [Outcome.COMMITTED] * 3
    assert LoggedMessage.objects.get(recipient="sip:Bob@elsewhere.example").persona is None
    assert {row.text for row in LoggedMessage.objects.all()} == {"\x00��", "Grüße", "Hello xten4!"}


def test_nobody_waits_for_the_database(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """D-34: one that is away for a moment loses nothing; beyond the committer's patience the log says what is lost."""
    monkeypatch.setattr(committing, "RETRY_PAUSE", 0.01)
    monkeypatch.setattr(committing, "PATIENCE", 1.0)
    away = [3]
    kept: list[Plan] = []

    def write_down(plans: Sequence[Plan]) -> list[Outcome]:
        if away[0]:
            away[0] -= 1
            raise DatabaseAway("connection refused")
        kept.extend(plans)
        return [Outcome.COMMITTED] * len(plans)

    async def run() -> None:
        committer = Committer(write_down)
        edge: Any = Edge(committer.submit)
        passed(edge, message(), XTEN3, None, 200)  # returns at once: it is no coroutine
        await committer.drain()
        assert len(kept) == 1
        away[0] = 1000
        passed(edge, message(), XTEN3, None, 200)
        await committer.drain()
        await asyncio.sleep(0)
        await committer.close()

    asyncio.run(run())
    assert len(kept) == 1 and caplog.text.count("a message could not be logged") == 1
    assert "never retrieved" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_old_messages_go(xten4: Persona) -> None:
    """DESIGN section 10: after the days that the operator has set; twice is as good as once."""
    EngineSettings(message_log_days=7).save()
    write(message("old"), message("new"))
    old = LoggedMessage.objects.filter(body=b"old")
    old.update(created_at=timezone.now() - timedelta(days=7, seconds=1))
    assert (sweep_message_log(), sweep_message_log()) == (1, 0)
    assert LoggedMessage.objects.get().text == "new"


@pytest.mark.django_db(transaction=True)
def test_the_page_is_searched_and_changes_nothing(xten4: Persona) -> None:
    """By sender, recipient and text, in any case; a message's markup is shown, not obeyed."""
    write(message("Grüße, <b>Fünf</b> 100%"), message("other \\ words", target="sip:bob@elsewhere.example"))
    admin = Client()
    admin.force_login(get_user_model().objects.create_superuser("root"))
    pages = reverse("admin:sipedge_loggedmessage_changelist")

    def found(words: str) -> int:
        response = admin.get(pages, {"q": words})
        assert response.status_code == 200
        return len(response.context["cl"].result_list)

    assert [found(words) for words in ("xten3", "ELSEWHERE", "FüNF", "grüße 100%", "\\", "ßü", "nothing")] == [
        2, 1, 1, 1, 1, 0, 0,
    ]  # fmt: skip
    row = LoggedMessage.objects.get(persona=None, recipient=XTEN4)
    page = reverse("admin:sipedge_loggedmessage_change", args=[row.pk])
    assert "Grüße, &lt;b&gt;Fünf&lt;/b&gt; 100%" in admin.get(page).content.decode()
    assert admin.post(page, {"sender": "sip:forged@x.example"}).status_code == 403
    assert admin.get(reverse("admin:sipedge_loggedmessage_add")).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_integrators_read_the_log(xten4: Persona, django_assert_num_queries: Any) -> None:
    """Newest first; by address in any spelling, time and text; read only, for administrators only."""
    facts = PersonaFacts(xten4.pk, Aor(xten4.aor), "", True)
    for text in ("first", "Zweite Größe", "third"):
        write(message(text), recipient=facts)
    api = APIClient()
    assert api.get("/api/v1/messages/").status_code == 401
    user = get_user_model().objects.create_superuser("integrator")
    api.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")

    def texts(**query: str) -> list[str]:
        return [one["text"] for one in api.get("/api/v1/messages/", query).json()["results"]]

    with django_assert_num_queries(3):
        assert texts() == ["third", "Zweite Größe", "first"]
    one = api.get("/api/v1/messages/").json()["results"][0]
    assert (one["sender"], one["recipient"], one["persona"], one["status"]) == (XTEN3, XTEN4, XTEN4, 200)
    assert len(texts(sender="xten3@compB.cisco.com", recipient="sips:xten4@COMPB.cisco.com:5061")) == 3
    assert texts(sender=XTEN4) == [] and texts(search="xten4", limit="1") == ["third"]
    assert texts(text="zweite größe") == ["Zweite Größe"]
    middle = LoggedMessage.objects.get(body="Zweite Größe".encode()).created_at
    assert texts(since=middle.isoformat()) == ["third", "Zweite Größe"]
    assert texts(until=middle.isoformat()) == ["first"]
    assert api.get("/api/v1/messages/", {"sender": "no address"}).status_code == 400
    assert api.get("/api/v1/messages/", {"since": "yesterday"}).status_code == 400
    assert api.post("/api/v1/messages/", {"text": "forged"}).status_code == 405

"""Acting on live objects: which edge is asked, what no answer means, and what is noted (DESIGN section 15)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from presence import acts
from presence.models import EdgeLease, Publication, Subscription
from provisioning import asking
from provisioning.models import Domain, Persona

pytestmark = pytest.mark.django_db

ANN, JOE = "sip:ann@cisco.com", "sip:joe@cisco.com"
Answer = Callable[[str, list[int]], dict[str, Any]]


class Edges:
    """What edges are asked, and what they answer."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.deaf: set[str] = set()
        "They do not listen."
        self.silent: set[str] = set()
        "They listen, and do not answer."
        self.refusals: dict[int, tuple[int, str]] = {}

    def ask(self, edge: str, command: str, *, patience: float, ids: list[int], **arguments: Any) -> dict[str, Any]:
        assert patience == acts.PATIENCE
        if edge in self.deaf:
            raise asking.NotHeard(edge)
        self.asked.append((edge, command, {"ids": sorted(ids), **arguments}))
        if edge in self.silent:
            raise asking.NoAnswer(edge)
        return {
            "done": [id for id in ids if id not in self.refusals],
            "refused": [[id, *self.refusals[id]] for id in ids if id in self.refusals],
        }


@pytest.fixture
def edges(monkeypatch: pytest.MonkeyPatch) -> Edges:
    """edge-1 and edge-2 run, edge-3 is being drained, edge-4 is lost; joe has a publication and three watchers."""
    found, now = Edges(), timezone.now()
    monkeypatch.setattr(asking, "ask_now", found.ask)
    for number, lasts, report in ((1, 30, {}), (2, 30, {}), (3, 30, {"drain": {"step": "done"}}), (4, -1, {})):
        EdgeLease.objects.create(
            edge=f"edge-{number}", host="h", started_at=now, renewed_at=now - timedelta(seconds=number), settled_at=now,
            clean=False, expires_at=now + timedelta(seconds=lasts), report=report,
        )  # fmt: skip
    persona = Persona(domain=Domain.objects.create(name="cisco.com"), user="joe")
    persona.save()
    common = {"version": 1, "created_at": now, "updated_at": now, "expires_at": now + timedelta(hours=1)}
    Publication.objects.create(
        id=7, persona=persona, publisher=JOE, user_agent="eyeBeam", door="sip", content_type="application/pidf+xml",
        body=b"<presence/>", changed_at=now, **common,
    )  # fmt: skip
    for id, edge in ((1, "edge-1"), (2, "edge-1"), (3, "edge-2")):
        Subscription.objects.create(
            id=id, persona=persona, uri=JOE, watcher=ANN, event_id="", accept="", eventlist=False, user_agent="",
            state="active", reason="", edge=edge, dialog="[]", cseq=1, sent_digest="", **common,
        )  # fmt: skip
    return found


@pytest.fixture
def api(edges: Edges) -> APIClient:
    client = APIClient()
    client.force_login(User.objects.create_superuser("kim"))
    return client


def post(api: APIClient, address: str, values: dict[str, Any] | None = None) -> Any:
    return api.post(f"/api/v1/{address}/", values or {}, format="json")


def test_the_edge_of_a_subscription_is_asked_once_for_all_of_its_rows(edges: Edges) -> None:
    result = acts.perform(acts.RESEND, list(Subscription.objects.order_by("id")))
    assert sorted(edges.asked) == [
        ("edge-1", "subscription.resend", {"ids": [1, 2]}),
        ("edge-2", "subscription.resend", {"ids": [3]}),
    ]
    assert sorted(result.done) == [1, 2, 3] and result.refused == []


def test_any_edge_that_listens_does_for_a_publication(edges: Edges) -> None:
    """One that is being drained comes last, one that is lost is not asked."""
    row = [Publication.objects.get()]
    assert acts.perform(acts.END_PUBLICATION, row).done == [7]
    edges.deaf = {"edge-1", "edge-2"}
    assert acts.perform(acts.END_PUBLICATION, row).done == [7]
    assert [edge for edge, _, _ in edges.asked] == ["edge-1", "edge-3"]
    edges.deaf.add("edge-3")
    assert acts.perform(acts.END_PUBLICATION, row).refused == [
        acts.Refusal(7, 503, "Edge edge-3 does not listen; nothing was done.")
    ]
    EdgeLease.objects.all().delete()
    assert acts.perform(acts.END_PUBLICATION, row).refused == [acts.Refusal(7, 503, "No edge runs.")]


def test_an_edge_that_is_silent_is_not_replaced(edges: Edges) -> None:
    """It may be doing it at this moment."""
    edges.silent = {"edge-1"}
    (refusal,) = acts.perform(acts.END_PUBLICATION, [Publication.objects.get()]).refused
    assert refusal.status == 503 and refusal.why.endswith("whether it was done is not known.")
    assert [edge for edge, _, _ in edges.asked] == ["edge-1"]


def test_answers_become_statuses(edges: Edges, api: APIClient) -> None:
    assert post(api, "subscriptions/1/end").status_code == 204
    assert post(api, "subscriptions/1/end", {"reason": "probation"}).status_code == 204
    assert [arguments["reason"] for _, _, arguments in edges.asked] == ["deactivated", "probation"]
    for status in (404, 409):
        edges.refusals[1] = (status, "Not any more.")
        answer = post(api, "subscriptions/1/end")
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
        assert answer.json()["detail"] == "Not any more."
    edges.refusals[1] = (503, "Later.")
    assert (post(api, "subscriptions/1/resend").status_code, post(api, "subscriptions/1/end")["Retry-After"]) == (
        503,
        "5",
    )
    edges.silent = {"edge-1"}
    assert post(api, "subscriptions/1/resend")["Retry-After"] == "5"
    assert post(api, "subscriptions/8/resend").status_code == post(api, "bindings/8/end").status_code == 404


def test_what_has_run_out_is_gone(edges: Edges, api: APIClient) -> None:
    Publication.objects.update(expires_at=timezone.now())
    Subscription.objects.filter(pk=2).update(state="terminated")
    assert post(api, "publications/7/end").status_code == post(api, "subscriptions/2/end").status_code == 404
    assert edges.asked == []


def test_the_admin_log_says_who_did_it_and_only_what_was_done(edges: Edges, api: APIClient) -> None:
    edges.refusals[2] = (404, "Gone.")
    for address in ("subscriptions/1/end", "subscriptions/2/end", "subscriptions/3/resend", "publications/7/end"):
        post(api, address)
    said = LogEntry.objects.order_by("pk").values_list(
        "user__username", "object_id", "object_repr", "action_flag", "change_message"
    )
    assert list(said) == [
        ("kim", "1", f"{ANN} watches {JOE}", DELETION, "Ended (deactivated) by REST"),
        ("kim", "3", f"{ANN} watches {JOE}", CHANGE, "The state was sent again by REST"),
        ("kim", "7", f"7-1 of {JOE}", DELETION, "Ended by REST"),
    ]


def test_a_request_that_is_repeated_is_done_once(edges: Edges, api: APIClient) -> None:
    """DESIGN section 15: idempotent by id."""
    for _ in range(2):
        answer = api.post("/api/v1/subscriptions/1/resend/", {}, format="json", HTTP_IDEMPOTENCY_KEY="one")
        assert answer.status_code == 204
    assert len(edges.asked) == 1

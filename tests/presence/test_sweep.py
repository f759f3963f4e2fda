"""The sweep: what ran out is removed in its own time, and edges hear of it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from presence.models import EdgeLease, Publication, Subscription
from presence.tasks import sweep_expired
from provisioning import bus
from provisioning.models import Domain, Persona
from sipedge.models import Binding
from sipedge.tasks import sweep_bindings

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def persona() -> Persona:
    xten3 = Persona(domain=Domain.objects.create(name="compb.cisco.com"), user="xten3")
    xten3.save()
    return xten3


def publication(persona: Persona, id: int, ago: float) -> None:
    end = timezone.now() - timedelta(seconds=ago)
    Publication.objects.create(
        id=id, version=1, persona=persona, publisher="", user_agent="", content_type="", door="sip", body=b"x",
        created_at=end, changed_at=end, updated_at=end, expires_at=end,
    )  # fmt: skip


def test_publications_go_after_their_grace_and_edges_hear_of_it(
    persona: Persona, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-PUB-29: periodically removed from the soft state; twice is as good as once."""
    heard: list[Any] = []
    monkeypatch.setattr(bus, "_publish", heard.append)
    for id, ago in ((1, 3600), (2, 61), (3, 5), (4, -600)):
        publication(persona, id, ago)
    assert sweep_expired() == 2
    assert set(Publication.objects.values_list("id", flat=True)) == {3, 4}
    assert heard == [{"kind": "state", "personas": [persona.pk], "registered": [], "origin": ""}]
    assert sweep_expired() == 0


def test_what_a_crashed_edge_has_not_told_stays_until_it_is_back(persona: Persona) -> None:
    """R-PUB-29, R-NTF-05: the edge still has to find out who was told what."""
    publication(persona, 1, 300)
    then = timezone.now() - timedelta(seconds=600)
    EdgeLease.objects.create(
        edge="edge-1", host="", started_at=then, renewed_at=then, settled_at=then, clean=False, expires_at=then
    )
    assert sweep_expired() == 0
    EdgeLease.objects.update(clean=True)
    assert sweep_expired() == 1


@pytest.mark.parametrize(("state", "ago", "swept"), [("terminated", 61, 1), ("active", 61, 0), ("active", 3700, 1)])
def test_subscriptions_are_left_to_their_edge_for_a_while(persona: Persona, state: str, ago: int, swept: int) -> None:
    """D-13: the edge that owns a subscription tells its watcher, also when it was down for a while."""
    end = timezone.now() - timedelta(seconds=ago)
    Subscription.objects.create(
        id=1, version=1, persona=persona, uri="", watcher="", event_id="", accept="", eventlist=False, user_agent="",
        state=state, reason="", edge="edge-1", dialog="", cseq=0, sent_digest="", created_at=end, updated_at=end,
        expires_at=end,
    )  # fmt: skip
    assert sweep_expired() == swept


def test_bindings_go_after_their_grace(persona: Persona) -> None:
    """R-REG-05."""
    for id, ago in ((1, 61), (2, 1)):
        end = timezone.now() - timedelta(seconds=ago)
        Binding.objects.create(
            id=id, version=1, persona=persona, contact="sip:a@b", q=1, call_id="", cseq=1, user_agent="", instance="",
            flow="", path="", edge="", created_at=end, updated_at=end, expires_at=end,
        )  # fmt: skip
    assert sweep_bindings() == 1
    assert list(Binding.objects.values_list("id", flat=True)) == [2]

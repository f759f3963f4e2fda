"""The doors by which an edge is drained: REST and the page Edges; the edge itself is in tests/flows/test_drain.py."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from presence import draining
from presence.models import EdgeLease
from provisioning import asking

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What an edge is asked; an exception in it is what comes back."""
    now = timezone.now()
    EdgeLease.objects.create(
        edge="edge-1", host="h", started_at=now, renewed_at=now, settled_at=now, clean=False,
        expires_at=now + timedelta(hours=1),
    )  # fmt: skip
    found: list[Any] = []

    def drain(edge: str, **options: Any) -> dict[str, Any]:
        if found and isinstance(found[-1], Exception):
            raise found[-1]
        found.append((edge, options))
        return {"step": "handing over"}

    monkeypatch.setattr(draining, "drain", drain)
    return found


def test_by_rest(asked: list[Any]) -> None:
    client = APIClient()
    client.force_authenticate(User.objects.create_superuser("kim"))
    address = "/api/v1/edges/edge-1/drain/"
    answer = client.post(address, {"restart": True}, format="json")
    assert (answer.status_code, answer.json()) == (202, {"step": "handing over"})
    assert asked == [("edge-1", {"patience": draining.PATIENCE, "restart": True})]
    assert client.post(address, {"patience": -1}, format="json").status_code == 400
    assert client.post("/api/v1/edges/edge-9/drain/").status_code == 404
    asked.append(asking.NotHeard("edge edge-1 does not listen"))
    answer = client.post(address)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["detail"] == "No answer: edge edge-1 does not listen."
    asked.append(asking.Refused(501, "Not Implemented"))
    assert client.post(address).status_code == 502


def test_of_an_edge_that_has_left_its_last_words_are_told(asked: list[Any]) -> None:
    """Who asks how far it is does not hear that nobody listens, which is what was wanted."""
    client = APIClient()
    client.force_authenticate(User.objects.create_superuser("kim"))
    address, now = "/api/v1/edges/edge-1/drain/", timezone.now()
    lease = EdgeLease.objects.filter(edge="edge-1")
    asked.append(asking.NotHeard("edge edge-1 does not listen"))
    lease.update(report={"drain": {"step": "handing over"}})
    answer = client.post(address)
    assert (answer.status_code, answer.json()) == (202, {"step": "handing over"})
    lease.update(clean=True, report={"drain": {"step": "done"}}, expires_at=now - timedelta(hours=1))
    assert client.post(address).json() == {"step": "done"}
    lease.update(clean=False)
    assert client.post(address).status_code == 503, "it has crashed meanwhile"
    lease.update(clean=True, report={})
    answer = client.post(address)
    assert (answer.status_code, answer.json()["detail"]) == (409, "edge-1 has stopped.")


def test_by_the_page(asked: list[Any]) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("kim"))
    page, address = "/admin/presence/edgelease/", "/admin/presence/edgelease/edge-1/drain/"
    assert address in client.get(page).content.decode()
    assert client.get(address).status_code == 405
    assert "edge-1 is being drained." in client.post(address, {"drain": ""}, follow=True).content.decode()
    assert asked == [("edge-1", {"restart": False})]
    assert client.post("/admin/presence/edgelease/edge-9/drain/").status_code == 404
    asked.append(asking.NoAnswer("nobody"))
    assert "Nothing is known to have begun: nobody." in client.post(address, follow=True).content.decode()
    client.force_login(User.objects.create_user("viewer", is_staff=True))
    assert client.post(address).status_code == 403

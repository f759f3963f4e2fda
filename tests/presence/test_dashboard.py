"""The first page of the admin: what it says of a system that is well, and of one that is not."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from cups_site import dashboard
from cups_site.metrics.database import Database
from cups_site.pulse import Pulse
from presence.models import EdgeLease
from provisioning import bus

pytestmark = pytest.mark.django_db

CERTIFICATE = {"file": "example.org.pem", "names": [], "expires_at": None, "expires_soon": False, "problem": ""}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Figures of this test, and a bus that answers."""
    settings.VALKEY_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(bus, "reachable", lambda: True)
    monkeypatch.setattr(dashboard, "FIGURES", Database())
    monkeypatch.setattr(dashboard, "PULSE", Pulse())


def edge(name: str = "edge-1", *, seconds: float = 30, clean: bool = False, **report: Any) -> None:
    now = timezone.now()
    EdgeLease.objects.create(
        edge=name, host="here", started_at=now, renewed_at=now, settled_at=now,
        expires_at=now + timedelta(seconds=seconds), clean=clean, report=report,
    )  # fmt: skip


def wrong() -> list[str]:
    return [remark.text for remark in dashboard.look()["remarks"] if not remark.well]


def test_all_is_well() -> None:
    edge(transactions={"received": 7}, certificates=[CERTIFICATE])
    edge("edge-2", transactions={"received": 5})
    edge("edge-3", seconds=-5, clean=True)
    found = dashboard.look()
    assert wrong() == [] and found["wrong"] == 0
    assert [number.title for number in found["numbers"]][:2] == ["Users", "Registered contacts"]


def test_edges_that_are_lost_and_certificates_that_run_out() -> None:
    """What is wrong comes first, with where to look."""
    edge("edge-2", seconds=-5)
    assert wrong() == [
        "No edge runs: nobody can register, publish or subscribe",
        "Lost without an ordered stop: edge-2",
    ]
    edge(certificates=[CERTIFICATE | {"expires_soon": True}, CERTIFICATE | {"file": "b", "problem": "no key"}])
    assert wrong()[1:] == ["Certificate b: no key", "Certificate example.org.pem: runs out soon"]
    assert dashboard.look()["remarks"][0].address.endswith("/edgelease/")


@pytest.mark.parametrize(("url", "said"), [("", "There is no bus"), ("redis://x", "The bus does not answer")])
def test_the_bus(monkeypatch: pytest.MonkeyPatch, settings: Any, url: str, said: str) -> None:
    edge()
    settings.VALKEY_URL = url
    monkeypatch.setattr(bus, "reachable", lambda: False)
    assert len(wrong()) == 1 and wrong()[0].startswith(said)


def test_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as a page is shown at all."""
    edge()
    monkeypatch.setattr(dashboard.FIGURES, "figures", lambda: None)
    assert wrong() == ["The database cannot be read"] and dashboard.look()["numbers"] == []


def test_who_may_view_edges_sees_it() -> None:
    """An auditor does; staff without a role see neither the first page's part nor the fragment."""
    edge()
    user = get_user_model().objects.create_user("kim", is_staff=True)
    client = Client()
    client.force_login(user)
    assert "All is well" not in client.get("/admin/").content.decode()
    assert client.get("/admin/dashboard/").status_code == 403
    user.groups.add(Group.objects.get(name="Auditor"))
    page = client.get("/admin/").content.decode()
    assert "All is well" in page and 'data-fragment="/admin/dashboard/"' in page and "1 edge runs" in page
    assert "<html" not in client.get("/admin/dashboard/").content.decode()
    assert Client().get("/admin/dashboard/").status_code == 302

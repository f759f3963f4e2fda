"""An operator sees times in the zone of CUPS_TIME_ZONE; programs get them with their offset."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from provisioning.models import Domain, Persona
from sipedge.models import Binding

MOMENT = datetime(2099, 7, 1, 22, 30, tzinfo=UTC)


@pytest.fixture
def operator(db: None) -> Client:
    persona = Persona.objects.create(domain=Domain.objects.create(name="zones.example"), user="one")
    times = dict.fromkeys(("created_at", "updated_at", "expires_at"), MOMENT)
    Binding.objects.create(
        id=1, version=1, persona=persona, contact="sip:one@192.0.2.1", q=1.0, call_id="c", cseq=1, user_agent="",
        instance="", flow="", path="", edge="edge-1", **times,
    )  # fmt: skip
    client = Client()
    client.force_login(User.objects.create_superuser("kim"))
    return client


@pytest.mark.parametrize(
    ("zone", "shown", "offset"),
    [("UTC", "July 1, 2099, 10:30 p.m.", "Z"), ("Asia/Tokyo", "July 2, 2099, 7:30 a.m.", "+09:00")],
)
def test_times_are_in_the_operators_zone(operator: Client, settings: Any, zone: str, shown: str, offset: str) -> None:
    settings.TIME_ZONE = zone
    assert shown in operator.get("/admin/sipedge/binding/").content.decode()
    found = operator.get("/api/v1/bindings/").json()["results"][0]["expires_at"]
    assert found.endswith(offset) and datetime.fromisoformat(found) == MOMENT
    assert timezone.localtime(MOMENT).isoformat().endswith("+00:00" if zone == "UTC" else offset)

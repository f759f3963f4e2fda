"""What an administrator says about lines, by every door, and what the gateway makes of it (R-CTI-01, D-36)."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from cti import facts
from cti.associations import Identity
from cti.csta.features import Device, MayCall
from cti.gateway import Options
from cti.models import ApplicationUser, CtiSettings, Line
from provisioning import bus, snapshot
from provisioning.importing import sections
from provisioning.importing.apply import apply
from provisioning.importing.grammar import BadFile, read
from provisioning.models import Domain, Persona
from provisioning.snapshot import parts

pytestmark = pytest.mark.django_db

FILE = """
domains: [compB.cisco.com]
users: [{uri: "xten3@compB.cisco.com", password: secret}, {uri: "xten4@compB.cisco.com"}]
lines:
  - {uri: "tel:2001;phone-context=dialstring", owner: "xten3@compB.cisco.com", device: SEP0002FD3BB5C5}
  - {uri: 2002, owner: "xten3@compB.cisco.com"}
  - {uri: "sip:lobby@compB.cisco.com", may_call: ours, takes_calls: false, control_link: "[2001:db8::9]:4444"}
  - {uri: "+1-408-555-0100", owner: "xten4@compB.cisco.com", switch: sip}
"""


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.fixture
def hints(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    heard: list[Any] = []
    monkeypatch.setattr(bus, "_publish", heard.append)
    return heard


def test_lines_of_a_provisioning_file() -> None:
    """Created once; a second run changes nothing, other values change what is there."""
    assert apply(read(FILE)).created["lines"] == 4
    again = apply(read(FILE.replace("SEP0002FD3BB5C5", "SEP1")))
    assert (again.created["lines"], again.changed["lines"], again.unchanged["lines"]) == (0, 1, 3)
    assert list(Line.objects.values_list("uri", flat=True)) == [
        "+14085550100", "2001", "2002", "sip:lobby@compb.cisco.com",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "entry",
    [
        "{uri: my phone}",
        '{uri: "2001", switch: pigeon}',
        '{uri: "2001", owner: "nobody@compB.cisco.com"}',
        '{uri: "2001", may_call: everybody}',
        '{uri: "2001", control_link: "here"}',
        '{uri: "2001", takes_calls: perhaps}',
    ],
)
def test_a_line_that_cannot_be_is_named(entry: str) -> None:
    with pytest.raises(BadFile, match="line 2"):
        apply(read(f"lines:\n  - {entry}\n"))


def test_without_the_application_a_section_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "REGISTERED", {})
    assert apply(read(FILE)).unused == ["lines"] and not Line.objects.exists()


def test_what_the_gateway_goes_by() -> None:
    """Lines, their switches and owners, application users, and the values at installation."""
    apply(read(FILE))
    owner = Persona.objects.get(aliases__uri="sip:xten4@compb.cisco.com")
    Line.objects.create(uri="2003", owner=owner, switch="sip", control_link="192.0.2.9:4444", may_call="ours")
    Line.objects.create(uri="2004", switch="sip")
    user = ApplicationUser.objects.create(name="desk")
    user.lines.set(Line.objects.filter(uri="2002"))
    ApplicationUser.objects.create(name="operator", controls_all=True)
    found = facts.load()
    devices = sorted(found.devices, key=lambda device: device.id)
    numbers = ["+14085550100", "2001", "2002", "2003", "sip:lobby@compb.cisco.com"]
    ours = {"2003": Device("2003", may_call=MayCall.OURS)}
    lobby = {"sip:lobby@compb.cisco.com": Device("sip:lobby@compb.cisco.com", False, may_call=MayCall.OURS)}
    assert devices == [(ours | lobby).get(number, Device(number)) for number in numbers]
    assert [(line.device, line.owner, line.link) for line in found.sip] == [
        ("+14085550100", owner.pk, ""), ("2003", owner.pk, "192.0.2.9:4444"),
    ]  # fmt: skip
    xten = Persona.objects.get(aliases__uri="sip:xten3@compb.cisco.com")
    assert found.owners == {"2001": xten.pk, "2002": xten.pk, "2003": owner.pk, "+14085550100": owner.pk}
    assert found.options == Options(1810, 8) and found.gateway_uri == ""
    xten3 = "sip:xten3@compb.cisco.com"
    assert found.identity(xten3) == Identity(xten3, frozenset({"2001", "2002"}))
    assert found.identity("desk") == Identity("desk", frozenset({"2002"}))
    assert found.identity("operator").all_devices
    assert found.identity("stranger") == Identity("stranger")


def test_a_name_is_proven_by_its_password() -> None:
    apply(read(FILE))
    user = ApplicationUser(name="desk")
    user.set_password("secret")
    user.save()
    ApplicationUser.objects.create(name="closed")
    assert "secret" not in user.password_hash
    assert facts.prove("desk", "secret") == "desk" and facts.prove("desk", "wrong") is None
    assert facts.prove("closed", "") is None, "without a password nobody logs in"
    assert facts.prove("XTEN3@compB.cisco.com".lower(), "secret") == "sip:xten3@compb.cisco.com"
    for name in ("xten3@compb.cisco.com", "xten4@compb.cisco.com", "nobody@compb.cisco.com", "nobody", ""):
        assert facts.prove(name, "wrong") is None
    Persona.objects.update(enabled=False)
    assert facts.prove("xten3@compb.cisco.com", "secret") is None


@pytest.mark.parametrize(
    "changes", [{"session_timer": 1809}, {"session_timer": 2001}, {"heartbeat": 4}, {"heartbeat": 21}]
)
def test_the_timers_have_bounds(changes: dict[str, int]) -> None:
    """D-36."""
    with pytest.raises(ValidationError):
        CtiSettings(**changes).full_clean()


@pytest.mark.parametrize("uri", ["xten3@compB.cisco.com", "8000@elsewhere.example"])
def test_the_gateways_address_leads_here_and_to_nobody_else(uri: str) -> None:
    apply(read(FILE))
    with pytest.raises(ValidationError, match="gateway_uri"):
        CtiSettings(gateway_uri=uri).full_clean()
    CtiSettings(gateway_uri="8000@compB.cisco.com").full_clean(validate_unique=False)


def test_there_is_one_row_of_settings() -> None:
    CtiSettings(heartbeat=5).save()
    assert CtiSettings.objects.get().heartbeat == 5 and str(CtiSettings.objects.get()) == "CTI settings"


@pytest.mark.parametrize("page", ["line", "applicationuser"])
def test_pages_open(admin: Client, page: str) -> None:
    user = ApplicationUser.objects.create(name="desk")
    user.lines.set([Line.objects.create(uri=f"200{number}") for number in range(7)])
    response = admin.get(reverse(f"admin:cti_{page}_changelist"), {"q": "2"})
    assert response.status_code == 200
    assert admin.get(reverse(f"admin:cti_{page}_changelist")).status_code == 200
    assert admin.get(reverse(f"admin:cti_{page}_add")).status_code == 200


def test_a_password_that_is_set_in_the_admin_is_kept_as_a_hash(admin: Client, hints: list[Any]) -> None:
    page = reverse("admin:cti_applicationuser_add")
    assert admin.post(page, {"name": "desk", "password": "secret", "controls_all": "on"}).status_code == 302
    user = ApplicationUser.objects.get()
    assert user.check_password("secret") and user.controls_all
    page = reverse("admin:cti_applicationuser_change", args=[user.pk])
    assert admin.post(page, {"name": "desk2", "password": ""}).status_code == 302
    user.refresh_from_db()
    assert user.name == "desk2" and user.check_password("secret")


def test_edges_hear_of_a_change(admin: Client, hints: list[Any], django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        admin.post(
            reverse("admin:cti_line_add"),
            {"uri": "tel:2001", "switch": "simulated", "may_call": "anyone", "takes_calls": "on"},
        )
    assert hints == [{"kind": "policy", "parts": ["lines"]}]
    assert facts.PART in parts.all_parts()
    policy = snapshot.load()
    assert snapshot.refresh(policy, [facts.PART]) == policy


def test_the_settings_page_is_the_row(admin: Client) -> None:
    response = admin.get(reverse("admin:cti_ctisettings_changelist"), follow=True)
    assert response.status_code == 200 and b"session_timer" in response.content


def test_a_password_goes_in_by_rest_and_never_out() -> None:
    client = APIClient()
    client.force_authenticate(get_user_model().objects.create_superuser("integrator"))
    Domain.objects.create(name="compb.cisco.com")
    assert client.post("/api/v1/lines/", {"uri": "tel:2001"}, format="json").data["uri"] == "2001"
    made = client.post(
        "/api/v1/application-users/", {"name": "desk", "password": "secret", "lines": ["2001"]}, format="json"
    )
    assert made.status_code == 201 and made.data["lines"] == ["2001"] and "password" not in made.data
    assert ApplicationUser.objects.get().check_password("secret")
    twice = client.post("/api/v1/lines/", {"uri": "2001"}, format="json")
    assert twice.status_code == 400, "the same line, written differently"
    row = f"/api/v1/cti-settings/{CtiSettings.objects.get().pk}/"
    assert client.patch(row, {"heartbeat": 4}, format="json").status_code == 400
    assert client.patch(row, {"gateway_uri": "8000@compB.cisco.com"}, format="json").data["gateway_uri"] == (
        "sip:8000@compb.cisco.com"
    )

"""The administrator's pages: every list and form opens, and what they save reaches the edges."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import check_password
from django.test import Client
from django.urls import reverse

from provisioning import bus
from provisioning.digests import digests
from provisioning.models import Alias, Domain, MessengerSettings, Persona

pytestmark = pytest.mark.django_db

PAGES = [
    "domain", "persona", "alias", "expirysetting", "sourcepriority", "useragentcapability", "reachabilityrule",
    "listener", "trustedpeer", "accesslistentry", "cannedmessage",
]  # fmt: skip


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


@pytest.fixture
def compb() -> Domain:
    return Domain.objects.create(name="compB.cisco.com")


@pytest.mark.parametrize("page", PAGES)
def test_every_list_opens_and_can_be_searched(admin: Client, page: str) -> None:
    response = admin.get(reverse(f"admin:provisioning_{page}_changelist"), {"q": "x"})
    assert response.status_code == 200


@pytest.mark.parametrize(
    "page", ["domain", "persona", "alias", "sourcepriority", "listener", "trustedpeer", "cannedmessage"]
)
def test_every_form_opens(admin: Client, page: str) -> None:
    assert admin.get(reverse(f"admin:provisioning_{page}_add")).status_code == 200


def persona_form(domain: Domain, **changes: str) -> dict[str, str]:
    return {
        "domain": str(domain.pk),
        "user": "xten3",
        "name": "Xten Three",
        "password": "secret",
        "new_pin": "4711",
        "enabled": "on",
        "publish_policy": "self",
        "aliases-TOTAL_FORMS": "1",
        "mappings-TOTAL_FORMS": "0",
        "mappings-INITIAL_FORMS": "0",
        "aliases-INITIAL_FORMS": "0",
        "aliases-0-uri": "xten.three@compB.cisco.com",
        **changes,
    }


def test_a_user_with_an_alias_is_created_and_announced_once(
    admin: Client,
    hints: list[Any],
    compb: Domain,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    """R-AOR-04: the address of record is provisioned; D-50: only digest secrets are kept."""
    with django_capture_on_commit_callbacks(execute=True):
        response = admin.post(reverse("admin:provisioning_persona_add"), persona_form(compb))
    assert response.status_code == 302, response.context["errors"]
    persona = Persona.objects.get(aor="sip:xten3@compb.cisco.com")
    assert {alias.uri for alias in persona.aliases.all()} == {
        "sip:xten3@compb.cisco.com",
        "sip:xten.three@compb.cisco.com",
    }
    assert persona.md5 == digests("xten3", "compb.cisco.com", "secret").md5
    assert persona.check_pin("4711")
    assert hints == [{"kind": "policy", "parts": ["people"]}]


def test_an_address_that_is_taken_is_refused(admin: Client, compb: Domain) -> None:
    admin.post(reverse("admin:provisioning_persona_add"), persona_form(compb))
    other = persona_form(compb, user="xten.three")
    response = admin.post(reverse("admin:provisioning_persona_add"), other)
    assert response.status_code == 200
    assert b"already an alias" in response.content


def test_renaming_a_domain_has_to_be_confirmed_and_voids_passwords(admin: Client, compb: Domain) -> None:
    """D-50: the admin says first that new passwords will be needed."""
    persona = Persona(domain=compb, user="xten3")
    persona.set_password("secret")
    persona.save()
    address = reverse("admin:provisioning_domain_change", args=[compb.pk])
    refused = admin.post(address, {"name": "new.example", "description": ""})
    assert b"1 users lose their password" in refused.content
    accepted = admin.post(address, {"name": "new.example", "description": "", "confirm_rename": "on"})
    assert accepted.status_code == 302
    persona.refresh_from_db()
    assert (persona.aor, persona.has_password) == ("sip:xten3@new.example", False)
    assert [alias.uri for alias in Alias.objects.all()] == ["sip:xten3@new.example"]


def test_the_settings_page_leads_to_its_only_row(admin: Client) -> None:
    response = admin.get(reverse("admin:provisioning_enginesettings_changelist"), follow=True)
    assert response.status_code == 200
    assert b"allow_by_default" in response.content


def test_expiry_bounds_out_of_order_are_refused(admin: Client) -> None:
    """Section 6: 0 < minimum <= default <= maximum is enforced when they are saved (D-05)."""
    from provisioning.models import ExpirySetting

    row = ExpirySetting.objects.get(method="subscribe")
    assert (row.minimum, row.default, row.maximum) == (60, 3600, 10800)
    address = reverse("admin:provisioning_expirysetting_change", args=[row.pk])
    response = admin.post(address, {"minimum": "100", "default": "50", "maximum": "200"})
    assert response.status_code == 200
    row.refresh_from_db()
    assert row.minimum == 60


def test_a_pin_is_kept_as_a_hash(admin: Client, compb: Domain) -> None:
    """R-IM-01: beside the password; what is none is refused, and an empty field keeps it."""
    add, change = reverse("admin:provisioning_persona_add"), "admin:provisioning_persona_change"
    refused = admin.post(add, persona_form(compb, new_pin="12a4"))
    assert "4 to 12 digits" in refused.content.decode() and not Persona.objects.exists()
    admin.post(add, persona_form(compb, new_pin="123456"))
    persona = Persona.objects.get()
    assert check_password("123456", persona.pin)
    again = persona_form(compb, new_pin="", name="Other", **{"aliases-0-uri": ""})
    admin.post(reverse(change, args=[persona.pk]), again)
    persona.refresh_from_db()
    assert persona.name == "Other" and check_password("123456", persona.pin)


def test_settings_of_the_messenger_have_bounds(admin: Client, hints: list[Any]) -> None:
    """R-IM-02: the duration of subscriptions and what else an operator sets."""
    page = reverse("admin:provisioning_messengersettings_change", args=[1])
    values = {
        "enabled": "on", "subscription_duration": "600", "grace": "30", "contacts": "50", "messages": "100",
        "refresh_interval": "7", "session_timer": "9999",
    }  # fmt: skip
    for name, bad in (("refresh_interval", "6"), ("session_timer", "10000"), ("subscription_duration", "10")):
        assert admin.post(page, {**values, name: bad}).status_code == 200
    assert admin.post(page, values).status_code == 302
    assert MessengerSettings.objects.get().subscription_duration == 600

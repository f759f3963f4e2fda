"""The administrator's pages of histories: who, when, door, what in words; back to a version, and back from deletion."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from provisioning import bus
from provisioning.history import recording
from provisioning.models import Alias, Domain, Persona, TrustedPeer, UriAcl, Webhook
from provisioning.uri import Aor

pytestmark = pytest.mark.django_db


def signed_in(role: str) -> Client:
    user = User.objects.create_user("kim", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin() -> Client:
    return signed_in("Operator")


@pytest.fixture
def hints(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    heard: list[Any] = []
    monkeypatch.setattr(bus, "_publish", heard.append)
    return heard


def address(page: str, row: Any, *more: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=[row.pk, *more])


def shown(client: Client, url: str) -> str:
    """The text of a page, without its marks and white space."""
    import re

    response = client.get(url)
    assert response.status_code == 200, response.status_code
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode().split('class="versions"', 1)[1]).split())


def change_acl(client: Client, acl: UriAcl) -> None:
    """As the form is sent: another default, bob instead of ann."""
    ann = acl.entries.get()
    form = {
        "presentity": acl.presentity_id, "default": "allow",
        "entries-TOTAL_FORMS": "2", "entries-INITIAL_FORMS": "1", "entries-0-id": ann.pk, "entries-0-acl": acl.pk,
        "entries-0-kind": "uri", "entries-0-value": ann.value, "entries-0-effect": "allow", "entries-0-DELETE": "on",
        "entries-1-acl": acl.pk, "entries-1-kind": "uri", "entries-1-value": "bob@example.org",
        "entries-1-effect": "polite_block",
    }  # fmt: skip
    response = client.post(address("change", acl), form)
    assert response.status_code == 302, response.content


def test_a_form_makes_one_version_which_is_read_in_words(admin: Client, acl: UriAcl) -> None:
    before = UriAcl.history.count()
    change_acl(admin, acl)
    assert UriAcl.history.count() == before + 1
    text = shown(admin, address("history", acl))
    assert "kim Administration Default Block (403) → Allow Entries + added sip:bob@example.org: Polite block" in text
    assert "User sip:xten3@compb.cisco.com Default Block (403)" in text, "what a new one has is no change"
    assert "− removed sip:ann@example.org: Allow" in text and "entries-" not in text


def test_back_to_a_version_is_shown_first_and_announced(
    admin: Client, acl: UriAcl, hints: list[Any], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    version = UriAcl.history.filter(id=acl.pk).latest("history_id").pk
    change_acl(admin, acl)
    hints.clear()
    page = address("revert", acl, version)
    text = shown(admin, page)
    assert "What will be changed" in text and "Default Allow → Block (403)" in text and "sip:bob@example.org" in text
    assert acl.entries.get().value == "sip:bob@example.org" and hints == [], "so far it is only shown"
    with django_capture_on_commit_callbacks(execute=True):
        response = admin.post(page)
    assert response.status_code == 302 and hints == [{"kind": "policy", "parts": ["access"]}]
    acl.refresh_from_db()
    assert (acl.default, acl.entries.get().value) == ("block", "sip:ann@example.org")
    newest = UriAcl.history.filter(id=acl.pk).latest("history_id")
    assert newest.history_change_reason.startswith("Back to the version of") and newest.history_actor == "kim"
    assert "there is nothing to change" in shown(admin, page)


def test_what_cannot_be_is_refused_in_a_sentence(admin: Client, compb: Domain, xten3: Persona) -> None:
    """By the checks of any other door: an address that is somebody else's now."""
    alias = Alias.objects.create(uri=Aor.parse("x3@compb.cisco.com"), persona=xten3)
    key = alias.pk
    version = Alias.history.get(id=key).pk
    alias.delete()
    other = Persona(domain=compb, user="x3")
    other.save()
    alias.pk = key
    page = address("revert", alias, version)
    text = shown(admin, page)
    assert "This cannot be done" in text and "already exists" in text
    refused = admin.post(page)
    assert refused.status_code == 200 and Alias.objects.get(uri="sip:x3@compb.cisco.com").persona == other
    peer = TrustedPeer.objects.filter(automatic=True).first()
    assert peer is not None
    peer_version = TrustedPeer.history.get(id=peer.pk)
    TrustedPeer.objects.filter(pk=peer.pk).update(description="changed")
    assert "follows from other provisioning" in shown(admin, address("revert", peer, peer_version.pk))


def test_what_was_deleted_is_brought_back_after_what_it_needs(admin: Client, acl: UriAcl, xten3: Persona) -> None:
    """A user with its addresses, but without password; then its access list."""
    xten3.set_password("secret")
    xten3.save()
    Alias.objects.create(uri=Aor.parse("x3@compb.cisco.com"), persona=xten3)
    user, list_ = (address("history", xten3), address("history", acl))
    assert admin.post(address("delete", xten3), {"post": "yes"}).status_code == 302
    deleted = shown(admin, reverse("admin:provisioning_uriacl_deleted"))
    assert "who may watch sip:xten3@compb.cisco.com" in deleted and "Bring back" in deleted
    last = f"{list_}{UriAcl.history.latest('history_id').pk}/"
    assert "The user sip:xten3@compb.cisco.com is gone; bring it back first." in shown(admin, last)
    bring = f"{user}{Persona.history.latest('history_id').pk}/"
    assert "set the password anew" in shown(admin, bring)
    assert admin.post(bring).status_code == 302
    back = Persona.objects.get(aor="sip:xten3@compb.cisco.com")
    assert not back.has_password
    assert {one.uri for one in back.aliases.all()} == {"sip:xten3@compb.cisco.com", "sip:x3@compb.cisco.com"}
    assert admin.post(last).status_code == 302
    assert back.uri_acl.entries.get().value == "sip:ann@example.org"


def test_secrets_are_said_to_be_set_and_never_shown(admin: Client) -> None:
    hook = Webhook.objects.create(name="wall", url="https://wall.example/", watcher="wall@example.org")
    secret, hook.secret = hook.secret, "another secret of sixteen"
    hook.save()
    response = admin.get(address("history", hook)).content.decode()
    assert "Secret" in response and "set" in response
    assert secret not in response and hook.secret not in response


def test_the_number_of_queries_does_not_follow_the_number_of_versions(
    admin: Client, acl: UriAcl, django_assert_num_queries: Any
) -> None:
    for number in range(12):
        acl.entries.create(value=f"u{number}@example.org")
    admin.get(address("history", acl))
    # session, account, rights twice; count, page, newest; ids before, rows before; log-in's own savepoints none
    with django_assert_num_queries(9):
        admin.get(address("history", acl))


def test_who_may_not_change_may_read_and_not_revert(acl: UriAcl) -> None:
    """The help desk views access lists; it may edit privacy lists, which stand beside them."""
    helper = signed_in("Help desk")
    version = UriAcl.history.filter(id=acl.pk).earliest("history_id").pk
    text = shown(helper, address("history", acl))
    assert "Revert" not in text
    assert helper.get(address("revert", acl, version)).status_code == 403
    assert helper.post(address("revert", acl, version)).status_code == 403
    assert acl.entries.exists()


@pytest.mark.parametrize(("role", "status"), [("Auditor", 200), ("Operator", 200), ("Help desk", 200), ("", 403)])
def test_every_history_is_for_those_who_may_view_the_table(role: str, status: int) -> None:
    client = signed_in(role) if role else Client()
    if not role:
        client.force_login(User.objects.create_user("nobody", is_staff=True))
    for model in recording.tracked():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert client.get(reverse(f"{name}_deleted")).status_code == status, name
        assert client.get(reverse(f"{name}_history", args=[999_999])).status_code == (404 if role else 403), name
    assert client.get(reverse("admin:provisioning_changes")).status_code == status


def test_changes_of_all_tables_are_filtered(admin: Client, acl: UriAcl, django_assert_max_num_queries: Any) -> None:
    change_acl(admin, acl)
    page = reverse("admin:provisioning_changes")
    with django_assert_max_num_queries(30):
        text = shown(admin, page)
    assert "who may watch sip:xten3@compb.cisco.com" in text and "Domain" in text
    mine = shown(admin, f"{page}?who=kim")
    assert mine.count("Changed") == 1 and "Block (403) → Allow" in mine
    assert "No such changes." in shown(admin, f"{page}?who=kim&table=provisioning.domain")
    assert "No such changes." in shown(admin, f"{page}?who=kim&until=2020-01-01")
    assert "compb.cisco.com" in shown(admin, f"{page}?table=provisioning.domain&text=compb&since=2020-01-01")
    assert "Enter a valid date" in shown(admin, f"{page}?since=tomorrow")
    assert "No such changes." in shown(admin, f"{page}?table=nonsense")


def test_addresses_that_lead_nowhere(admin: Client, acl: UriAcl) -> None:
    for bad in ("abc", "9" * 30, "-1"):
        assert admin.get(f"/admin/provisioning/uriacl/{bad}/history/").status_code == 404
    assert admin.get(address("revert", acl, 999_999)).status_code == 404

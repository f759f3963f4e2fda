"""Previews in the admin: beside Save, and where something is deleted."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from presence.concern import MODELS
from provisioning.models import Persona, PrivacyList, ReachabilityRule, UriAcl, UriAclEntry, WatcherFilter
from tests.presence import preview_cast as cast
from tests.presence.preview_cast import ANN, BOB, JOE, watch

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def people() -> dict[str, Persona]:
    found = cast.people()
    watch(1, ANN)
    watch(2, BOB)
    return found


def client(*rights: str) -> Client:
    user = User.objects.create_user("kim", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    found = Client()
    found.force_login(user)
    return found


@pytest.fixture
def admin() -> Client:
    found = Client()
    found.force_login(User.objects.create_superuser("root"))
    return found


def page(name: str, *args: Any) -> str:
    return reverse(f"admin:provisioning_{name}", args=args)


def acl_form(presentity: Persona, *entries: tuple[str, str], **changes: str) -> dict[str, Any]:
    form: dict[str, Any] = {
        "presentity": presentity.pk, "default": "block", "entries-TOTAL_FORMS": len(entries),
        "entries-INITIAL_FORMS": 0, "_save": "Save",
    }  # fmt: skip
    for number, (value, effect) in enumerate(entries):
        form |= {f"entries-{number}-{name}": it for name, it in (("kind", "uri"), ("value", value), ("effect", effect))}
    return {**form, **changes}


@pytest.mark.parametrize("model", MODELS)
def test_every_form_has_the_button(admin: Client, model: Any) -> None:
    name, row = model._meta.model_name, model.objects.first()
    if name != "enginesettings":
        add = admin.get(page(f"{name}_add")).content.decode()
        assert f'hx-post="/admin/provisioning/{name}/preview/"' in add and 'id="preview"' in add
    if row is not None:
        change = admin.get(page(f"{name}_change", row.pk)).content.decode()
        assert f'hx-post="/admin/provisioning/{name}/{row.pk}/preview/"' in change


def test_a_new_access_list_is_previewed_and_not_saved(
    admin: Client, people: dict[str, Persona], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    """R-ARC-02: neither row nor log of the admin nor message stays, and nobody is told."""
    with django_capture_on_commit_callbacks(execute=True) as hooks:
        answer = admin.post(page("uriacl_preview_add"), acl_form(people["joe"], (ANN, "allow"), _continue="1"))
    text = answer.content.decode()
    assert answer.status_code == 200 and f"{BOB} stops seeing {JOE} (rejected)." in text
    assert "1 cut off" in text and ANN not in text and "All 2 live subscriptions" in text
    assert hooks == [] and not UriAcl.objects.exists() and not LogEntry.objects.exists()
    assert "was added successfully" not in admin.get("/admin/").content.decode()


def test_a_change_is_previewed(admin: Client, people: dict[str, Persona]) -> None:
    acl = UriAcl.objects.create(presentity=people["joe"], default="allow")
    answer = admin.post(page("uriacl_preview_change", acl.pk), acl_form(people["joe"], (BOB, "polite_block")))
    text = answer.content.decode()
    assert f"{ANN} stops seeing" in text and f"{BOB} is blocked politely" in text
    acl.refresh_from_db()
    assert acl.default == "allow" and not UriAclEntry.objects.exists()
    nothing = admin.post(page("uriacl_preview_change", acl.pk), acl_form(people["joe"], default="allow"))
    assert "Nothing changes for anybody" in nothing.content.decode()


def test_what_is_wrong_with_the_form_is_said(admin: Client, people: dict[str, Persona]) -> None:
    """In the form's own words, with the way to the field."""
    answer = admin.post(page("uriacl_preview_add"), acl_form(people["joe"], ("no address", "allow"), default="odd"))
    text = answer.content.decode()
    assert answer.status_code == 200 and 'role="alert"' in text and "stops seeing" not in text
    assert '<a href="#id_default">Default</a>' in text and "is not one of the available choices" in text
    assert '<a href="#id_entries-0-value">access list entry 1, Address or domain</a>' in text
    assert "is not a SIP URI" in text
    twice = admin.post(page("uriacl_preview_add"), acl_form(people["joe"], (ANN, "allow"), (ANN, "block")))
    assert "Please correct the duplicate" in twice.content.decode()


def test_a_form_without_parts_is_refused_in_words(admin: Client, people: dict[str, Persona]) -> None:
    answer = admin.post(page("uriacl_preview_add"), {"presentity": people["joe"].pk, "default": "block"})
    assert answer.status_code == 200 and 'role="alert"' in answer.content.decode()


def test_a_user_who_is_disabled(admin: Client, people: dict[str, Persona]) -> None:
    form = {
        "domain": people["joe"].domain_id, "user": "joe", "name": "", "password": "new-secret", "new_pin": "4711",
        "publish_policy": "self", "aliases-TOTAL_FORMS": 0, "aliases-INITIAL_FORMS": 0, "mappings-TOTAL_FORMS": 0,
        "mappings-INITIAL_FORMS": 0,
    }  # fmt: skip
    text = admin.post(page("persona_preview_change", people["joe"].pk), form).content.decode()
    assert f"{ANN} stops seeing {JOE} (noresource)." in text and "new-secret" not in text and "4711" not in text
    joe = Persona.objects.get(aor=JOE)
    assert joe.enabled and not joe.has_password and not joe.pin


def test_a_rule_and_a_filter(admin: Client) -> None:
    rule = ReachabilityRule.objects.get(condition="busy_and_other_text")
    form = {"position": rule.position, "condition": rule.condition, "state": "dnd"}
    text = admin.post(page("reachabilityrule_preview_change", rule.pk), form).content.decode()
    assert "2 seeing something else" in text and "state Interruptible But Busy → Do Not Disturb" in text
    form = {"kind": "person_only", "domain": "cisco.com", "client_type": "", "client_version": ""}
    text = admin.post(page("watcherfilter_preview_add"), form).content.decode()
    assert "device desk is not shown any more" in text and not WatcherFilter.objects.exists()


@pytest.mark.parametrize(
    ("rights", "form", "preview"),
    [
        (("view_uriacl", "view_subscription"), 200, 403),
        (("view_uriacl", "change_uriacl"), 200, 403),
        (("view_uriacl", "change_uriacl", "view_subscription"), 200, 200),
        (("view_subscription",), 403, 403),
    ],
)
def test_who_may_change_and_see_subscriptions_may_preview(
    people: dict[str, Persona], rights: tuple[str, ...], form: int, preview: int
) -> None:
    acl = UriAcl.objects.create(presentity=people["joe"], default="allow")
    kim = client(*rights)
    shown = kim.get(page("uriacl_change", acl.pk))
    assert shown.status_code == form and (b"hx-post" in shown.content) == (preview == 200)
    address = page("uriacl_preview_change", acl.pk)
    assert kim.post(address, acl_form(people["joe"])).status_code == preview
    assert kim.post(page("uriacl_preview_add"), acl_form(people["joe"])).status_code == 403, "no right to add"


def test_a_preview_is_asked_for_by_post_and_of_what_is_there(admin: Client, people: dict[str, Persona]) -> None:
    assert admin.get(page("uriacl_preview_add")).status_code == 405
    assert admin.post(page("uriacl_preview_change", 999_999), acl_form(people["joe"])).status_code == 404
    assert Client().post(page("uriacl_preview_add"), acl_form(people["joe"])).status_code == 302, "to the log-in"


def test_before_a_deletion_it_is_said_who_is_affected(admin: Client, people: dict[str, Persona]) -> None:
    """One row, and several; nothing is deleted by looking."""
    text = admin.get(page("persona_delete", people["joe"].pk)).content.decode()
    assert "Who is affected" in text and f"{BOB} stops seeing {JOE} (noresource)." in text
    chosen = {"action": "delete_selected", "_selected_action": [people["joe"].pk, people["ann"].pk]}
    answer = admin.post(page("persona_changelist"), chosen)
    text = answer.content.decode()
    assert "Who is affected" in text and f"{ANN} stops seeing {JOE} (noresource)." in text
    assert text.count('name="_selected_action"') == 2, "the form is whole"
    assert Persona.objects.count() == 3
    assert admin.post(page("persona_changelist"), {**chosen, "post": "yes"}).status_code == 302
    assert Persona.objects.count() == 1
    assert (
        client("view_persona", "delete_persona").get(page("persona_delete", people["bob"].pk)).context["perms_lacking"]
    )


def test_a_deletion_lets_people_in(admin: Client, people: dict[str, Persona]) -> None:
    lists = PrivacyList.objects.create(owner=people["joe"], kind="blocked")
    lists.members.create(value=BOB)
    text = admin.get(page("privacylist_delete", lists.pk)).content.decode()
    assert f"{BOB} may see {JOE} now, as Interruptible But Busy." in text and PrivacyList.objects.exists()


def test_who_sees_no_subscriptions_deletes_as_before(people: dict[str, Persona]) -> None:
    lists = PrivacyList.objects.create(owner=people["joe"], kind="blocked")
    kim = client("view_privacylist", "delete_privacylist", "delete_privacylistmember")
    text = kim.get(page("privacylist_delete", lists.pk)).content.decode()
    assert "Are you sure" in text and "Who is affected" not in text


def test_addresses_stay_text(admin: Client, people: dict[str, Persona]) -> None:
    watch(3, "sip:<b>x</b>@cisco.com", user_agent="<script>alert(1)</script>")
    text = admin.post(page("uriacl_preview_add"), acl_form(people["joe"])).content.decode()
    assert "&lt;b&gt;x" in text and "<b>x" not in text and "<script>" not in text

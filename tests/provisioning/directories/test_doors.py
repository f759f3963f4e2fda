"""Directories by admin, REST and schedule: passwords stay inside, one run at a time, dead runs are closed."""

import contextlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from provisioning.choices import RunState
from provisioning.directories import ldap, runs
from provisioning.models import Directory, DirectoryRun, Persona
from provisioning.sealing import CannotOpen
from tests.provisioning.directories.office import directory, entry, sync

pytestmark = pytest.mark.django_db

SECRET = "correct horse"


@pytest.fixture
def rest() -> APIClient:
    client = APIClient()
    client.force_authenticate(get_user_model().objects.create_superuser("root"))
    return client


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.fixture(autouse=True)
def here_and_now(settings: Any) -> None:
    """Without a bus there is no worker: what is started is done at once."""
    settings.VALKEY_URL = ""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A stand-in: the entries that the directory's server has."""
    held: list[Any] = []
    monkeypatch.setattr(ldap, "connected", lambda directory: contextlib.nullcontext())
    monkeypatch.setattr(ldap, "entries", lambda connection, directory, most: iter(held))
    return held


def test_a_password_is_sealed_and_opens_with_the_same_key_only(settings: Any) -> None:
    office = directory(bind_name="cn=reader")
    assert office.password == ""
    office.set_password(SECRET)
    assert SECRET not in office.sealed_password and office.password == SECRET
    settings.SECRET_KEY = "another one"
    with pytest.raises(CannotOpen):
        _ = office.password
    with pytest.raises(ldap.DirectoryError, match="set the password again"), ldap.connected(office):
        pass


def test_a_password_is_never_told_by_rest(rest: APIClient) -> None:
    values = {"name": "x", "server": "ldaps://h", "base": "dc=x", "bind_name": "cn=r", "password": SECRET}
    made = rest.post("/api/v1/directories/", values, format="json")
    assert made.status_code == 201, made.json()
    assert made.json()["has_password"] and "password" not in made.json()
    assert SECRET not in rest.get("/api/v1/directories/").content.decode()
    row = Directory.objects.get()
    assert row.password == SECRET and SECRET not in row.sealed_password
    address = f"/api/v1/directories/{row.pk}/"
    assert rest.patch(address, {"name": "y"}, format="json").status_code == 200
    assert Directory.objects.get().password == SECRET
    moved = rest.patch(address, {"server": "ldaps://evil.example"}, format="json")
    assert moved.status_code == 400 and "another server" in str(moved.json())


def test_a_password_is_never_shown_in_the_admin(admin: Client) -> None:
    address = reverse("admin:provisioning_directory_add")
    page = admin.get(address)
    assert page.status_code == 200
    form = {
        name: page.context["adminform"].form[name].value() or ""
        for name in page.context["adminform"].form.fields
        if name not in ("adopt",)
    }
    form |= {"name": "x", "server": "ldaps://h", "base": "dc=x", "bind_name": "cn=r", "password": SECRET}
    answer = admin.post(address, {key: value for key, value in form.items() if value is not False})
    assert answer.status_code == 302, answer.context["errors"]
    row = Directory.objects.get()
    assert row.password == SECRET
    shown = admin.get(reverse("admin:provisioning_directory_change", args=[row.pk])).content.decode()
    assert SECRET not in shown and row.sealed_password not in shown


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"server": "http://h"}, "server"), ({"server": "ldap://u:p@h"}, "server"),
        ({"server": "ldap://h:x"}, "server"),
        ({"base": "nonsense"}, "base"), ({"filter": "(a=b"}, "filter"), ({"user_attribute": "a b"}, "user_attribute"),
        ({"mail_attributes": "mail, 1x"}, "mail_attributes"), ({"enabled_by": "true_enables"}, "enabled_attribute"),
        ({"domain": None, "domain_attribute": ""}, "domain"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        directory(**changes)
    assert field in refused.value.message_dict


def test_a_dry_run_and_a_run_by_rest(rest: APIClient, server: list[Any]) -> None:
    server += [entry("a"), entry("b", uid="no user")]
    address = f"/api/v1/directories/{directory().pk}/"
    tested = rest.post(f"{address}test/").json()
    assert tested["samples"][0]["user"] == "sip:a@d.example" and "no user part" in tested["samples"][1]["problem"]
    tried = rest.post(f"{address}dry-run/")
    assert tried.status_code == 202 and tried.json()["counts"]["created"] == 1 and not Persona.objects.exists()
    done = rest.post(f"{address}run/", {}, format="json").json()
    assert (done["state"], done["started_by"], Persona.objects.count()) == ("done", "root", 1)
    listed = rest.get(f"{address}runs/").json()
    assert [one["dry"] for one in listed["results"]] == [False, True]
    assert rest.get("/api/v1/directory-runs/", {"dry": True}).json()["count"] == 1


def test_one_run_at_a_time(rest: APIClient, server: list[Any]) -> None:
    office = directory()
    dead = runs.begin(office, started_by="somebody")
    answer = rest.post(f"/api/v1/directories/{office.pk}/run/")
    assert answer.status_code == 409 and answer["Content-Type"] == "application/problem+json"
    DirectoryRun.objects.update(alive_at=timezone.now() - 2 * runs.GONE)
    assert rest.post(f"/api/v1/directories/{office.pk}/run/").json()["state"] == "done"
    dead.refresh_from_db()
    assert dead.state == RunState.FAILED and "gone away" in dead.error
    runs.perform(dead.pk)
    dead.refresh_from_db()
    assert dead.state == RunState.FAILED, "who was taken for dead does nothing any more"


def test_a_run_that_was_taken_for_dead_writes_nothing(server: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    office = directory()
    run = runs.begin(office, started_by="slow")

    def meanwhile(*_: Any, **__: Any) -> Any:
        DirectoryRun.objects.filter(pk=run.pk).update(state=RunState.FAILED)
        yield entry("a")

    monkeypatch.setattr(ldap, "entries", meanwhile)
    runs.perform(run.pk)
    assert not Persona.objects.exists()


def test_a_run_that_breaks_while_it_writes_leaves_no_trace(server: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from provisioning.directories import writing

    office = directory()
    sync(office, entry("a"), entry("b"))
    server += [entry("a", cn="Other"), entry("c")]

    def broken(*_: Any) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(writing, "_remember", broken)
    run = runs.start(office, started_by="test", confirmed=True)
    assert run.state == RunState.FAILED and "RuntimeError" in run.error
    assert dict(Persona.objects.values_list("user", "name")) == {"a": "A", "b": "B"}
    monkeypatch.undo()


def test_what_is_due_is_started_by_the_schedule(server: list[Any]) -> None:
    office = directory(interval=30)
    directory(name="by hand", interval=0)
    directory(name="off", enabled=False)
    now = timezone.now()
    assert runs.start_due(now) == 1 and runs.start_due(now) == 0
    assert runs.start_due(now + timedelta(minutes=31)) == 1
    assert [run.started_by for run in office.runs.all()] == ["schedule"] * 2


def test_past_runs_are_kept_up_to_a_number(server: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "KEPT", 3)
    office = directory()
    for _ in range(5):
        runs.start(office, started_by="test")
    assert office.runs.count() == 3


def test_the_page_has_buttons_runs_and_no_markup_of_others(admin: Client, server: list[Any]) -> None:
    office = directory()
    server.append(entry("a", cn="<script>alert(1)</script>"))
    address = reverse("admin:provisioning_directory_sync", args=[office.pk])
    assert "It has never run" in admin.get(address).content.decode()
    assert "The connection works" in admin.post(address, {"test": "1"}).content.decode()
    admin.post(address, {"dry": "1"})
    assert not Persona.objects.exists()
    assert admin.post(address, {"run": "1"}).status_code == 302 and Persona.objects.count() == 1
    page = admin.get(address).content.decode()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
    server.clear()
    admin.post(address, {"run": "1"})
    held = admin.get(address).content.decode()
    assert "let so many vanish" in held and Persona.objects.get().enabled
    admin.post(address, {"confirm": "1"})
    assert not Persona.objects.get().enabled
    part = admin.get(address, headers={"HX-Request": "true"}).content.decode()
    assert re.match(r"\s*<section", part)


@pytest.mark.parametrize(("rights", "looks", "presses"), [([], 403, 403), (["view"], 200, 403), (["change"], 200, 302)])
def test_who_may_press_the_buttons(server: list[Any], rights: list[str], looks: int, presses: int) -> None:
    from django.contrib.auth.models import Permission

    user = get_user_model().objects.create_user("kim", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=[f"{one}_directory" for one in rights]))
    client = Client()
    client.force_login(user)
    address = reverse("admin:provisioning_directory_sync", args=[directory().pk])
    assert client.get(address).status_code == looks and client.post(address, {"run": "1"}).status_code == presses


def test_a_run_goes_to_a_worker_where_there_is_one(
    settings: Any, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    from celery import current_app

    settings.VALKEY_URL = "redis://127.0.0.1:1"
    sent: list[Any] = []
    monkeypatch.setattr(type(current_app._get_current_object()), "send_task", lambda _, *words: sent.append(words))
    run = runs.start(directory(), started_by="test")
    assert sent == [("provisioning.tasks.sync_directory", [run.pk])] and run.state == RunState.WAITING

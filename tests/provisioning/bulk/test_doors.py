"""Imports and exports by the admin, by REST and by commands; and who may."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from provisioning import tasks
from provisioning.bulk import running
from provisioning.bulk.documents import MAX_FILE
from provisioning.models import Domain, Import, ImportFile, Persona
from provisioning.roles import ROLES
from tests.provisioning.bulk.trials import carried, user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

FILE = "address,name,password,pin\nalice@example.org,Alice,secret one,\nbob@example.org,<b>Bob</b>,,12\n"


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What was handed to workers; a test runs it when it wants to."""
    found: list[int] = []
    monkeypatch.setattr(tasks, "start_import", found.append)
    return found


@pytest.fixture
def operator(db: None) -> User:
    made = User.objects.create_user("olga", is_staff=True)
    made.groups.add(Group.objects.get(name="Operator"))
    return made


@pytest.fixture
def api(operator: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(operator)
    return client


@pytest.fixture
def admin(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


def upload(content: str | bytes = FILE, name: str = "users.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content)


def post(api: APIClient, content: str | bytes = FILE, name: str = "users.csv", **values: Any) -> Any:
    return api.post("/api/v1/imports/", {"file": upload(content, name), **values}, format="multipart")


def test_rest_from_the_file_to_undoing(domain: Domain, api: APIClient, started: list[int]) -> None:
    answer = post(api, mode="partial", dry_run="true")
    assert answer.status_code == 202 and answer.data["state"] == "checking" and started == [answer.data["id"]]
    one = f"/api/v1/imports/{started[0]}/"
    running.run(started[0])
    found = api.get(one).data
    assert (found["state"], found["created"], found["bad"], found["percent"]) == ("checked", 1, 1, 100)
    rows = api.get(f"{one}rows/", {"outcome": "bad"}).data
    assert rows["count"] == 1
    assert rows["results"][0]["errors"] == [{"column": "pin", "text": "A PIN has 4 to 12 digits."}]
    shown = api.get(f"{one}rows/", {"outcome": "created"}).data["results"][0]["differences"]
    assert {"column": "name", "before": None, "after": "Alice"} in shown
    assert api.get(f"{one}rows/", {"outcome": "odd"}).status_code == 400
    assert api.post(f"{one}apply/", {}, format="json").status_code == 202
    running.run(started[0])
    assert api.get(one).data["state"] == "done" and Persona.objects.get().user == "alice"
    errors = api.get(f"{one}errors/")
    assert errors["Content-Type"].startswith("text/csv")
    assert errors.content.decode("utf-8-sig").splitlines() == [
        "address,name,password,pin,enabled,aliases,confirm_watchers,offline_messages,publish_policy,error",
        "bob@example.org,<b>Bob</b>,,,,,,,,pin: A PIN has 4 to 12 digits.",
    ]
    assert carried(errors.content).created == 1, "put right, or without what was wrong, it can be brought again"
    assert api.post(f"{one}undo/", {}, format="json").status_code == 202
    running.run(started[0])
    assert api.get(one).data["undone"] == 1 and Persona.objects.get().user == "bob"
    again = api.post(f"{one}undo/", {"force": True}, format="json")
    assert again.status_code == 409 and again["Content-Type"] == "application/problem+json"


def test_rest_refuses_with_problem_documents(domain: Domain, api: APIClient) -> None:
    for content, name, about in (
        ("x", "users.txt", "does not end with"),
        (b"", "users.csv", "empty"),
        (bytes(MAX_FILE + 1), "users.csv", "larger"),
    ):  # fmt: skip
        answer = post(api, content, name)
        assert answer.status_code == 400 and about in str(answer.data["errors"]["file"])
    assert post(api, mode="some").status_code == 400
    assert api.post("/api/v1/imports/", {"mode": "all"}, format="json").status_code == 415
    first = post(api).data["id"]
    busy = post(api)
    assert busy.status_code == 409 and "“users.csv” by olga is under way" in busy.data["detail"]
    one = f"/api/v1/imports/{first}/"
    assert api.post(f"{one}apply/", {}, format="json").status_code == 409
    assert api.get(f"{one}errors/").status_code == 409
    assert api.post(f"{one}cancel/").data["state"] == "cancelled"
    assert api.post(f"{one}cancel/").status_code == 409
    assert api.delete(one).status_code in (403, 405), "an import stays"


@pytest.mark.parametrize("form", ["csv", "xlsx", "json"])
def test_rest_exports_what_imports_take(domain: Domain, api: APIClient, form: str) -> None:
    user("alice", name="=1+1")
    answer = api.get("/api/v1/exports/", {"format": form, "table": "users"})
    assert answer.status_code == 200 and f'filename="users.{form}"' in answer["Content-Disposition"]
    of = carried(answer.content, f"users.{form}")
    assert (of.unchanged, of.bad) == (1, 0)
    template = api.get("/api/v1/imports/template/", {"format": form, "table": "lists"})
    assert template.status_code == 200 and template.content


def test_rest_says_which_formats_and_tables_there_are(api: APIClient) -> None:
    for query in ({}, {"format": "xml"}, {"format": "csv", "table": "colours"}):
        assert api.get("/api/v1/exports/", query).status_code == 400
    assert api.get("/api/v1/exports/", {"format": "json"}).json() == {
        "users": [], "lists": [], "access": [], "mappings": [], "lines": [],
    }  # fmt: skip


@pytest.mark.parametrize("role", [*(role.name for role in ROLES), "nobody", "adds lists"])
def test_who_may(domain: Domain, role: str) -> None:
    """Operators and administrators import and undo; whoever sees users exports them."""
    kim = User.objects.create_user("kim", is_staff=True)
    if role == "adds lists":  # but may not change users
        kim.user_permissions.set(
            Permission.objects.filter(codename__in=["add_import", "view_import", "add_resourcelist"])
        )
    elif role != "nobody":
        kim.groups.add(Group.objects.get(name=role))
    api, client = APIClient(), Client()
    api.force_authenticate(kim)
    client.force_login(kim)
    may, sees = role in ("Administrator", "Operator"), role not in ("nobody", "adds lists")
    of = carried("address\nalice@example.org\n")
    page = lambda name, *words: reverse(f"admin:provisioning_import_{name}", args=words)  # noqa: E731
    assert (client.get(page("add")).status_code == 200) == may
    assert (client.get(page("change", of.pk)).status_code == 200) == (role != "nobody")
    assert (api.get("/api/v1/exports/", {"format": "csv"}).status_code == 200) == sees
    assert (client.get(reverse("admin:provisioning_persona_export_csv")).status_code == 200) == sees
    for what in ("undo", "cancel", "confirm"):
        assert (client.post(page(what, of.pk)).status_code == 302) == may, what
    assert (api.post(f"/api/v1/imports/{of.pk}/undo/", {}, format="json").status_code == 409) == may
    Import.objects.update(slot=None)
    answer = post(api)
    assert (answer.status_code == 202) == may and (may or answer.status_code == 403)


def test_a_table_that_the_account_may_not_change_is_refused(domain: Domain) -> None:
    """Rights to users are not those to lists."""
    kim = User.objects.create_user("kim", is_staff=True)
    kim.user_permissions.set(Permission.objects.filter(codename__in=["add_import", "add_persona", "change_persona"]))
    of = carried("list\nl@example.org\n", user=kim, who="kim")
    assert of.state == Import.State.FAILED and of.message == "kim may not add and change lists."


def test_the_pages_from_the_file_to_undoing(domain: Domain, admin: Client, started: list[int]) -> None:
    """What the file says is shown as text; secrets are not."""
    user("alice", name="Al")
    add = reverse("admin:provisioning_import_add")
    assert "(none)" in admin.get(add).content.decode()
    to = admin.post(add, {"file": upload(), "mode": "partial"})
    page = reverse("admin:provisioning_import_change", args=started[:1])
    assert (to.status_code, to["Location"]) == (302, page)
    assert "waits for a worker" in admin.get(page).content.decode()
    progress = reverse("admin:provisioning_import_progress", args=started[:1])
    looked = admin.get(progress)
    assert "hx-get" in looked.content.decode() and "HX-Refresh" not in looked
    running.run(started[0])
    assert admin.get(progress)["HX-Refresh"] == "true"
    said = admin.get(page).content.decode()
    assert "A PIN has 4 to 12 digits." in said and "<del>Al</del>" in said and "Apply the 1 good rows" in said
    assert "secret one" not in said and "<b>Bob</b>" not in said
    assert admin.get(f"{page}?show=bad&page=7").status_code == 200
    assert admin.get(reverse("admin:provisioning_import_confirm", args=started[:1])).status_code == 405
    admin.post(reverse("admin:provisioning_import_confirm", args=started[:1]))
    running.run(started[0])
    assert Persona.objects.get(user="alice").name == "Alice"
    assert admin.get(reverse("admin:provisioning_import_errors", args=started[:1]))["Content-Type"].startswith(
        "text/csv"
    )
    admin.post(reverse("admin:provisioning_import_undo", args=started[:1]), {"force": "on"})
    running.run(started[0])
    assert (
        Persona.objects.get(user="alice").name == "Al" and "1 rows were put back." in admin.get(page).content.decode()
    )
    refused = admin.post(reverse("admin:provisioning_import_undo", args=started[:1]), follow=True)
    assert "nothing of this import" in refused.content.decode()
    listed = admin.get(reverse("admin:provisioning_import_changelist")).content.decode()
    assert "users.csv" in listed and "Undone" in listed


def test_the_form_says_what_is_wrong(domain: Domain, admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    add = reverse("admin:provisioning_import_add")
    tell: Callable[..., str] = lambda **values: admin.post(add, {"mode": "all", **values}).content.decode()  # noqa: E731
    assert "This field is required" in tell()
    assert "does not end with" in tell(file=upload(name="users.ods"))
    tell(file=upload())
    assert "One import at a time" in tell(file=upload())
    assert ImportFile.objects.count() == 1
    for query in ("csv/?table=odd", "pdf/"):
        assert admin.get(f"/admin/provisioning/import/template/{query}").status_code == 404
    assert admin.get("/admin/provisioning/import/template/csv/?table=lines").status_code == 200


def test_exports_stand_above_the_list_of_users(domain: Domain, admin: Client) -> None:
    user("alice")
    said = admin.get(reverse("admin:provisioning_persona_changelist")).content.decode()
    for form in ("csv", "xlsx", "json"):
        address = reverse(f"admin:provisioning_persona_export_{form}")
        assert address in said
        assert form == "xlsx" or b"alice" in admin.get(address).content
    assert "Import a file" in said
    assert admin.get(reverse("admin:provisioning_persona_import_file")).status_code == 302


def test_the_commands(domain: Domain, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "users.csv"
    file.write_text(FILE)
    call_command("import_users", str(file), "--dry-run")
    said = capsys.readouterr()
    assert "1 created, 0 changed, 0 as they were, 1 wrong" in said.out and "nothing was changed" in said.out
    assert "users, row 3, pin: A PIN has 4 to 12 digits." in said.err and not Persona.objects.exists()
    with pytest.raises(CommandError, match="all or nothing"):
        call_command("import_users", str(file))
    call_command("import_users", str(file), "--partial")
    assert Persona.objects.get().user == "alice" and Import.objects.filter(who="command line").count() == 3
    out = tmp_path / "all.json"
    call_command("export_users", str(out))
    call_command("import_users", str(out))
    assert "0 created, 0 changed, 1 as they were, 0 wrong" in capsys.readouterr().out
    call_command("export_users", str(tmp_path / "l.csv"), "--table", "lists")
    for words in (("import_users", str(tmp_path / "missing.csv")), ("export_users", str(tmp_path / "x.doc"))):
        with pytest.raises(CommandError):
            call_command(*words)
    with pytest.raises(CommandError, match="no rows"):
        call_command("import_users", str(tmp_path / "l.csv"))

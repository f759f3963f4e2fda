"""The page “Calls” of the admin: who sees it, and what it offers whom."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from cti.models import Line
from provisioning import asking

pytestmark = pytest.mark.django_db


def staff(*permissions: str, is_staff: bool = True) -> Client:
    user = User.objects.create_user("somebody", is_staff=is_staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def page(client: Client) -> tuple[int, str]:
    answer = client.get(reverse("admin:cti_calls"))
    return answer.status_code, answer.content.decode()


def test_who_may_change_lines_presses_buttons() -> None:
    status, text = page(staff("change_line"))
    assert status == 200 and "data-may-press" in text and 'data-telephony="/api/v1/telephony/"' in text


def test_who_may_view_lines_looks() -> None:
    client = staff("view_line")
    status, text = page(client)
    assert status == 200 and "data-may-press" not in text
    assert 'href="/admin/cti/calls/"' in client.get("/admin/").content.decode(), "in the navigation"


def test_the_form_of_a_line_says_what_the_switches_are() -> None:
    text = staff("view_line", "add_line").get("/admin/cti/line/add/").content.decode()
    assert "its buttons are on the page Calls" in text


def test_others_see_neither_the_page_nor_its_name() -> None:
    client = staff("view_ctisettings")
    assert page(client)[0] == 403
    index = client.get("/admin/").content.decode()
    assert "/admin/cti/ctisettings/" in index and "/admin/cti/calls/" not in index


def test_whoever_is_no_member_of_the_staff_has_to_log_in() -> None:
    assert page(staff("change_line", is_staff=False))[0] == page(Client())[0] == 302


def test_its_script_is_a_file() -> None:
    """Nothing of the page's own stands between script tags, so that a content security policy can forbid that."""
    text = page(staff("change_line"))[1]
    content = text[text.index('<div id="calls"') :]
    assert "<script" not in content[: content.index("</dialog>")] and "onclick" not in content
    assert '<script type="module" src="/static/cti/calls.js">' in text


def test_without_a_bus_nobody_is_asked(settings: pytest.FixtureRequest) -> None:
    """503 with Retry-After, never success."""
    settings.VALKEY_URL = ""  # type: ignore[attr-defined]
    api = APIClient()
    api.force_authenticate(User.objects.create_superuser("root"))
    line = Line.objects.create(uri="2001")
    for answer in (
        api.get("/api/v1/telephony/"),
        api.post(f"/api/v1/lines/{line.pk}/press/", {"button": "off hook"}, format="json"),
        api.post(f"/api/v1/lines/{line.pk}/ring/", {"from": "2009"}, format="json"),
        api.delete("/api/v1/telephony/associations/ab12/"),
    ):
        assert answer.status_code == 503 and answer["Retry-After"] == "5"
        assert answer["Content-Type"] == "application/problem+json" and "there is no bus" in answer.json()["detail"]


def test_an_edge_that_hears_and_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object, **__: object) -> None:
        raise asking.NoAnswer("edge edge-1 has not answered in time")

    monkeypatch.setattr(asking, "edges", lambda: ["edge-1"])
    monkeypatch.setattr(asking, "ask_now", silent)
    api = APIClient()
    api.force_authenticate(User.objects.create_superuser("root"))
    answer = api.get("/api/v1/telephony/")
    assert (answer.status_code, answer.json()["detail"]) == (
        503,
        "No edge has answered: edge edge-1 has not answered in time.",
    )


def test_the_description_names_every_door() -> None:
    api = APIClient()
    api.force_authenticate(User.objects.create_superuser("root"))
    paths = api.get("/api/v1/schema/", HTTP_ACCEPT="application/json").json()["paths"]
    (answer,) = paths["/api/v1/telephony/"]["get"]["responses"]["200"]["content"].values()
    assert answer["schema"] == {"$ref": "#/components/schemas/Telephony"}
    assert "post" in paths["/api/v1/lines/{id}/press/"] and "post" in paths["/api/v1/lines/{id}/ring/"]
    assert "delete" in paths["/api/v1/telephony/associations/{association}/"]

"""The navigation of the admin: by task, everything in it once, and nothing that an account may not see."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client, RequestFactory

from cups_site import navigation
from provisioning.admin_pages import PAGES
from provisioning.roles import ROLES

pytestmark = pytest.mark.django_db


def sidebar(user: User) -> dict[str, dict[str, str]]:
    """Groups by title, with title -> address of what stands in them."""
    request = RequestFactory().get("/admin/")
    request.user = user
    groups = admin.site.each_context(request)["sidebar_navigation"]
    return {str(group["title"]): {str(one["title"]): one["link"] for one in group["items"]} for group in groups}


def member(role: str) -> User:
    user = User.objects.create_user("kim", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def test_everything_has_a_place_and_no_two_things_one_name() -> None:
    """Every table and page of today is named by a group; titles are unique, so that “Users” means users of SIP."""
    groups = sidebar(User.objects.create_superuser("root"))
    assert next(iter(groups)) == "Overview" and list(groups)[-1] == "Staff and tokens"
    titles = [title for items in groups.values() for title in items]
    assert len(titles) == len(set(titles))
    addresses = {address for items in groups.values() for address in items.values()}
    for model in admin.site._registry:
        meta = model._meta
        assert f"/admin/{meta.app_label}/{meta.model_name}/" in addresses
        assert navigation.place(meta.label_lower)[0] != "more", meta.label_lower
    for page in PAGES:
        assert f"/admin/{page.app}/{page.name}/" in addresses
    assert groups["People"]["Users"] == "/admin/provisioning/persona/"
    assert groups["Staff and tokens"]["Staff accounts"] == "/admin/auth/user/"
    assert list(groups["Insight"]) == [
        "Explain",
        "Time line",
        "Changes",
        "Signalling trace",
        "Self-test",
        "Calls",
    ]


@pytest.mark.parametrize("role", [role.name for role in ROLES])
def test_everything_that_is_shown_can_be_opened(role: str) -> None:
    """And what cannot be opened is not shown."""
    user, client = member(role), Client()
    client.force_login(user)
    groups = sidebar(user)
    for items in groups.values():
        for title, address in items.items():
            assert client.get(address, follow=True).status_code == 200, title
    addresses = {address for items in groups.values() for address in items.values()}
    for model in admin.site._registry:
        address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        if address not in addresses:
            assert client.get(address).status_code == 403, address


def test_roles_see_what_is_theirs() -> None:
    desk = sidebar(member("Help desk"))
    assert "Staff and tokens" not in desk and "Signalling trace" not in desk["Insight"]
    assert "Users" in desk["People"] and "Logged messages" not in desk["Messages"]


def test_without_a_right_there_is_nothing() -> None:
    user, client = User.objects.create_user("kim", is_staff=True), Client()
    assert sidebar(user) == {}
    client.force_login(user)
    assert "have permission to view or edit anything" in client.get("/admin/").content.decode()


def test_who_is_not_there_yet_finds_a_group() -> None:
    """By its own wish, by its application, else in the last one; behind what the group names."""
    assert navigation.place("provisioning/new", "people") == ("people", 1000)
    assert navigation.place("cti/new") == ("telephony", 1000)
    assert navigation.place("presence.new", "nowhere") == ("live", 1000)
    assert navigation.place("provisioning.new") == navigation.place("elsewhere/new") == ("more", 1000)
    entries = {
        name: {"name": name, "admin_url": "/"} for name in ("cti.zebra", "cti.apple", "cti.line", "elsewhere.one")
    }
    groups = navigation.grouped(entries)
    assert [group["app_label"] for group in groups] == ["telephony", "more"]
    assert [one["name"] for one in groups[0]["models"]] == ["Cti.line", "Cti.apple", "Cti.zebra"]


def test_the_page_of_an_application_shows_its_tables(admin_client: Client) -> None:
    """Breadcrumbs lead there."""
    text = admin_client.get("/admin/cti/").content.decode()
    main = text[text.index('id="main"') :] if 'id="main"' in text else text
    assert "/admin/cti/line/" in main and not re.search(r"<caption[^>]*>\s*<a[^>]*>\s*People", main)


def test_the_first_page_marks_where_one_is(admin_client: Client) -> None:
    """For screen readers too; icons are hidden from them."""
    text = admin_client.get("/admin/provisioning/persona/").content.decode()
    assert re.findall(r'<a href="([^"]+)" aria-current="page"', text) == ["/admin/provisioning/persona/"]

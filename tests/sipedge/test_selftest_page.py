"""The administrator's page of the self-test; what it runs is tested with an edge in tests/flows/test_selftest.py."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from provisioning.models import Listener, Persona
from tests.services import free_port

pytestmark = pytest.mark.django_db

PAGE = "/admin/sipedge/selftest/"


def staff(*codenames: str) -> Client:
    user = get_user_model().objects.create_user("kim", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def test_who_may_not_make_users_has_no_self_test() -> None:
    client = staff("view_persona", "add_persona")
    assert client.get(PAGE).status_code == client.post(PAGE).status_code == 403
    assert "Self-test" not in client.get("/admin/").content.decode()


def test_it_says_what_it_will_do() -> None:
    Listener.objects.create(transport="udp", host="0.0.0.0", port=5070, role="proxy")
    page = staff("add_persona", "delete_persona").get(PAGE).content.decode()
    assert "udp:127.0.0.1:5070" in page and "EX-3" in page and "Run the self-test" in page and "passed" not in page


def test_without_a_listener_it_cannot_begin() -> None:
    Listener.objects.all().delete()
    page = staff("add_persona", "delete_persona").post(PAGE).content.decode()
    assert "It cannot begin: there is no UDP listener in the proxy role." in page


def test_without_an_edge_nothing_is_left(django_capture_on_commit_callbacks: object) -> None:
    Listener.objects.all().delete()
    Listener.objects.create(transport="udp", host="127.0.0.1", port=free_port(), role="proxy")
    before = Persona.objects.count()
    page = staff("add_persona", "delete_persona").post(PAGE).content.decode()
    assert "It cannot begin:" in page and Persona.objects.count() == before

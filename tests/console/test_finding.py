"""The administrator's search: by address, alias, name and number, by rights, bounded, and by index."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cti.models import Line
from cups_site import finding
from presence.models import Subscription
from provisioning.models import Alias, Domain, Persona, ResourceList
from sipedge.models import Binding

pytestmark = pytest.mark.django_db

MOST_QUESTIONS = 9
"Statements of one search: aliases, names, lists, lines, contacts, subscriptions twice, and what they belong to."


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root")


@pytest.fixture
def ada() -> Persona:
    domain = Domain.objects.create(name="example.org")
    ada = Persona.objects.create(domain=domain, user="ada", name="Ada Marlow")
    Persona.objects.create(domain=domain, user="ben", name="Ben Okafor", enabled=False)
    Alias.objects.create(uri="sip:+4930123@example.org", persona=ada)
    ResourceList.objects.create(uri="sip:adas.team@example.org", owner=ada, name="Team")
    Line.objects.create(uri="+4930123", owner=ada)
    now = timezone.now()
    common = {"version": 1, "persona": ada, "created_at": now, "updated_at": now, "edge": "edge-1"}
    for key, lasts in ((1, 60), (2, -60)):
        until = now + timedelta(seconds=lasts)
        Binding.objects.create(
            id=key, contact=f"sip:ada@192.0.2.{key}", q=1, cseq=1, user_agent="phone", expires_at=until, **common
        )
        Subscription.objects.create(
            id=key, watcher="sip:carol@example.net", uri="sip:ada@example.org", eventlist=False, state="active",
            user_agent="", cseq=1, expires_at=until, **common,
        )  # fmt: skip
    return ada


def titles(text: str, user: Any) -> dict[str, list[str]]:
    return {kind.name: [row.title for row in kind.rows] for kind in finding.find(text, user)}


@pytest.mark.parametrize(
    "text",
    ["ada", "ADA", "sip:ada@exam", "ada@EXAMPLE.org", " ada  marlow ", "+49 30-123", "4930123", "sip:+4930123@example"],
)
def test_a_user_is_found_by_address_alias_name_and_number(text: str, root: User, ada: Persona) -> None:
    found = titles(text, root)
    assert found["users"] == ["sip:ada@example.org"] * 2, "the user, and the live state"
    assert found["contacts"] == ["sip:ada@192.0.2.1"], "what has expired is not live"
    assert found["subscriptions"] == ["sip:carol@example.net watches sip:ada@example.org"]


def test_lists_lines_and_watchers(root: User, ada: Persona) -> None:
    assert titles("adas", root) == {"lists": ["sip:adas.team@example.org"]}
    assert titles("49301", root)["lines"] == ["+4930123"]
    assert list(titles("carol", root)) == ["subscriptions"]
    found = finding.find("+4930123", root)[0].rows
    assert found[0].about == "Ada Marlow · sip:+4930123@example.org" and found[0].link.endswith("/change/")
    assert finding.find("ben", root)[0].rows[0].about.endswith("disabled")


@pytest.mark.parametrize("text", ["", "a", " ", "%", "da", "_da", "\0", "'", "x" * 5000, "sip:", "@", "\ud800"])
def test_what_finds_nothing(text: str, root: User, ada: Persona) -> None:
    """No wildcard means more than itself, and nothing makes a traceback."""
    assert finding.find(text, root) == []


def test_only_what_may_be_viewed(ada: Persona) -> None:
    user = User.objects.create_user("kim", is_staff=True)
    assert finding.find("ada", user) == []
    user.user_permissions.add(Permission.objects.get(codename="view_binding"))
    assert list(titles("ada", User.objects.get(pk=user.pk))) == ["contacts"]


def test_few_rows_and_few_questions_each_by_an_index(root: User, ada: Persona) -> None:
    """No statement reads a table as a whole, on either database."""
    many(ada)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    with CaptureQueriesContext(connection) as asked:
        found = finding.find("Ada", root)
    assert len(asked) <= MOST_QUESTIONS
    assert all(len(kind.rows) <= 2 * finding.MOST for kind in found)
    for one in asked:
        plan = explained(one["sql"])
        assert "SCAN " not in plan and not re.search(r"Seq Scan on ", plan), plan


def many(ada: Persona) -> None:
    """So many rows that no table is small enough to be read as a whole."""
    users = [
        Persona(domain=ada.domain, user=f"ada{n}", aor=f"sip:ada{n}@example.org", name=f"Ada {n}") for n in range(3000)
    ]
    Persona.objects.bulk_create(users)
    made = list(Persona.objects.exclude(pk=ada.pk))
    Alias.objects.bulk_create(Alias(uri=one.aor, persona=one) for one in made if one.user != "ben")
    ResourceList.objects.bulk_create(ResourceList(uri=f"sip:adas{n}@example.org", owner=ada) for n in range(3000))
    Line.objects.bulk_create(Line(uri=f"20{n:04}", owner=made[n]) for n in range(3000))
    now, until = timezone.now(), timezone.now() + timedelta(hours=1)
    common: dict[str, Any] = {
        "version": 1, "created_at": now, "updated_at": now, "expires_at": until, "edge": "edge-1", "user_agent": "",
        "cseq": 1,
    }  # fmt: skip
    Binding.objects.bulk_create(
        Binding(id=n + 10, persona=one, contact="sip:x@192.0.2.1", q=1, **common) for n, one in enumerate(made)
    )
    Subscription.objects.bulk_create(
        Subscription(
            id=n + 10, persona=one, watcher=f"sip:w{n}@example.net", uri=one.aor, eventlist=False, state="active",
            **common,
        )
        for n, one in enumerate(made)
    )  # fmt: skip


def explained(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{sql}")
        return "".join(f"{row[-1]}\n" for row in cursor.fetchall())


def test_the_search_box_shows_it_by_kind(admin_client: Client, ada: Persona) -> None:
    text = admin_client.get("/admin/search/", {"extended": "1", "s": "ada"}).content.decode()
    assert text.index("Users") < text.index("Lists") < text.index("Subscriptions")
    assert f"/admin/provisioning/persona/{ada.pk}/change/" in text
    text = admin_client.get("/admin/search/", {"s": "trusted"}).content.decode()
    assert "Trusted peers" in text and "/admin/provisioning/trustedpeer/" in text
    assert "Nothing that you may see" in admin_client.get("/admin/search/", {"s": "<b>"}).content.decode()
    assert Client().get("/admin/search/", {"s": "ada"}).status_code == 302

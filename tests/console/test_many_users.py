"""The admin with very many users: no page reads, counts or offers all of them where a few are shown."""

from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import ForeignKey, ManyToManyField, OneToOneField
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cti.models import Line
from provisioning.admin import base
from provisioning.models import Alias, Domain, Persona, ResourceList
from provisioning.roles import OURS

pytestmark = pytest.mark.django_db

MANY = (Persona, Alias, Line, ResourceList)
"Tables that grow with the number of users."

PINNED = {
    "/admin/provisioning/persona/": 8,
    "/admin/provisioning/persona/?p=3": 8,
    "/admin/provisioning/persona/?q=ada1": 8,
    "/admin/provisioning/alias/": 7,
    "/admin/provisioning/alias/?q=ada1": 7,
    "/admin/presence/livestate/": 34,
    "/admin/presence/livestate/?q=ada1": 34,
}
"Address -> statements at most; the same for 10 users and for 400."


@pytest.fixture
def domain() -> Domain:
    return Domain.objects.create(name="example.org")


def make(domain: Domain, first: int, last: int) -> None:
    names = range(first, last)
    Persona.objects.bulk_create(
        Persona(domain=domain, user=f"ada{n}", aor=f"sip:ada{n}@example.org", name=f"Ada {n}") for n in names
    )
    made = Persona.objects.filter(user__in=[f"ada{n}" for n in names])
    Alias.objects.bulk_create(Alias(uri=one.aor, persona=one) for one in made)


@pytest.mark.parametrize("address", PINNED)
def test_statements_do_not_grow_with_users(address: str, admin_client: Client, domain: Domain) -> None:
    make(domain, 0, 10)
    admin_client.get(address)
    found = []
    for first, last in ((10, 200), (200, 400)):
        make(domain, first, last)
        with CaptureQueriesContext(connection) as asked:
            assert admin_client.get(address, follow=True).status_code == 200
        found.append(len(asked))
        assert not any("GROUP BY" in one["sql"] or "'%ada" in one["sql"] for one in asked), "reads all of them"
    assert found[0] == found[1] <= PINNED[address]


def test_no_form_offers_all_users() -> None:
    """Wherever one is chosen, it is by typing its beginning."""
    met = 0
    for model, page in admin.site._registry.items():
        if model._meta.app_label not in OURS:
            continue
        for one in [page, *(inline(model, admin.site) for inline in page.inlines)]:
            for field in one.opts.get_fields():
                many = isinstance(field, ForeignKey | OneToOneField | ManyToManyField) and field.related_model in MANY
                if not many or field.name not in fields_of(one):
                    continue
                met += 1
                assert field.name in one.autocomplete_fields, (model, one, field.name)
    assert met >= 10


def fields_of(page: Any) -> set[str]:
    """Names that its form can have."""
    if not getattr(page, "has_change_permission", None) or type(page).has_change_permission.__qualname__.startswith(
        ("ReadOnly", "Record")
    ):
        return set()
    named = page.fields or [name for _, options in page.fieldsets or () for name in options["fields"]]
    own = set(named or [field.name for field in page.opts.get_fields()])
    return (
        own - set(page.exclude or ()) - set(page.readonly_fields) - {getattr(page, "fk_name", None)} - parent_key(page)
    )


def parent_key(page: Any) -> set[str]:
    parent = getattr(page, "parent_model", None)
    return {
        field.name for field in page.opts.get_fields() if parent and getattr(field, "related_model", None) is parent
    }


@pytest.mark.parametrize(
    ("text", "users"),
    [("ada1", {"ada1", "ada10"}), ("Ada 1", {"ada1", "ada10"}), ("sip:zoe@", {"ada2"}), ("da1", set()), ("%", set())],
)
def test_search_by_beginnings(text: str, users: set[str], admin_client: Client, domain: Domain) -> None:
    """Of address, alias, or name; in the list, in autocompletion, and of live state."""
    make(domain, 0, 11)
    Alias.objects.create(uri="sip:zoe@example.org", persona=Persona.objects.get(user="ada2"))
    wanted = {f"sip:{user}@example.org" for user in users}
    for address in ("/admin/provisioning/persona/", "/admin/presence/livestate/"):
        found = admin_client.get(address, {"q": text}).context["cl"].result_list
        assert {str(one.aor) for one in found} == wanted
    asked = {"app_label": "provisioning", "model_name": "uriacl", "field_name": "presentity", "term": text}
    assert {one["text"] for one in admin_client.get("/admin/autocomplete/", asked).json()["results"]} == wanted
    found = admin_client.get("/admin/provisioning/alias/", {"q": text}).context["cl"].result_list
    assert {str(one.persona.aor) for one in found} == wanted


def test_many_are_not_deleted_at_once(admin_client: Client, domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    """A domain goes after its users, users in portions; the page tells a number where it cannot list all."""
    monkeypatch.setattr(base, "AT_ONCE", 150)
    make(domain, 0, 160)
    text = admin_client.get(f"/admin/provisioning/domain/{domain.pk}/delete/").content.decode()
    assert "160 users: delete them first" in text and "ada15" not in text
    keys = list(Persona.objects.values_list("pk", flat=True))
    chosen = {"action": "delete_selected", "select_across": "1", "index": "0", "_selected_action": keys[:50]}
    text = admin_client.post("/admin/provisioning/persona/", chosen, follow=True).content.decode()
    assert "At most 150 rows are deleted at once" in text
    with CaptureQueriesContext(connection) as asked:
        chosen |= {"select_across": "0", "_selected_action": keys[:120]}
        text = admin_client.post("/admin/provisioning/persona/", chosen).content.decode()
    assert "120 users" in text and len(asked) < 20
    admin_client.post("/admin/provisioning/persona/", chosen | {"post": "yes"})
    assert Persona.objects.count() == 40 and Alias.objects.count() == 40
    domain = Domain.objects.get()
    admin_client.post(f"/admin/provisioning/domain/{domain.pk}/delete/", {"post": "yes"})
    assert not Persona.objects.exists() and not Domain.objects.exists(), "with few users in one go"


def test_a_user_is_deleted_with_its_address_of_record(admin_client: Client, domain: Domain) -> None:
    """Which cannot be deleted by itself."""
    make(domain, 0, 2)
    first = Persona.objects.all()[0]
    alias = first.aliases.get()
    assert admin_client.post(f"/admin/provisioning/alias/{alias.pk}/delete/", {"post": "yes"}).status_code == 403
    answer = admin_client.post(f"/admin/provisioning/persona/{first.pk}/delete/", {"post": "yes"})
    assert answer.status_code == 302 and Persona.objects.count() == Alias.objects.count() == 1

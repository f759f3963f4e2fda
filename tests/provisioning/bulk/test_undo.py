"""Undoing an import: everything is as it was, but for what was changed since."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from provisioning.bulk import imports, running
from provisioning.bulk.kinds import KINDS
from provisioning.models import Alias, Domain, ForeignServer, Import, ImportRow, Persona, PrivacyList
from tests.provisioning.bulk.test_apply import EVERYTHING
from tests.provisioning.bulk.trials import carried, undone, user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


def everything() -> dict[str, Any]:
    """All states, and the secrets of all users."""
    found: dict[str, Any] = {name: list(kind.everything()) for name, kind in KINDS.items()}
    users = KINDS["users"]
    return {**found, "secrets": users.secrets_of([(one["address"],) for one in found["users"]])}


@pytest.mark.parametrize("mode", ["all", "partial"])
def test_everything_is_as_it_was(domain: Domain, hints: list[Any], mode: str) -> None:
    """New rows of all tables go, changed ones get back their values, aliases, password and PIN."""
    ForeignServer.objects.create(name="cm", address="cm.example")
    bob = user("bob", name="Bob")
    bob.set_password("old")
    bob.set_pin("1111")
    bob.save()
    Alias.objects.create(uri="sip:robert@example.org", persona=bob)
    before = everything()
    file = {**EVERYTHING, "users": [EVERYTHING["users"][0], {
        "address": "bob@example.org", "name": "B", "password": "new", "pin": "2222", "aliases": ["r@example.org"],
    }]}  # fmt: skip
    of = carried(json.dumps(file), "all.json", mode=mode)
    assert (of.state, of.created, of.changed) == (Import.State.DONE, 5, 1)
    bob.refresh_from_db()
    assert bob.check_password("new") and bob.check_pin("2222")
    hints.clear()
    of = undone(of)
    assert (of.state, of.undone, of.kept) == (Import.State.UNDONE, 6, 0), of.message
    assert everything() == before and len(hints) == 1
    assert not of.can_be_undone


FILE = "address,name\nalice@example.org,Alice\nbob@example.org,Bob\ncarol@example.org,Carol\n"


def test_what_was_changed_since_is_named_and_left_and_put_back_by_force(domain: Domain) -> None:
    user("bob", name="Robert")
    of = carried(FILE)
    for part, values in (("alice", {"name": "Alicia"}), ("bob", {"md5": "f" * 32})):
        Persona.objects.filter(user=part).update(**values)
    of = undone(of)
    assert (of.undone, of.kept) == (1, 2)
    left = {(row.key[0], row.reason) for row in of.rows.filter(undo=ImportRow.Undo.KEPT)}
    assert left == {("sip:alice@example.org", "Changed since."), ("sip:bob@example.org", "Changed since.")}
    assert {one.user for one in Persona.objects.all()} == {"alice", "bob"}
    of = undone(of, force=True)
    assert (of.undone, of.kept) == (3, 0)
    assert [(one.user, one.name) for one in Persona.objects.all()] == [("bob", "Robert")]


def test_what_was_provisioned_for_a_new_user_since_is_not_taken_away(domain: Domain) -> None:
    of = carried(FILE)
    PrivacyList.objects.create(owner=Persona.objects.get(user="alice"), kind="blocked")
    of = undone(of, force=True)
    assert (of.undone, of.kept) == (2, 1)
    assert of.rows.get(undo=ImportRow.Undo.KEPT).reason == "There are privacy lists of this user now."


def test_an_address_that_another_has_now_stays_there(domain: Domain) -> None:
    bob = user("bob")
    Alias.objects.create(uri="sip:office@example.org", persona=bob)
    of = carried("address,aliases\nbob@example.org,(none)\n")
    Alias.objects.create(uri="sip:office@example.org", persona=user("carol"))
    of = undone(of)
    assert of.kept == 1 and "already leads to sip:carol@example.org" in of.rows.get().reason


def test_what_undoing_needs_is_kept_for_a_time_only(domain: Domain) -> None:
    """Digests of before are deleted with it; the import and its report stay."""
    bob = user("bob")
    bob.set_password("old")
    bob.save()
    of = carried("address,password\nbob@example.org,new\n")
    held = of.rows.get().secrets_before
    assert held["md5"] == bob.md5
    running.forget()
    assert of.rows.get().secrets_before == held and of.can_be_undone
    Import.objects.update(ended_at=timezone.now() - imports.KEEP_UNDO - timedelta(seconds=1))
    running.forget()
    row = of.rows.get()
    assert (row.secrets_before, row.secrets_after, row.undo) == (None, "", "")
    with pytest.raises(imports.NotNow):
        imports.undo(of)

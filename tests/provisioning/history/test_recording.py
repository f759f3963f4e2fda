"""What is written down of a change: one version with its parts, by whom and which door, and never a secret."""

from typing import Any

import pytest
from django.core.management import call_command
from django.forms.models import model_to_dict

from provisioning.history import recording
from provisioning.history.doors import Door, acting
from provisioning.importing.apply import apply
from provisioning.importing.grammar import read
from provisioning.models import (
    Alias,
    Domain,
    EngineSettings,
    ForeignServer,
    Persona,
    TrustedPeer,
    UriAcl,
    UriAclEntry,
    Webhook,
)
from provisioning.models.access import decide
from provisioning.uri import Aor
from sipedge.messenger import buddies

pytestmark = pytest.mark.django_db


def versions(row: Any) -> list[Any]:
    """Of one object, oldest first."""
    return list(type(row).history.filter(id=row.pk).order_by("history_id"))


def test_entries_are_part_of_the_versions_of_their_list(acl: UriAcl) -> None:
    acl.entries.create(value="bob@example.org", effect="block")
    acl.entries.get(value="sip:ann@example.org").delete()
    assert [[row["value"] for row in one.history_parts["entries"]] for one in versions(acl)] == [
        [],
        ["sip:ann@example.org"],
        ["sip:ann@example.org", "sip:bob@example.org"],
        ["sip:bob@example.org"],
    ]
    assert versions(acl)[0].history_names == {"presentity": "sip:xten3@compb.cisco.com"}


def test_together_makes_one_version_and_what_changes_nothing_makes_none(acl: UriAcl) -> None:
    before = len(versions(acl))
    with recording.together():
        acl.default = "allow"
        acl.save()
        acl.entries.all().delete()
        UriAclEntry.objects.create(acl=acl, value="carol@example.org")
    assert len(versions(acl)) == before + 1
    acl.save()
    assert len(versions(acl)) == before + 1


def test_a_transaction_that_fails_leaves_no_version(acl: UriAcl) -> None:
    before = len(versions(acl))
    with pytest.raises(RuntimeError), recording.together():
        acl.default = "allow"
        acl.save()
        raise RuntimeError
    assert len(versions(acl)) == before


def test_secrets_are_never_in_a_version_and_that_they_were_changed_is(xten3: Persona) -> None:
    """D-50."""
    xten3.set_password("a secret word")
    xten3.set_pin("4711")
    xten3.save()
    xten3.clear_password()
    xten3.save()
    *_, given, taken = versions(xten3)
    assert (given.history_secrets, taken.history_secrets) == (
        {"password": "set", "PIN": "set"},
        {"password": "removed"},
    )
    hook = Webhook.objects.create(name="wall", url="https://wall.example/", watcher="wall@example.org")
    assert versions(hook)[0].history_secrets == {"secret": "set"}
    for version, secret in ((given, xten3.pin), (versions(hook)[0], hook.secret)):
        assert secret and secret not in str(model_to_dict(version))
    columns = {field.name for model in recording.tracked() for field in model.records.versions._meta.fields}  # type: ignore[attr-defined]
    assert not columns & {"md5", "sha256", "md5_full", "sha256_full", "pin", "secret", "password_hash", "nonce_key"}


def test_what_hangs_on_a_user_goes_with_it(acl: UriAcl, xten3: Persona, compb: Domain) -> None:
    """Each keeps its last version, with its parts; those who had the user among others get a new one."""
    boss = Persona(domain=compb, user="boss")
    boss.save()
    boss.delegates.add(xten3)
    Alias.objects.create(uri=Aor.parse("x3@compb.cisco.com"), persona=xten3)
    key, list_key = xten3.pk, acl.pk
    with recording.together():
        xten3.delete()
    gone = Persona.history.filter(id=key).latest()
    assert (gone.history_type, gone.history_parts["aliases"]) == ("-", [{"uri": "sip:x3@compb.cisco.com"}])
    assert UriAcl.history.filter(id=list_key).latest().history_parts["entries"][0]["value"] == "sip:ann@example.org"
    assert [one.history_parts["delegates"] != [] for one in versions(boss)] == [False, True, False]


def test_an_address_of_record_has_no_history_of_its_own(xten3: Persona) -> None:
    Alias.objects.create(uri=Aor.parse("x3@compb.cisco.com"), persona=xten3)
    assert [one.uri for one in Alias.history.all()] == ["sip:x3@compb.cisco.com"]


def test_publishing_leaves_no_trace_in_the_history(xten3: Persona, django_assert_num_queries: Any) -> None:
    """The presence engine marks users as having published: a hot path, and nobody's decision."""
    before = len(versions(xten3))
    with django_assert_num_queries(1):
        Persona.objects.filter(pk=xten3.pk, ever_published=False).update(ever_published=True)
    assert len(versions(xten3)) == before


def test_a_file_writes_users_in_bulk_with_their_versions(tmp_path: Any, django_assert_max_num_queries: Any) -> None:
    """The number of statements does not follow the number of users."""
    text = 'domains: [d.example]\nusers: [{pattern: "u{n}", count: 900, domain: d.example, password: %s}]\n'
    with django_assert_max_num_queries(60):
        apply(read(text % "one"))
    assert Persona.history.filter(history_type="+").count() == 900
    apply(read(text % "one"))
    assert Persona.history.count() == 900, "nothing has changed"
    file = tmp_path / "users.yaml"
    file.write_text(text.replace("900", "3") % "two")
    call_command("apply", str(file))
    assert [
        (one.history_door, one.history_actor, one.history_secrets) for one in Persona.history.filter(history_type="~")
    ] == [("file", "users.yaml", {"password": "set"})] * 3


def test_a_file_that_is_only_tried_leaves_nothing() -> None:
    apply(read("domains: [d.example]\n"), dry_run=True)
    assert not Domain.history.exists()


def test_who_and_by_which_door(xten3: Persona, compb: Domain) -> None:
    """Users change their own lists in the messenger; what nobody has asked for is the system's."""
    other = Persona(domain=compb, user="xten4")
    other.save()
    buddies.add(xten3, "xten4@compb.cisco.com", group=None, most=5)
    made = xten3.resource_lists.get()
    (version,) = versions(made)
    assert (version.history_door, version.history_actor) == (Door.MESSENGER, "sip:xten3@compb.cisco.com")
    assert version.history_parts["members"][0]["uri"] == "sip:xten4@compb.cisco.com"
    assert versions(xten3)[0].history_door == Door.SYSTEM
    with acting(Door.COMMAND, name="tool"):
        decide(xten3.pk, Aor.parse("ann@example.org"), False)
    assert versions(xten3.privacy_lists.get())[0].history_actor == "tool"


def test_automatic_peers_say_why_they_come_and_go() -> None:
    """D-22."""
    from provisioning.announce import announce

    server = ForeignServer.objects.create(name="cm", address="192.0.2.7", call_manager=True)
    announce(ForeignServer)
    server.delete()
    announce(ForeignServer)
    found = TrustedPeer.history.filter(network="192.0.2.7").order_by("history_id")
    assert [(one.history_type, one.history_change_reason) for one in found] == [
        ("+", "Follows from other provisioning."),
        ("-", "Follows from other provisioning."),
    ]


def test_what_was_there_before_has_a_first_version(xten3: Persona) -> None:
    """After an upgrade, and after installation."""
    Persona.history.all().delete()
    assert EngineSettings.history.count() == 1
    recording.begin()
    recording.begin()
    (first,) = versions(xten3)
    assert (first.history_door, first.history_change_reason) == (Door.SYSTEM, recording.BEGUN)


def test_users_of_the_self_test_are_not_recorded(compb: Domain) -> None:
    with recording.off():
        persona = Persona(domain=compb, user="self-test")
        persona.set_password("secret")
        persona.save()
        persona.delete()
    assert not Persona.history.exists()

"""OpenLDAP's slapd as the directory: what is read, changed, refused, and left alone (docs/ldap.md)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from provisioning.choices import EnabledBy, RunState, Vanished
from provisioning.directories import runs
from provisioning.models import Alias, Directory, DirectoryRun, Domain, Persona
from tests.interop.slapd import ADMIN, PASSWORD, PEOPLE, READER, READER_PASSWORD, Slapd

pytestmark = pytest.mark.django_db

EVIL = 'x"><script>alert(1)</script>\x1b[31m\r\nInjected: yes'


def people(count: int) -> list[dict[str, Any]]:
    return [
        {
            "uid": f"user{number}", "cn": f"User {number}", "mail": f"first.last{number}@example.org",
            "telephoneNumber": f"+49 30 {number:05}",
        }
        for number in range(count)
    ]  # fmt: skip


@pytest.fixture
def slapd(tmp_path: Path) -> Iterator[Slapd]:
    server = Slapd(tmp_path / "slapd")
    yield server
    server.stop()


def directory(slapd: Slapd, **changes: Any) -> Directory:
    """A directory of the server's people, by StartTLS."""
    domain, _ = Domain.objects.get_or_create(name="example.org")
    made = Directory(
        **{
            "name": "office", "server": slapd.url, "ca_file": str(slapd.authority), "bind_name": ADMIN, "base": PEOPLE,
            "domain": domain, "mail_attributes": "mail", "number_attributes": "telephoneNumber", "page_size": 100,
            **changes,
        }
    )  # fmt: skip
    made.set_password(PASSWORD)
    made.full_clean()
    made.save()
    return made


def run(which: Directory, **options: Any) -> DirectoryRun:
    made = runs.begin(which, started_by="test", **options)
    runs.perform(made.pk)
    made.refresh_from_db()
    return made


class Editor:
    """Changes entries as an administrator of the directory does."""

    def __init__(self, slapd: Slapd) -> None:
        from provisioning.directories import ldap

        self._ldap3 = ldap.ldap3
        server = self._ldap3.Server("127.0.0.1", port=slapd.port, get_info=self._ldap3.NONE)
        self._connection = self._ldap3.Connection(server, ADMIN, PASSWORD, auto_bind=True, check_names=False)

    def set(self, uid: str, **values: str) -> None:
        changes = {name: [(self._ldap3.MODIFY_REPLACE, [value])] for name, value in values.items()}
        assert self._connection.modify(f"uid={uid},{PEOPLE}", changes), self._connection.result

    def rename(self, uid: str, new: str) -> None:
        assert self._connection.modify_dn(f"uid={uid},{PEOPLE}", f"uid={new}"), self._connection.result

    def remove(self, *uids: str) -> None:
        for uid in uids:
            assert self._connection.delete(f"uid={uid},{PEOPLE}"), self._connection.result


def test_five_hundred_people_come_in_and_a_second_run_changes_nothing(slapd: Slapd) -> None:
    slapd.load(people(500))
    slapd.start()
    office = directory(slapd)
    tried = run(office, dry=True)
    assert (tried.state, tried.counts["created"]) == (RunState.DONE, 500) and not Persona.objects.exists()
    first = run(office)
    assert first.state == RunState.DONE and first.counts == {"entries": 500, "created": 500, "unchanged": 0}
    user = Persona.objects.get(aor="sip:user7@example.org")
    assert user.name == "User 7" and user.enabled and not user.has_password
    assert set(Alias.objects.filter(persona=user).values_list("uri", flat=True)) == {
        "sip:user7@example.org", "sip:first.last7@example.org", "sip:+493000007@example.org",
    }  # fmt: skip
    assert run(office).counts == {"entries": 500, "unchanged": 500}


def test_changes_are_told_field_by_field(slapd: Slapd, capsys: pytest.CaptureFixture[str]) -> None:
    slapd.load(people(20))
    slapd.start()
    office = directory(slapd)
    run(office)
    editor = Editor(slapd)
    editor.set("user3", cn="Jürgen Müßig 渡辺", telephoneNumber="+49 (30) 77-77")
    call_command("sync_directory", "office", "--dry-run")
    said = capsys.readouterr().out
    assert "changed   sip:user3@example.org name: User 3 -> Jürgen Müßig 渡辺" in said
    assert "sip:+49307777@example.org" in said and "nothing was changed" in said
    assert Persona.objects.get(user="user3").name == "User 3"
    assert run(office).counts == {"entries": 20, "changed": 1, "unchanged": 19}
    assert Persona.objects.get(user="user3").name == "Jürgen Müßig 渡辺"
    assert not Alias.objects.filter(uri="sip:+493000003@example.org").exists()
    with pytest.raises(CommandError, match="no directory elsewhere"):
        call_command("sync_directory", "elsewhere")


def test_a_renamed_entry_is_the_same_user(slapd: Slapd) -> None:
    """By entryUUID; the password goes, since its digests hold for one address (D-50)."""
    slapd.load(people(3))
    slapd.start()
    office = directory(slapd)
    run(office)
    before = Persona.objects.get(user="user1")
    before.set_password("secret")
    before.save()
    Editor(slapd).rename("user1", "married")
    done = run(office)
    assert done.changes[0]["fields"]["address"] == ["sip:user1@example.org", "sip:married@example.org"]
    assert done.changes[0]["fields"]["password"] == ["set", "void"]
    after = Persona.objects.get(pk=before.pk)
    assert (after.user, after.has_password) == ("married", False)
    assert not Alias.objects.filter(uri="sip:user1@example.org").exists()


@pytest.mark.parametrize(
    ("policy", "days", "what", "enabled"),
    [
        (Vanished.KEEP, 30, "vanished", True),
        (Vanished.DISABLE, 30, "disabled", False),
        (Vanished.DELETE, 30, "disabled", False),
        (Vanished.DELETE, 0, "deleted", None),
    ],
)
def test_users_who_vanish(slapd: Slapd, policy: str, days: int, what: str, enabled: bool | None) -> None:
    slapd.load(people(20))
    slapd.start()
    office = directory(slapd, vanished=policy, delete_after=days)
    mine = Persona.objects.create(domain=office.domain, user="by-hand")
    run(office)
    Editor(slapd).remove("user4")
    done = run(office)
    assert done.state == RunState.DONE and done.counts[what] == 1, done.counts
    found = Persona.objects.filter(user="user4").first()
    assert (found.enabled if found else None) is enabled
    assert Persona.objects.filter(pk=mine.pk, enabled=True).exists(), "not the directory's"


def test_an_empty_answer_is_not_believed(slapd: Slapd) -> None:
    slapd.load(people(20))
    slapd.start()
    office = directory(slapd)
    run(office)
    Directory.objects.update(filter="(cn=nobody)")
    office.refresh_from_db()
    held = run(office)
    assert held.state == RunState.HELD and "20 users would be disabled" in held.error
    assert Persona.objects.filter(enabled=True).count() == 20
    Directory.objects.update(filter="(|(uid=user1)(uid=user2))")
    office.refresh_from_db()
    assert "18 of 20" in run(office).error and Persona.objects.filter(enabled=True).count() == 20
    assert run(office, confirmed=True).counts["disabled"] == 18
    Directory.objects.update(filter="(uid=*)")
    office.refresh_from_db()
    assert run(office).counts["enabled"] == 18 and Persona.objects.filter(enabled=True).count() == 20


def test_only_what_the_filter_names_comes_in(slapd: Slapd) -> None:
    slapd.load(people(20))
    slapd.start()
    assert run(directory(slapd, filter="(&(objectClass=inetOrgPerson)(uid=user1*))")).counts["created"] == 11


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bind_name": f"cn=nobody,{PEOPLE}"}, "does not take bind name and password"),
        ({"ca_file": ""}, "certificate of ldap://localhost:.* is refused"),
        ({"ca_file": "/nowhere.pem"}, "CA file /nowhere.pem cannot be used"),
        ({"base": "ou=nowhere,dc=example,dc=org"}, "no such base"),
        ({"server": "ldap://localhost:1"}, "cannot be reached"),
        ({"entries_limit": 19}, "more than 19 entries"),
        ({"id_attribute": "employeeNumber"}, "No entry has the attribute employeeNumber"),
    ],
)
def test_what_cannot_be_read_changes_nothing(slapd: Slapd, changes: dict[str, Any], said: str) -> None:
    slapd.load(people(20))
    slapd.start()
    Directory.objects.filter(pk=directory(slapd).pk).update(**changes)
    failed = run(Directory.objects.get())
    assert failed.state == RunState.FAILED and not Persona.objects.exists()
    assert re.search(said, failed.error), failed.error
    assert PASSWORD not in failed.error


def test_a_server_that_stops_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    """Its size limit counts for whoever is not its manager."""
    server = Slapd(tmp_path / "slapd", sizelimit=15)
    server.load(people(20))
    server.start()
    try:
        office = directory(server, bind_name=READER)
        office.set_password(READER_PASSWORD)
        office.save()
        failed = run(office)
        assert "size limit" in failed.error and not Persona.objects.exists()
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("verify", "trusted", "works"), [(True, True, True), (True, False, False), (False, False, True)]
)
def test_tls_from_the_start_believes_whom_it_is_told_to(slapd: Slapd, verify: bool, trusted: bool, works: bool) -> None:
    slapd.load(people(3))
    slapd.start()
    authority = str(slapd.authority) if trusted else ""
    done = run(directory(slapd, server=slapd.tls_url, start_tls=False, verify=verify, ca_file=authority))
    assert (done.state == RunState.DONE) is works, done.error
    assert Persona.objects.count() == (3 if works else 0)


def test_a_certificate_for_another_name_is_refused(slapd: Slapd) -> None:
    slapd.load(people(3))
    slapd.start()
    done = run(directory(slapd, server=slapd.tls_url.replace("localhost", "127.0.0.1")))
    assert done.state == RunState.FAILED and "certificate" in done.error and not Persona.objects.exists()


def test_hostile_values_are_conflicts_or_harmless(slapd: Slapd) -> None:
    """Names are shown on one line without control characters; what is no address makes no user."""
    hostile = [
        {"uid": "good", "cn": EVIL, "mail": ["good;x=<y>@example.org", "ok@example.org", "x@elsewhere.example"],
         "telephoneNumber": "+49 30 1\r\n"},
        {"uid": "two words"}, {"uid": "semi;transport=tls"}, {"uid": "angle<x>"}, {"uid": "per%00cent"},
        {"uid": "x" * 65}, {"uid": "müller", "cn": "Müller"}, {"uid": "raw", "cn": "\u202e\u0000"},
    ]  # fmt: skip
    slapd.load(hostile)
    slapd.start()
    office = directory(slapd)
    done = run(office)
    assert done.state == RunState.DONE, done.error
    aors = set(Persona.objects.values_list("aor", flat=True))
    assert aors == {
        "sip:good@example.org", "sip:m%C3%BCller@example.org", "sip:raw@example.org",
        "sip:semi;transport=tls@example.org",
    }  # fmt: skip
    name = Persona.objects.get(user="good").name
    assert name == 'x"><script>alert(1)</script> [31m Injected: yes'
    assert Alias.objects.filter(uri="sip:ok@example.org").exists()
    assert not Alias.objects.filter(uri__contains="elsewhere").exists()
    assert done.counts["conflict"] == 4 and all(one["reason"] for one in done.changes if one["what"] == "conflict")
    again = run(office)
    assert again.counts["unchanged"] == 4 and again.counts["conflict"] == 4


def test_an_attribute_says_who_may_log_in(slapd: Slapd) -> None:
    slapd.load([{"uid": "a", "employeeType": "TRUE"}, {"uid": "b", "employeeType": "FALSE"}, {"uid": "c"}])
    slapd.start()
    office = directory(slapd, enabled_by=EnabledBy.TRUE_ENABLES, enabled_attribute="employeeType", most_vanish=100)
    run(office)
    assert set(Persona.objects.filter(enabled=True).values_list("user", flat=True)) == {"a"}
    Editor(slapd).set("b", employeeType="TRUE")
    assert run(office).counts == {"entries": 3, "enabled": 1, "unchanged": 2}


def test_the_domain_comes_from_the_mail_address(slapd: Slapd) -> None:
    slapd.load([{"uid": "a", "mail": "a@example.org"}, {"uid": "b", "mail": "b@elsewhere.example"}, {"uid": "c"}])
    slapd.start()
    office = directory(slapd)
    office.domain = None
    office.save()
    done = run(office)
    assert set(Persona.objects.values_list("aor", flat=True)) == {"sip:a@example.org"}
    reasons = {one["reason"] for one in done.changes if one["what"] == "conflict"}
    assert reasons == {
        "elsewhere.example is not a domain of ours", "its mail is no address, so that it has no domain",
    }  # fmt: skip


def test_the_connection_is_tried_without_changing_anything(slapd: Slapd) -> None:
    slapd.load(people(20))
    slapd.start()
    found = runs.test(directory(slapd))
    assert found["encrypted"] and len(found["samples"]) == runs.SAMPLES
    assert found["samples"][0]["user"].startswith("sip:user") and not Persona.objects.exists()

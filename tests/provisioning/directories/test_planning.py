"""Entries against users: who is made, changed, adopted, in conflict, or gone; all writing is idempotent."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from provisioning.choices import EnabledBy, Vanished
from provisioning.directories import planning, records, writing
from provisioning.directories.records import BadEntry
from provisioning.models import Alias, Directory, DirectoryUser, Persona, ResourceList
from tests.provisioning.directories.office import Entry, directory, entry, sync, told

pytestmark = pytest.mark.django_db


def addresses(user: str) -> set[str]:
    return set(map(str, Alias.objects.filter(persona__user=user).values_list("uri", flat=True)))


def test_two_users_change_their_addresses_with_each_other() -> None:
    office = directory()
    sync(office, entry("a"), entry("b"), entry("c"))
    before = dict(Persona.objects.values_list("pk", "user"))
    done = sync(office, entry("a", uid="b"), entry("b", uid="a"), entry("c"))
    assert done.counts() == {"entries": 3, "changed": 2, "unchanged": 1}
    after = dict(Persona.objects.values_list("pk", "user"))
    assert [{"a": "b", "b": "a", "c": "c"}[user] for user in before.values()] == [after[pk] for pk in before]
    assert set(map(str, Alias.objects.values_list("uri", flat=True))) == {f"sip:{one}@d.example" for one in "abc"}


def test_who_cannot_be_renamed_keeps_the_address_that_another_one_wants() -> None:
    office = directory()
    sync(office, entry("a"), entry("b"))
    Persona.objects.create(domain=office.domain, user="taken")
    done = sync(office, entry("a", uid="taken"), entry("b", uid="a"))
    assert told(done) == [("conflict", "sip:a@d.example"), ("conflict", "sip:b@d.example")]
    assert set(Persona.objects.values_list("user", flat=True)) == {"a", "b", "taken"}


def test_a_number_moves_from_one_user_to_another_in_one_run() -> None:
    office = directory()
    sync(office, entry("a", telephoneNumber="100"), entry("b"))
    done = sync(office, entry("a"), entry("b", telephoneNumber="100"))
    assert done.counts()["changed"] == 2
    assert addresses("b") == {"sip:b@d.example", "sip:100@d.example"} and addresses("a") == {"sip:a@d.example"}


def test_aliases_by_hand_stay_and_those_of_others_are_conflicts() -> None:
    office = directory()
    sync(office, entry("a", mail="a.b@d.example"))
    mine = Persona.objects.create(domain=office.domain, user="mine")
    Alias.objects.create(uri="sip:hand@d.example", persona=Persona.objects.get(user="a"))
    Alias.objects.create(uri="sip:200@d.example", persona=mine)
    ResourceList.objects.create(uri="sip:list@d.example")
    done = sync(office, entry("a", mail=["list@d.example", "hand@d.example"], telephoneNumber="200"))
    assert {change.reason for change in done.changes if change.what == "conflict"} == {
        "the alias sip:200@d.example is an address of another user",
        "the alias sip:list@d.example is the URI of a list",
    }  # fmt: skip
    assert addresses("a") == {"sip:a@d.example", "sip:hand@d.example"}
    assert sync(office, entry("a")).counts() == {"entries": 1, "unchanged": 1}
    assert addresses("a") == {"sip:a@d.example", "sip:hand@d.example"}


@pytest.mark.parametrize("adopt", [True, False])
def test_users_who_are_here_are_adopted_only_where_that_is_said(adopt: bool) -> None:
    office = directory(adopt=adopt)
    mine = Persona(domain=office.domain, user="a", name="Mine")
    mine.set_password("secret")
    mine.save()
    done = sync(office, entry("a"))
    mine.refresh_from_db()
    assert mine.has_password, "the address is the same"
    if adopt:
        assert told(done) == [("adopted", "sip:a@d.example")] and mine.name == "A"
        assert sync(office, entry("a")).counts() == {"entries": 1, "unchanged": 1}
    else:
        assert told(done) == [("conflict", "sip:a@d.example")] and mine.name == "Mine"
        assert not DirectoryUser.objects.exists()


def test_a_user_of_another_directory_is_never_adopted() -> None:
    sync(directory(), entry("a"))
    other = directory(name="other", adopt=True)
    assert "directory office" in sync(other, entry("a")).changes[0].reason


@pytest.mark.parametrize("adopt", [True, False])
def test_an_entry_made_anew_gets_the_user_of_the_old_one_only_by_adoption(adopt: bool) -> None:
    office = directory(adopt=adopt, vanished=Vanished.KEEP)
    sync(office, entry("one", uid="a"))
    done = sync(office, entry("two", uid="a"))
    assert [what for what, _ in told(done)] == (["adopted"] if adopt else ["vanished", "conflict"])
    assert DirectoryUser.objects.get().identifier == ("two" if adopt else "one")


def test_a_user_is_deleted_some_days_after_vanishing_and_enabled_again_on_return() -> None:
    office = directory(vanished=Vanished.DELETE, delete_after=30)
    sync(office, entry("a"), entry("b"))
    assert told(sync(office, entry("a"))) == [("disabled", "sip:b@d.example")]
    assert told(sync(office, entry("a"), entry("b"))) == [("enabled", "sip:b@d.example")]
    sync(office, entry("a"))
    assert told(sync(office, entry("a"))) == [], "not twice"
    later = timezone.now() + timedelta(days=31)
    found = planning.plan(office, planning.read(office, [entry("a")]), later)
    assert told(found) == [("deleted", "sip:b@d.example")]
    writing.write(office, found, later)
    assert list(Persona.objects.values_list("user", flat=True)) == ["a"]


def test_a_user_who_was_disabled_by_hand_stays_so() -> None:
    office = directory()
    sync(office, entry("a"))
    Persona.objects.update(enabled=False)
    assert sync(office, entry("a")).counts() == {"entries": 1, "unchanged": 1}
    sync(office)
    sync(office, entry("a"))
    assert not Persona.objects.get().enabled


def test_an_entry_that_makes_no_user_has_not_vanished() -> None:
    office = directory()
    sync(office, entry("a"))
    assert told(sync(office, entry("a", uid="no user"))) == [("conflict", "sip:a@d.example")]
    assert Persona.objects.get().enabled


@pytest.mark.parametrize(("control", "enabled"), [("512", True), ("514", False), ("66050", False), ("66048", True)])
def test_user_account_control_disables_by_its_second_bit(control: str, enabled: bool) -> None:
    office = directory(enabled_by=EnabledBy.ACCOUNT_CONTROL, enabled_attribute="userAccountControl")
    sync(office, entry("a", userAccountControl=control))
    assert Persona.objects.get().enabled is enabled


def test_an_object_guid_is_read_as_active_directory_shows_it() -> None:
    office = directory(id_attribute="objectGUID")
    raw = bytes.fromhex("33221100554477668899aabbccddeeff")
    assert records.identifier(entry("a", objectGUID=raw), office) == "00112233-4455-6677-8899-aabbccddeeff"


VALUES = st.dictionaries(
    st.sampled_from(["entryuuid", "uid", "cn", "mail", "telephonenumber", "flag"]),
    st.lists(st.one_of(st.binary(max_size=80), st.text(max_size=40).map(str.encode)), max_size=3),
)


@given(values=VALUES, dn=st.text(max_size=50))
def test_any_entry_makes_a_user_or_a_reason(values: dict[str, list[bytes]], dn: str) -> None:
    from provisioning.models import Domain

    office = Directory(
        domain=Domain(name="d.example"), mail_attributes="mail", number_attributes="telephoneNumber",
        enabled_by=EnabledBy.TRUE_ENABLES, enabled_attribute="flag",
    )  # fmt: skip
    try:
        person = records.person(Entry(dn, values), office, {"d.example"})
    except BadEntry as error:
        assert str(error).isprintable()
        return
    assert person.aor.host == "d.example" and 0 < len(person.aor.user) <= records.USER_LIMIT
    assert person.name is not None and person.name.isprintable() and len(person.name) <= records.NAME_LIMIT
    assert all(alias.host == "d.example" for alias in person.aliases)


def test_the_number_of_questions_grows_with_batches_not_with_entries(django_assert_max_num_queries: Any) -> None:
    office = directory()
    entries = [entry(f"u{number}", mail=f"m{number}@d.example") for number in range(3_000)]
    with django_assert_max_num_queries(400):
        sync(office, *entries)
    with django_assert_max_num_queries(40):
        assert sync(office, *entries).counts() == {"entries": 3_000, "unchanged": 3_000}
    assert Alias.objects.count() == 6_000

"""What a file of tables does: rows, errors in words, both modes, all kinds of tables."""

import json
from typing import Any

import pytest

from cti.models import Line
from provisioning.bulk import imports
from provisioning.models import (
    Domain,
    ForeignMapping,
    ForeignServer,
    Import,
    ImportFile,
    ImportRow,
    Persona,
    ResourceList,
    UriAcl,
)
from tests.provisioning.bulk.trials import carried, user, wrong

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

USERS = """address,name,password,pin,enabled,aliases
alice@example.org,Alice,secret one,0471,yes,a@example.org office@example.org
bob@example.org,Bob,,,no,
"""

EVERYTHING: dict[str, Any] = {
    "users": [{"address": "alice@example.org", "aliases": ["a@example.org"]}, {"address": "bob@example.org"}],
    "lists": [{"list": "team@example.org", "owner": "a@example.org", "name": "Team", "members": ["bob@example.org"]}],
    "access": [{"user": "a@example.org", "default": "block", "allow": ["bob@example.org", "*@example.net"]}],
    "mappings": [{"user": "bob@example.org", "foreign": "5@cm.example", "server": "cm", "priority": 3}],
    "lines": [{"line": 2001, "owner": "a@example.org", "device": "SEP1", "takes_calls": False}],
}


def test_users_are_made_with_secrets_and_aliases(domain: Domain, hints: list[Any]) -> None:
    of = carried(USERS, mode="all")
    assert (of.state, of.created, of.bad) == (Import.State.DONE, 2, 0), of.message
    alice = Persona.objects.get(user="alice")
    assert alice.check_password("secret one") and alice.check_pin("0471") and alice.name == "Alice"
    assert {str(one.uri) for one in alice.aliases.all()} == {
        f"sip:{name}@example.org" for name in ("alice", "a", "office")
    }
    assert not Persona.objects.get(user="bob").enabled
    assert hints == [{"kind": "policy", "parts": ["people"]}], "edges hear once"
    assert not ImportFile.objects.exists(), "the file with its passwords is not kept"


@pytest.mark.parametrize("mode", ["all", "partial"])
def test_once_more_changes_nothing_and_announces_nothing(domain: Domain, hints: list[Any], mode: str) -> None:
    carried(USERS, mode=mode)
    hints.clear()
    of = carried(USERS, mode=mode)
    assert (of.created, of.changed, of.unchanged, of.bad) == (0, 0, 2, 0)
    assert not of.rows.exists() and hints == []


def test_all_kinds_of_tables(domain: Domain) -> None:
    """Users come first, whatever the order of the file; others may name them by an alias."""
    ForeignServer.objects.create(name="cm", address="cm.example")
    of = carried(json.dumps(EVERYTHING), "all.json", mode="all")
    assert of.state == Import.State.DONE, (of.message, wrong(of))
    assert ResourceList.objects.get().owner == Persona.objects.get(user="alice")
    assert set(UriAcl.objects.get().entries.values_list("kind", "value")) == {
        ("uri", "sip:bob@example.org"), ("domain", "example.net"),
    }  # fmt: skip
    assert ForeignMapping.objects.get().priority == 3
    line = Line.objects.get()
    assert (line.uri, line.owner.user, line.takes_calls) == ("2001", "alice", False)
    again = carried(json.dumps(EVERYTHING), "all.json", mode="partial")
    assert (again.created, again.changed, again.unchanged) == (0, 0, 6)


def test_a_dry_run_shows_the_difference_and_changes_nothing(domain: Domain, hints: list[Any]) -> None:
    """Lists of users who would be made count as right; a secret is named, never shown."""
    user("bob", name="Robert")
    of = carried(USERS, dry_run=True)
    assert (of.state, of.created, of.changed) == (Import.State.CHECKED, 1, 1)
    assert Persona.objects.count() == 1 and hints == []
    row = of.rows.get(outcome="changed")
    assert row.differences == [("name", "Robert", "Bob"), ("enabled", True, False)]
    assert row.told == [("name", "Robert", "Bob"), ("enabled", "yes", "no")]
    assert ("aliases", None, "sip:a@example.org, sip:office@example.org") in of.rows.get(outcome="created").told
    assert ("password", None, "(not shown)") in of.rows.get(outcome="created").differences
    assert "secret one" not in repr(list(ImportRow.objects.values())) and "0471" not in repr(
        list(ImportRow.objects.values())
    )
    ForeignServer.objects.create(name="cm", address="cm.example")
    imports.cancel(of)
    assert carried(json.dumps(EVERYTHING), "all.json", dry_run=True).bad == 0


def test_what_was_checked_is_applied(domain: Domain) -> None:
    of = carried(USERS, dry_run=True)
    imports.confirm(of)
    from provisioning.bulk import running

    running.run(of.pk)
    of.refresh_from_db()
    assert of.state == Import.State.DONE and of.created == 2
    with pytest.raises(imports.NotNow, match="checked"):
        imports.confirm(of)


BAD = """address,name,password,pin,enabled,aliases
good@example.org,Good,,,yes,
x@elsewhere.example,,,,,
one@example.org,,,12,maybe,
good@example.org,Again,,,,
two@example.org,,,,,good@example.org
not an address,,,,,
three@example.org,,,,,office
,No address,,,,
"""


def test_errors_name_row_column_and_what_is_wrong(domain: Domain) -> None:
    """Partial: the good row is taken."""
    of = carried(BAD)
    assert (of.state, of.created, of.bad) == (Import.State.DONE, 1, 7)
    told = [(number, column) for number, column, _ in wrong(of)]
    assert told == [
        (3, "address"), (4, "pin"), (4, "enabled"), (5, "address"), (6, "aliases"), (7, "address"), (8, "aliases"),
        (9, "address"),
    ]  # fmt: skip
    texts = {(number, column): text for number, column, text in wrong(of)}
    assert texts[3, "address"] == "elsewhere.example is not a domain of ours."
    assert texts[5, "address"] == "Row 2 is about the same one."
    assert "already leads to sip:good@example.org" in texts[6, "aliases"]
    assert texts[4, "pin"] == "A PIN has 4 to 12 digits."
    assert [str(one.aor) for one in Persona.objects.all()] == ["sip:good@example.org"]


def test_all_or_nothing_takes_nothing_when_a_row_is_wrong(domain: Domain, hints: list[Any]) -> None:
    of = carried(BAD, mode="all")
    assert (of.state, of.created, of.bad) == (Import.State.REFUSED, 0, 7)
    assert not Persona.objects.exists() and hints == [] and of.rows.count() == 7


def test_an_alias_moves_when_its_user_gives_it_up_in_an_earlier_row(domain: Domain) -> None:
    carried(USERS)
    of = carried("address,aliases\nalice@example.org,office@example.org\nbob@example.org,a@example.org\n", mode="all")
    assert (of.state, of.changed) == (Import.State.DONE, 2), wrong(of)
    assert str(Persona.objects.get(aliases__uri="sip:a@example.org").user) == "bob"


def test_an_empty_cell_keeps_a_value_and_none_empties_it(domain: Domain) -> None:
    carried(USERS)
    carried("address,name,aliases\nalice@example.org,,\n")
    alice = Persona.objects.get(user="alice")
    assert alice.name == "Alice" and alice.aliases.count() == 3
    carried("address,name,aliases\nalice@example.org,(none),(none)\n")
    alice.refresh_from_db()
    assert alice.name == "" and alice.aliases.count() == 1 and alice.check_password("secret one")


def test_rows_that_name_what_is_not_there(domain: Domain) -> None:
    user("bob")
    file = {
        "lists": [{"list": "bob@example.org"}, {"list": "l@example.org", "owner": "nobody@example.org"}],
        "access": [{"user": "bob@example.org", "allow": ["x@y.z"], "block": ["x@y.z"]}],
        "mappings": [{"user": "bob@example.org", "foreign": "5@cm.example", "server": "no"}],
        "lines": [{"line": "not a number"}, {"line": "1", "switch": "steam"}],
    }
    of = carried(json.dumps(file), "all.json")
    assert [(column, text) for _, column, text in wrong(of)] == [
        ("list", "sip:bob@example.org is the address of a user."),
        ("owner", "There is no user sip:nobody@example.org."),
        ("block", "sip:x@y.z stands under allow too."),
        ("server", "There is no foreign server “no”."),
        ("line", "“not a number” is not a number, tel URI or SIP URI: not a number: not a number"),
        ("switch", "“steam” is none of simulated, sip."),
    ]
    assert of.created == 0

"""Files as people and their spreadsheets make them, files that are meant badly, and exports that change nothing."""

import io
import json
import zipfile
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from hypothesis.extra.django import TransactionTestCase

from provisioning.bulk import documents, workbooks, writing
from provisioning.bulk.cells import defused, restored, several
from provisioning.bulk.documents import FORMATS, BadDocument
from provisioning.bulk.kinds import KINDS
from provisioning.bulk.reading import read
from provisioning.models import Alias, Domain, Persona, ResourceList, ResourceListMember, UriAcl, UriAclEntry
from tests.provisioning.bulk.trials import DOMAIN

HEAD = "address,name,pin,aliases\n"


def workbook(**sheets: list[list[Any]]) -> bytes:
    """A workbook as openpyxl writes it."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, lines in sheets.items():
        sheet = book.create_sheet(title)
        for line in lines:
            sheet.append(line)
    found = io.BytesIO()
    book.save(found)
    return found.getvalue()


def archive(**parts: bytes) -> bytes:
    """A workbook of ours, with other parts beside."""
    found = io.BytesIO(workbook(users=[["address"], ["a@example.org"]]))
    with zipfile.ZipFile(found, "a", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(f"xl/{name}.xml", content)
    return found.getvalue()


def cells(content: bytes | str, name: str = "f.csv") -> list[dict[str, Any]]:
    """The cells of the rows of the only table."""
    data = content.encode() if isinstance(content, str) else content
    (table,) = read(data, name).values()
    assert not [row.errors for row in table.rows if row.errors]
    return [row.cells for row in table.rows]


ALICE = [{"address": "a@example.org", "name": "Älice, A.", "pin": "0471"}]


@pytest.mark.parametrize(
    "content",
    [
        'address,name,pin\r\na@example.org,"Älice, A.",0471\r\n'.encode(),
        '\ufeffaddress;name;pin\r\na@example.org;"Älice, A.";0471\r\n'.encode(),
        "\ufeffsep=;\r\nAddress; Name ;PIN\r\na@example.org;Älice, A.;0471\r\n;;\r\n".encode(),
        "address\tname\tpin\r\na@example.org\tÄlice, A.\t0471\r\n".encode("utf-16"),
        b'pin,,address,name,error\n0471,,a@example.org,"\xc3\x84lice, A.",was wrong\n\n',
    ],
)
def test_csv_as_spreadsheets_write_it(content: bytes) -> None:
    """With and without a mark, semicolons of Excel, tabs in UTF-16; empty rows and our own column of errors."""
    assert cells(content) == ALICE


def test_a_workbook_as_excel_writes_it() -> None:
    """Numbers, truth values, sheets with nothing in them; a PIN that lost its zeros is an error of its row."""
    content = workbook(
        users=[["Address", "PIN", "Enabled"], ["a@example.org", 4711, True], [None], ["b@example.org", 71, False]],
        notes=[],
    )
    rows = read(content, "f.XLSX")["users"].rows
    assert [row.number for row in rows] == [2, 4]
    assert rows[0].given == {"address": "sip:a@example.org", "pin": "4711", "enabled": True}
    assert rows[1].errors == [("pin", "A PIN has 4 to 12 digits.")]


@pytest.mark.parametrize(
    ("name", "content", "about"),
    [
        ("f.csv", b"", "empty"),
        ("f.txt", b"x", "does not end with"),
        ("f.csv", b"address,name\n", "no rows"),
        ("f.csv", "address,name\na@example.org,\xc4".encode("latin-1"), "Line 2 is not UTF-8"),
        ("f.csv", bytes(range(256)) * 40, "not UTF-8"),
        ("f.csv", b"address\n\0\0\n", "NUL"),
        ("f.csv", b"address,colour\na@example.org,red\n", "no column “colour”"),
        ("f.csv", b"address,name,Name\na@example.org,x,y\n", "“name” twice"),
        ("f.csv", b"colour\nred\n", "has to name the columns"),
        ("f.csv", b'address\n"a@example.org\n', "not CSV"),
        ("f.csv", b"address" + b"," * 100 + b"\na@example.org\n", "more than 64 columns"),
        ("f.json", b"{", "not JSON"),
        ("f.json", b"[]", "object with keys"),
        ("f.json", b'{"people": []}', "“people” is none of users"),
        ("f.json", b'{"users": [1]}', "list of objects"),
        ("f.json", b'{"users": [{"address": "a@example.org", "address": "b@example.org"}]}', "twice"),
        ("f.json", b'{"users": ' + b"[" * 100_000, "nested too deeply"),
        ("f.json", b'{"users": [{"address": ' + b"9" * 10_000 + b"}]}", "too many digits"),
        ("f.xlsx", b"address,name\n", "no XLSX"),
        ("f.xlsx", b"PK\x03\x04" + bytes(500), "no XLSX"),
        ("f.xlsx", archive(bomb=b" " * (workbooks.MAX_UNPACKED + 1)), "larger than 192 MiB"),
        ("f.xlsx", archive(**{f"p{number}": b"" for number in range(600)}), "more than 500 parts"),
        ("f.xlsx", archive(evil=b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x/>'), "no spreadsheet writes"),
        ("f.xlsx", archive(evil="<!DOCTYPE x>".encode("utf-16")), "no spreadsheet writes"),
        ("f.xlsx", workbook(users=[["address"], ["a@example.org"]], Users2=[["address"], ["b@x.org"]]), "two sheets"),
        ("f.xlsx", workbook(users=[["address"], ["a@example.org"]])[:-300], "no XLSX"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read_are_told_why(name: str, content: bytes, about: str) -> None:
    with pytest.raises(BadDocument) as refused:
        read(content, name)
    assert about in str(refused.value)


def test_too_many_rows_and_too_many_octets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provisioning.bulk.reading.MAX_ROWS", 3)
    many = [{"address": f"u{number}@example.org"} for number in range(4)]
    for name, content in (
        ("f.csv", b"address\n" + b"u@example.org\n" * 4),
        ("f.xlsx", workbook(users=[["address"], *([f"u{number}@example.org"] for number in range(4))])),
        ("f.json", json.dumps({"users": many}).encode()),
    ):
        with pytest.raises(BadDocument, match="rows"):
            read(content, name)
    with pytest.raises(BadDocument, match="larger than 16 MiB"):
        read(b"address\n" + bytes(documents.MAX_FILE), "f.csv")


def test_cells_that_no_database_holds_are_errors_of_their_rows() -> None:
    """Huge ones, ends of characters, values without a heading, objects where text is expected."""
    rows = read(
        f"address,name\na@example.org,{'x' * 300_000}\nb@example.org,x,more\nc@example.org,y\n".encode(), "f.csv"
    )
    assert [row.errors for row in rows["users"].rows] == [
        [("name", "This cell has more than 262144 characters.")],
        [("", "There is a value in column 3, which has no heading.")],
        [],
    ]
    odd = """{"users": [{"address": "a@example.org", "name": "\\ud800"}, {"address": {"a": 1}},
                        {"address": "b@example.org", "name": ["x"]}, {"name": "no address"}]}"""
    found = [row.errors[0] for row in read(odd.encode(), "f.json")["users"].rows]
    assert found[0] == ("name", "This cell holds characters that are none.")
    assert [column for column, _ in found] == ["name", "address", "name", "address"] and "Expected text" in found[1][1]


@pytest.mark.parametrize(
    "text", ["=1+1", "+49", "-x", "@sum", "\t=", "'=x", "''@", "(none)", "'(none)", "'quoted'", "x"]
)
def test_what_spreadsheets_would_compute_is_defused_and_restored(text: str) -> None:
    assert restored(defused(text)) == text and defused(text)[0] not in "=+-@\t"


@given(some.text())
def test_any_text_is_defused_and_restored(text: str) -> None:
    assert restored(defused(text)) == text


def test_several_addresses_in_a_cell() -> None:
    assert several("a@x.org, b@x.org;c@x.org\n d@x.org") == ["a@x.org", "b@x.org", "c@x.org", "d@x.org"]
    assert several("sip:a;b,c@x.org sip:d@x.org") == ["sip:a;b,c@x.org", "sip:d@x.org"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_template_can_be_read(form: str) -> None:
    """Each table with all its columns; its examples are right by themselves."""
    for name in KINDS:
        rows = read(writing.template(form, [name]), f"t.{form}")[name].rows
        assert len(rows) == 1 and not rows[0].errors, rows[0].errors
        assert rows[0].cells.keys() >= set(KINDS[name].key)


@given(some.binary(max_size=400), some.sampled_from(FORMATS))
def test_any_octets_are_read_or_refused(content: bytes, form: str) -> None:
    try:
        read(content, f"f.{form}")
    except BadDocument:
        pass


TEXT = some.text(some.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
NAMES = TEXT | some.sampled_from(
    ["=1+1", "(none)", "'x", "@a", " x ", "sip:a@b.org", "_x0041_", "\x01\r\n\ufffe", "yes", "0471"]
)
PARTS = some.lists(some.from_regex(r"[a-z+*'=;,&!~._-]{1,9}", fullmatch=True), max_size=6, unique=True)


class RoundTrip(TransactionTestCase):
    """Hypothesis, with tables that are emptied in between."""

    @settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
    @given(parts=PARTS, data=some.data())
    def test_exported_and_imported_again_changes_nothing(self, parts: list[str], data: some.DataObject) -> None:
        """Whatever users, lists and access lists there are, in each format, in each mode."""
        from tests.provisioning.bulk.trials import carried, wrong

        domain = Domain.objects.create(name=DOMAIN)
        users = []
        for part in parts:
            made = Persona(domain=domain, user=part, name=data.draw(NAMES), enabled=data.draw(some.booleans()))
            made.save()
            users.append(made)
            Alias.objects.create(
                uri=f"sip:{part}.alias@{data.draw(some.sampled_from([DOMAIN, 'old.example']))}", persona=made
            )
        if users:
            first = users[0]
            one = ResourceList.objects.create(
                uri=f"sip:list-l@{DOMAIN}", owner=data.draw(some.sampled_from([first, None])), name=data.draw(NAMES)
            )
            for made in reversed(users):
                ResourceListMember.objects.create(list=one, uri=made.aor)
            acl = UriAcl.objects.create(presentity=first, default="polite_block")
            UriAclEntry.objects.create(acl=acl, kind="domain", value="x.example", effect="allow")
            UriAclEntry.objects.create(acl=acl, kind="uri", value=str(users[-1].aor), effect="block")
            UriAclEntry.objects.create(acl=acl, kind="uri", value="sip:*@x.example", effect="block")
        for form in FORMATS:
            for name in KINDS if form == "csv" else [""]:
                content = writing.exported(form, [name] if name else list(KINDS))
                rows = sum(len(list(kind.everything())) for kind in KINDS.values() if name in ("", kind.name))
                if not rows:
                    continue
                mode = data.draw(some.sampled_from(["all", "partial"]))
                of = carried(content, f"f.{form}", mode=mode)
                assert (of.created, of.changed, of.unchanged, of.bad) == (0, 0, rows, 0), (
                    of.message,
                    wrong(of),
                    content,
                )


@pytest.mark.django_db
def test_exports_hold_no_secrets_and_nothing_that_is_computed() -> None:
    made = Persona(domain=Domain.objects.create(name=DOMAIN), user="alice", name="=HYPERLINK()")
    made.set_password("secret")
    made.set_pin("4711")
    made.save()
    for form in FORMATS:
        content = writing.exported(form, ["users"])
        for secret in (made.md5, made.sha256, made.pin, "secret", "password"):
            assert secret.encode() not in content
    assert b"'=HYPERLINK()" in writing.exported("csv", ["users"])
    sheet = openpyxl.load_workbook(io.BytesIO(writing.exported("xlsx", ["users"])))["users"]
    assert {cell.data_type for line in sheet.iter_rows() for cell in line} <= {"s", "n"} and sheet[
        "B2"
    ].value == "'=HYPERLINK()"
    assert {cell.data_type for line in sheet.iter_rows() for cell in line if cell.value is not None} == {"s"}

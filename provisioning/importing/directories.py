"""The section `directories` of the provisioning file: where users come from by LDAP (docs/ldap.md)."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError

from provisioning.importing.grammar import SECTIONS as KEYS
from provisioning.importing.grammar import BadFile, Entry
from provisioning.importing.sections import Section, plain
from provisioning.importing.tables import SECRET, Tables, told
from provisioning.models import Directory

COLUMNS = sorted((KEYS["directories"] or frozenset()) - {"name", "password", "domain"})
"Keys that are columns as they are."


def directory(entry: Entry, tables: Tables) -> None:
    """One directory; what it says of users comes in by its own runs."""
    values = tables.columns(entry, ["name", "password", "domain", *COLUMNS])
    name, password = str(values.pop("name", "")), values.pop("password", None)
    if values.get("domain"):
        values["domain"] = tables.domains[tables.known_domain(str(values["domain"]), entry)]
    found = Directory.objects.filter(name=name).select_related("domain").first()
    row = found or Directory(name=name)
    before = {column: getattr(row, column) for column in values}
    for column, value in values.items():
        setattr(row, column, value)
    changed_password = password is not None and (found is None or not _is(found, str(password)))
    if changed_password or (password is not None and before.get("server", row.server) != row.server):
        row.set_password(str(password))  # said again, so that another server may be told
    try:
        row.clean_fields()
        row.clean()
    except ValidationError as error:
        raise BadFile(f"line {entry.line}: {told(error)}") from None
    after = {column: getattr(row, column) for column in values}
    changes = {
        column: (before[column] if found else None, after[column])
        for column in values
        if found is None or before[column] != after[column]
    }
    if changed_password:
        changes["password"] = (SECRET if found is not None and found.has_password else None, SECRET)
    tables.save("directories", row, entry, changes)


def _is(row: Directory, password: str) -> bool:
    from provisioning.sealing import CannotOpen

    try:
        return row.password == password
    except CannotOpen:
        return False


def directories() -> Iterable[Any]:
    """Without their passwords."""
    for row in Directory.objects.select_related("domain").order_by("name"):
        domain = row.domain.name if row.domain is not None else None
        yield {"name": row.name, "domain": domain, **{one: plain(getattr(row, one)) for one in COLUMNS}}


SECTIONS = (Section("directories", "directories", Directory, directory, directories),)

"""The sections `lines` and `application_users` of the provisioning file (docs/provisioning-file.md)."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError

from cti.models import ApplicationUser, Line, SwitchKind
from provisioning.importing.access import address
from provisioning.importing.grammar import BadFile, Entry
from provisioning.importing.sections import Section, plain
from provisioning.importing.tables import SECRET, Tables


def line(entry: Entry, tables: Tables) -> None:
    """One line; its owner is named by any address."""
    values = entry.values
    rest: dict[str, Any] = {"owner": tables.user(entry, "owner") if values.get("owner") else None}
    rest["switch"] = values.get("switch", SwitchKind.SIMULATED)
    rest |= {key: str(values[key]) for key in ("device", "control_link", "may_call") if key in values}
    if "takes_calls" in values:
        rest["takes_calls"] = values["takes_calls"]
    tables.row("lines", Line, entry, {"uri": str(values.get("uri", ""))}, rest)


def lines() -> Iterable[Any]:
    """By their address."""
    for row in Line.objects.select_related("owner").order_by("uri"):
        columns = ("switch", "device", "control_link", "may_call", "takes_calls")
        found = {"uri": plain(row.uri), "owner": address(row.owner)}
        yield {**found, **{name: plain(getattr(row, name)) for name in columns}}


def application_user(entry: Entry, tables: Tables) -> None:
    """A program that logs in by itself; its lines, when the file names them, are those of the file."""
    values = tables.columns(entry, ["name", "password", "controls_all"])
    password = values.get("password")
    rest = {"controls_all": values["controls_all"]} if "controls_all" in values else {}
    row = tables.row("application users", ApplicationUser, entry, {"name": str(values.get("name", ""))}, rest)
    if password is not None and not row.check_password(str(password)):
        changes = {"password": (SECRET if row.password_hash else None, SECRET)}
        row.set_password(str(password))
        tables.save("application users", row, entry, changes)
    if "lines" in entry.values:
        wanted = [_line(uri, entry) for uri in tables.words(entry, "lines")]
        tables.many("application users", row, "lines", wanted)


def _line(uri: str, entry: Entry) -> Line:
    try:
        found = Line.objects.filter(uri=uri).first()
    except ValidationError as error:
        raise BadFile(f"line {entry.line_of('lines')}: {error.messages[0]}") from None
    if found is None:
        raise BadFile(f"line {entry.line_of('lines')}: no line {uri}")
    return found


def application_users() -> Iterable[Any]:
    """Without their passwords."""
    for row in ApplicationUser.objects.prefetch_related("lines").order_by("name"):
        yield {"name": row.name, "controls_all": row.controls_all, "lines": sorted(one.uri for one in row.lines.all())}


SECTIONS = (
    Section("lines", "lines", Line, line, lines),
    Section("application_users", "application users", ApplicationUser, application_user, application_users),
)

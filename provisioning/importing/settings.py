"""The section `settings` of the provisioning file: expiry bounds, who asks for passwords, and tables of one row."""

from typing import Any

from django.core.exceptions import ValidationError

from provisioning.choices import Method, Role, Transport
from provisioning.importing.grammar import BadFile, Entry, section
from provisioning.importing.sections import plain
from provisioning.importing.tables import Tables
from provisioning.models import EngineSettings, ExpirySetting, Listener, MessengerSettings, PeerLimits

ONE_ROW: dict[str, Any] = {"engine": EngineSettings, "limits": PeerLimits, "messenger": MessengerSettings}
"Name in the file -> table of one row."

ELSEWHERE = frozenset({"cti"})
"Those of other applications: where one is not installed it is accepted and reported."

REGISTERED: dict[str, Any] = {}


def register(name: str, model: Any) -> None:
    """Take over one of them."""
    assert name in ELSEWHERE
    REGISTERED[name] = model


def apply_settings(entry: Any, tables: Tables) -> None:
    """What the file does not name stays as it is; raises BadFile."""
    if not isinstance(entry, Entry):
        raise BadFile("section “settings”: expected keys")
    known = frozenset({"expiry", "authentication", *ONE_ROW, *ELSEWHERE})
    outer = section(Entry({"settings": entry}, entry.line), "settings", known)
    expiry = section(outer, "expiry", frozenset(Method.values))
    for method in expiry.values:
        bounds = section(expiry, method, frozenset({"min", "default", "max"}))
        _expiry(method, bounds, tables)
    listeners = outer.values.get("authentication")
    if listeners is not None:
        if not isinstance(listeners, Entry):
            raise BadFile(f"line {entry.line}: “authentication” holds addresses")
        for address, on in listeners.values.items():
            _authentication(address, on, listeners, tables)
    for name in (*ONE_ROW, *ELSEWHERE):
        if name not in outer.values:
            continue
        model = {**ONE_ROW, **REGISTERED}.get(name)
        if model is None:
            tables.report.unused.append(f"settings.{name}")
        else:
            _one_row(name, model, section(outer, name, frozenset(editable(model))), tables)


def editable(model: Any) -> list[str]:
    """Columns of a table of one row that people set."""
    return [one.name for one in model._meta.concrete_fields if one.editable and not one.primary_key]


def _one_row(name: str, model: Any, entry: Entry, tables: Tables) -> None:
    row = model.objects.first() or model()
    new = {}
    for column, value in tables.columns(entry, editable(model)).items():
        try:
            new[column] = model._meta.get_field(column).clean(value, row)
        except ValidationError as error:
            raise BadFile(f"line {entry.line_of(column)}: “{column}”: {error.messages[0]}") from None
    changes = {column: (getattr(row, column), value) for column, value in new.items() if getattr(row, column) != value}
    for column, value in new.items():
        setattr(row, column, value)
    tables.save(f"{name} settings", row, entry, changes)


def entries() -> dict[str, Any]:
    """The section as it would be written now; whether listeners ask for passwords stands with the listeners."""
    rows = ExpirySetting.objects.order_by("method").values_list("method", "minimum", "default", "maximum")
    found: dict[str, Any] = {
        "expiry": {method: {"min": low, "default": usual, "max": high} for method, low, usual, high in rows}
    }
    for name, model in sorted({**ONE_ROW, **REGISTERED}.items()):
        row = model.objects.first()
        if row is not None:
            found[name] = {column: plain(getattr(row, column)) for column in editable(model)}
    return found


def _expiry(method: str, bounds: Entry, tables: Tables) -> None:
    row = ExpirySetting.objects.get(method=method)
    changes = {}
    for key, column in (("min", "minimum"), ("default", "default"), ("max", "maximum")):
        if key in bounds.values:
            before, after = getattr(row, column), tables.number(bounds.values[key], bounds, key)
            setattr(row, column, after)
            if before != after:
                changes[key] = (before, after)
    tables.save("expiry bounds", row, bounds, changes)


def _authentication(address: str, on: Any, entry: Entry, tables: Tables) -> None:
    transport, _, rest = address.partition(":")
    host, _, port = rest.rpartition(":")
    if transport not in Transport.values or not port.isdecimal() or not isinstance(on, bool):
        raise BadFile(f'line {entry.line}: expected "udp:host:port": true or false')
    key = {"transport": transport, "host": host.strip("[]"), "port": int(port)}
    row = Listener.objects.filter(**key).first()
    if row is None:
        row = Listener(**key, role=Role.PROXY, authentication=on)
        tables.save("listeners", row, entry, {"authentication": (None, on)})
    else:
        before, row.authentication = row.authentication, on
        tables.save("listeners", row, entry, {"authentication": (before, on)} if before != on else {})

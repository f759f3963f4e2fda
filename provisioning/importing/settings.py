"""The section `settings` of the provisioning file: bounds of expiry times, and which listeners ask for passwords."""

from typing import Any

from provisioning.choices import Role, Transport
from provisioning.importing.grammar import BadFile, Entry, section
from provisioning.importing.tables import Tables
from provisioning.models import ExpirySetting, Listener


def apply_settings(entry: Any, tables: Tables) -> None:
    """What the file does not name stays as it is; raises BadFile."""
    if not isinstance(entry, Entry):
        raise BadFile("section “settings”: expected keys")
    outer = section(Entry({"settings": entry}, entry.line), "settings", frozenset({"expiry", "authentication"}))
    expiry = section(outer, "expiry", frozenset({"subscribe", "publish", "register", "backend"}))
    for method in expiry.values:
        bounds = section(expiry, method, frozenset({"min", "default", "max"}))
        _expiry(method, bounds, tables)
    listeners = outer.values.get("authentication")
    if listeners is not None:
        if not isinstance(listeners, Entry):
            raise BadFile(f"line {entry.line}: “authentication” holds addresses")
        for address, on in listeners.values.items():
            _authentication(address, on, listeners, tables)


def _expiry(method: str, bounds: Entry, tables: Tables) -> None:
    row = ExpirySetting.objects.get(method=method)
    before = (row.minimum, row.default, row.maximum)
    for key, column in (("min", "minimum"), ("default", "default"), ("max", "maximum")):
        if key in bounds.values:
            setattr(row, column, tables.number(bounds.values[key], bounds, key))
    tables.save("expiry bounds", row, bounds, before != (row.minimum, row.default, row.maximum))


def _authentication(address: str, on: Any, entry: Entry, tables: Tables) -> None:
    transport, _, rest = address.partition(":")
    host, _, port = rest.rpartition(":")
    if transport not in Transport.values or not port.isdecimal() or not isinstance(on, bool):
        raise BadFile(f'line {entry.line}: expected "udp:host:port": true or false')
    key = {"transport": transport, "host": host.strip("[]"), "port": int(port)}
    row = Listener.objects.filter(**key).first()
    if row is None:
        row = Listener(**key, role=Role.PROXY, authentication=on)
        tables.save("listeners", row, entry, True)
    else:
        changed, row.authentication = row.authentication != on, on
        tables.save("listeners", row, entry, changed)

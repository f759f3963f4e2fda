"""The sections of the provisioning file about what the engine goes by, and where edges listen."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError

from provisioning.history import recording
from provisioning.importing.access import address
from provisioning.importing.grammar import BadFile, Entry, inner
from provisioning.importing.sections import Section, plain, table
from provisioning.importing.tables import Tables, told
from provisioning.models import (
    AdvertisedAddress,
    CannedMessage,
    DeviceType,
    LimitExemption,
    Listener,
    ReachabilityRule,
    SourcePriority,
    UserAgentCapability,
)

_OPTIONS = ("role", "authentication", "client_certificates", "advertised")


def listener(entry: Entry, tables: Tables) -> None:
    """An address that edges listen on; its names, when the file says them, are those of the file."""
    values = tables.columns(entry, ["transport", "host", "port", *_OPTIONS])
    key = {"transport": values.get("transport", ""), "host": values.get("host", ""), "port": values.get("port")}
    rest = {name: values[name] for name in _OPTIONS if name in values}
    row = tables.row("listeners", Listener, entry, key, rest)
    given = inner(entry, "advertisements", frozenset({"network", "address"}))
    if given is None:
        return
    wanted = []
    for one in given:
        made = AdvertisedAddress(listener=row, **{name: str(value) for name, value in one.values.items()})
        try:
            made.clean_fields()
            made.clean()
        except ValidationError as error:
            raise BadFile(f"line {one.line}: {told(error)}") from None
        wanted.append(made)
    before, after = _names(row.advertisements.all()), _names(wanted)
    if len(dict(after)) != len(after):
        raise BadFile(f"line {entry.line_of('advertisements')}: a network stands here twice")
    if before != after:
        row.advertisements.all().delete()
        AdvertisedAddress.objects.bulk_create(wanted)
        recording.written([row])
        tables.report.changed["advertised addresses"] += 1
        tables.note("advertised addresses", "~", row, {"advertisements": (_shown(before), _shown(after))})


def _names(rows: Iterable[AdvertisedAddress]) -> list[tuple[str, str]]:
    return sorted((row.network, row.address) for row in rows)


def _shown(names: list[tuple[str, str]]) -> list[str]:
    return [f"{address} for {network}" for network, address in names]


def listeners() -> Iterable[Any]:
    """With their names."""
    for row in Listener.objects.prefetch_related("advertisements").order_by("transport", "host", "port"):
        found = {name: plain(getattr(row, name)) for name in ("transport", "host", "port", *_OPTIONS)}
        names = _names(row.advertisements.all())
        yield {**found, "advertisements": [{"network": one, "address": name} for one, name in names]}


def canned_message(entry: Entry, tables: Tables) -> None:
    """A text of the system or of a user; told from others by both."""
    values = tables.columns(entry, ["text", "position"])
    owner = tables.user(entry, "owner") if entry.values.get("owner") else None
    rest = {"position": values["position"]} if "position" in values else {}
    tables.row("canned messages", CannedMessage, entry, {"owner": owner, "text": str(values.get("text") or "")}, rest)


def canned_messages() -> Iterable[Any]:
    """In their order; one that stands there twice, once."""
    met = set()
    for row in CannedMessage.objects.select_related("owner").order_by("owner__aor", "position", "id"):
        if (row.owner_id, row.text) not in met:
            met.add((row.owner_id, row.text))
            yield {"text": row.text, "owner": address(row.owner), "position": row.position}


SECTIONS = (
    Section("listeners", "listeners", Listener, listener, listeners),
    table("source_priorities", "source priorities", SourcePriority, ("value",), ("priority", "manual_override")),
    table(
        "capabilities", "capabilities", UserAgentCapability, ("client_type", "client_version"),
        ("audio", "video", "text", "one_message_per_read", "linphone_lists", "md5_only"),
    ),
    table("device_types", "device types", DeviceType, ("match", "value"), ("kind",)),
    table("reachability_rules", "reachability rules", ReachabilityRule, ("position",), ("condition", "state")),
    table("limit_exemptions", "limit exemptions", LimitExemption, ("network",), ("description",)),
    Section("canned_messages", "canned messages", CannedMessage, canned_message, canned_messages),
)  # fmt: skip

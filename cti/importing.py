"""The section `lines` of the provisioning file (docs/provisioning-file.md)."""

from typing import Any

from cti.models import Line, SwitchKind
from provisioning.importing.grammar import Entry
from provisioning.importing.tables import Tables


def line(entry: Entry, tables: Tables) -> None:
    """One line; its owner is named by any address."""
    values = entry.values
    rest: dict[str, Any] = {"owner": tables.user(entry, "owner") if values.get("owner") else None}
    rest["switch"] = values.get("switch", SwitchKind.SIMULATED)
    rest |= {key: str(values[key]) for key in ("device", "control_link", "may_call") if key in values}
    if "takes_calls" in values:
        rest["takes_calls"] = values["takes_calls"]
    tables.row("lines", Line, entry, {"uri": str(values.get("uri", ""))}, rest)

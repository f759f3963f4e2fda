"""The section `lines` of the provisioning file (docs/provisioning-file.md)."""

from typing import Any

from cti.models import Line, SwitchKind
from provisioning.importing.grammar import Entry
from provisioning.importing.sections import FindUser, PutRow


def line(entry: Entry, user: FindUser, put: PutRow) -> None:
    """One line; its owner is named by any address."""
    values = entry.values
    rest: dict[str, Any] = {"owner": user(entry, "owner") if values.get("owner") else None}
    rest["switch"] = values.get("switch", SwitchKind.SIMULATED)
    if "device" in values:
        rest["device"] = str(values["device"])
    put("lines", Line, entry, {"uri": str(values.get("uri", ""))}, rest)

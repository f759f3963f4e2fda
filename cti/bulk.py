"""The table of lines in imports and exports (docs/import.md)."""

from typing import Any

from django.db.models import Q, QuerySet

from cti.importing import line
from cti.models import CallRight, Line, SwitchKind
from provisioning.bulk.cells import flag
from provisioning.bulk.kinds import Column, Key, State, choice, of_model, one_address
from provisioning.bulk.single import SingleKind


class Lines(SingleKind):
    """Lines and whose they are."""

    name = "lines"
    key = ("line",)
    users = ("owner",)
    models = (Line,)
    apply = line
    columns = (
        Column("line", of_model(Line, "uri"), example="2001"),
        Column("owner", one_address, example="alice@example.org"),
        Column("switch", choice(Line, "switch"), empty=SwitchKind.SIMULATED.value, example="simulated"),
        Column("device", of_model(Line, "device"), example="SEP0002FD3BB5C5"),
        Column("control_link", of_model(Line, "control_link")),
        Column("may_call", choice(Line, "may_call"), empty=CallRight.ANYONE.value, example="anyone"),
        Column("takes_calls", flag, empty=True, example="yes"),
    )

    def entry(self, state: State) -> dict[str, Any]:
        """As section `lines`."""
        return {"uri": state["line"], **{name: state[name] for name in state if name != "line"}}

    def rows(self) -> QuerySet[Any]:
        """With their owners."""
        return Line.objects.select_related("owner")

    def where(self, key: Key) -> Q:
        """By number or address."""
        return Q(uri=key[0])

    def state(self, row: Line) -> State:
        """Flat."""
        owner = str(row.owner.aor) if row.owner is not None else ""
        plain = {name: getattr(row, name) for name in ("switch", "device", "control_link", "may_call", "takes_calls")}
        return {"line": str(row.uri), "owner": owner, **plain}

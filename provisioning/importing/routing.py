"""The sections of the provisioning file about other servers, and the ways to them."""

from provisioning.choices import PatternKind, RouteMatch
from provisioning.importing.grammar import BadFile, Entry
from provisioning.importing.tables import Tables
from provisioning.models import ForeignMapping, ForeignServer, MethodRoute, OutboundRule, StaticRoute


def foreign_server(entry: Entry, tables: Tables) -> None:
    """A server that holds the state of others."""
    values = dict(entry.values)
    key = {"name": str(values.pop("name", ""))}
    for name in ("address", "domain", "identity"):
        if name in values:
            values[name] = str(values[name])
    tables.row("foreign servers", ForeignServer, entry, key, values)


def mapping(entry: Entry, tables: Tables) -> None:
    """Whose state is held there, and under which name here."""
    persona = tables.user(entry, "user")
    foreign = tables.aor(entry.values.get("foreign"), entry)
    name = str(entry.values.get("server", ""))
    server = ForeignServer.objects.filter(name=name).first()
    if server is None:
        raise BadFile(f"line {entry.line}: no foreign server “{name}”")
    rest = {"server": server, "priority": entry.values.get("priority", 0)}
    tables.row("mappings", ForeignMapping, entry, {"persona": persona, "foreign": foreign}, rest)


def static_route(entry: Entry, tables: Tables) -> None:
    """Where requests for some domains, users or numbers go."""
    values = dict(entry.values)
    key = {"kind": values.pop("kind", PatternKind.DOMAIN), "pattern": str(values.pop("pattern", ""))}
    key |= {"next_hop": str(values.pop("next_hop", "")), "port": values.pop("port", None)}
    key["transport"] = values.pop("transport", "")
    tables.row("static routes", StaticRoute, entry, key, values)


def method_route(entry: Entry, tables: Tables) -> None:
    """Where requests of a method, or for an event, go."""
    values = dict(entry.values)
    kinds = [kind for kind in RouteMatch if kind.value in values]
    if len(kinds) != 1:
        raise BadFile(f"line {entry.line}: expected one of method, event")
    key = {"kind": kinds[0], "token": str(values.pop(kinds[0].value))}
    rest = {"name": str(values.pop("name", key["token"])), **values}
    rest["next_hop"] = str(rest.get("next_hop", ""))
    tables.row("method routes", MethodRoute, entry, key, rest)


def outbound_rule(entry: Entry, tables: Tables) -> None:
    """Which domains requests may be sent to."""
    rest = {"allow": bool(entry.values.get("allow", True))}
    tables.row("outbound rules", OutboundRule, entry, {"pattern": str(entry.values.get("pattern", ""))}, rest)

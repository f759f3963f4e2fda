"""The sections of the provisioning file about other servers, and the ways to them."""

from collections.abc import Iterable
from typing import Any

from provisioning.choices import PatternKind, RouteMatch
from provisioning.importing.access import address
from provisioning.importing.grammar import BadFile, Entry
from provisioning.importing.sections import Section, plain
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
    rest = {"allow": bool(entry.values.get("allow", True))} | tables.columns(entry, ["description"])
    tables.row("outbound rules", OutboundRule, entry, {"pattern": str(entry.values.get("pattern", ""))}, rest)


def _columns(row: Any, *names: str) -> dict[str, Any]:
    return {name: plain(getattr(row, name)) for name in names}


def foreign_servers() -> Iterable[Any]:
    """By name."""
    columns = (
        "name", "address", "transport", "domain", "expires", "shared_identity", "identity", "call_manager", "enabled"
    )  # fmt: skip
    return (_columns(row, *columns) for row in ForeignServer.objects.order_by("name"))


def mappings() -> Iterable[Any]:
    """By user."""
    for row in ForeignMapping.objects.select_related("persona", "server").order_by("persona__aor", "foreign"):
        found = {"user": address(row.persona), "foreign": plain(row.foreign)}
        yield {**found, "server": row.server.name, "priority": row.priority}


def static_routes() -> Iterable[Any]:
    """By pattern."""
    columns = (
        "kind", "pattern", "next_hop", "port", "transport", "priority", "weight", "less_specific", "in_service",
        "description",
    )  # fmt: skip
    rows = StaticRoute.objects.order_by("kind", "pattern", "next_hop", "port", "transport")
    return (_columns(row, *columns) for row in rows)


def method_routes() -> Iterable[Any]:
    """By what they look at."""
    for row in MethodRoute.objects.order_by("kind", "token"):
        yield {row.kind: row.token, **_columns(row, "name", "next_hop", "port", "transport", "description")}


def outbound_rules() -> Iterable[Any]:
    """By pattern."""
    rows = OutboundRule.objects.order_by("pattern")
    return (_columns(row, "pattern", "allow", "description") for row in rows)


SECTIONS = (
    Section("foreign_servers", "foreign servers", ForeignServer, foreign_server, foreign_servers),
    Section("mappings", "mappings", ForeignMapping, mapping, mappings),
    Section("static_routes", "static routes", StaticRoute, static_route, static_routes),
    Section("method_routes", "method routes", MethodRoute, method_route, method_routes),
    Section("outbound_rules", "outbound rules", OutboundRule, outbound_rule, outbound_rules),
)

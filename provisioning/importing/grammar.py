"""The grammar of the provisioning file: sections, keys, and what each holds (docs/provisioning-file.md).

YAML is read with the line of every key, so that an unknown one is reported where it stands.
"""

from dataclasses import dataclass
from typing import Any

import yaml

SECTIONS: dict[str, frozenset[str] | None] = {
    "domains": None,
    "users": frozenset({"uri", "password", "pin", "name", "pattern", "first", "count", "domain"}),
    "aliases": frozenset({"uri", "user"}),
    "lists": frozenset({"uri", "owner", "name", "members"}),
    "trusted_peers": frozenset({"address", "tls"}),
    "access_list": frozenset({"address", "name", "domain", "asserts_identity"}),
    "settings": None,
    "foreign_servers": frozenset(
        {"name", "address", "domain", "transport", "expires", "shared_identity", "identity", "call_manager", "enabled"}
    ),
    "mappings": frozenset({"user", "foreign", "server", "priority"}),
    "static_routes": frozenset(
        {"pattern", "kind", "next_hop", "port", "transport", "priority", "weight", "less_specific", "in_service"}
    ),
    "method_routes": frozenset({"name", "method", "event", "next_hop", "port", "transport"}),
    "outbound_rules": frozenset({"pattern", "allow"}),
    "uri_acls": frozenset({"presentity", "default", "entries"}),
    "filters": frozenset({"kind", "presentity", "domain", "client_type", "client_version"}),
    "lines": frozenset({"uri", "owner", "switch", "device", "control_link", "may_call", "takes_calls"}),
}
"Section -> keys of its entries."

ELSEWHERE = frozenset({"lines"})
"Sections of other applications: where one is not installed its section is accepted and reported."

MAX_FILE = 16 * 1024 * 1024
"Octets of a file; a hundred thousand users by name."


class BadFile(Exception):
    """The file cannot be applied; the message names the line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A mapping of the file with the line it begins on."""

    values: dict[str, Any]
    line: int


class _Loader(yaml.SafeLoader):
    """Mappings become entries that know their line."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Entry:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise BadFile(f"line {line}: a key has to be a word")
        if key in values:
            raise BadFile(f"line {line}: “{key}” stands here twice")
        values[key] = loader.construct_object(value_node, deep=True)
    return Entry(values, node.start_mark.line + 1)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read(text: str) -> Entry:
    """Read a file and check its keys; raises BadFile."""
    if len(text) > MAX_FILE:
        raise BadFile(f"the file is larger than {MAX_FILE} characters")
    try:
        root = yaml.load(text, Loader=_Loader)  # a subclass of SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise BadFile(f"line {line}: not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise BadFile(f"not YAML: {error}") from None
    if root is None:
        return Entry({}, 1)
    if not isinstance(root, Entry):
        raise BadFile("line 1: expected sections such as “users:”")
    _check_keys(root, frozenset(SECTIONS))
    for name, value in root.values.items():
        keys = SECTIONS[name]
        if name == "settings":
            continue
        if value is None:
            root.values[name] = []
            continue
        if not isinstance(value, list):
            raise BadFile(f"section “{name}”: expected a list")
        if keys is not None:
            for item in value:
                if not isinstance(item, Entry):
                    raise BadFile(f"section “{name}”: expected entries with keys such as “{min(keys)}”")
                _check_keys(item, keys)
    return root


def _check_keys(entry: Entry, known: frozenset[str]) -> None:
    for key in entry.values:
        if key not in known:
            raise BadFile(f"line {entry.line}: “{key}” is not known here; expected one of {', '.join(sorted(known))}")


def inner(entry: Entry, name: str, known: frozenset[str]) -> list[Entry] | None:
    """A list of mappings inside a mapping, their keys checked; None when absent."""
    value = entry.values.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, Entry) for item in value):
        raise BadFile(f"line {entry.line}: “{name}” holds a list of entries with keys")
    for item in value:
        _check_keys(item, known)
    return value


def section(entry: Entry, name: str, known: frozenset[str]) -> Entry:
    """A mapping inside a mapping, its keys checked; empty when absent."""
    value = entry.values.get(name)
    if value is None:
        return Entry({}, entry.line)
    if not isinstance(value, Entry):
        raise BadFile(f"line {entry.line}: “{name}” holds keys")
    _check_keys(value, known)
    return value

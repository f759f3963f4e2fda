"""The grammar of the provisioning file: sections, keys, and what each holds (docs/provisioning-file.md).

YAML is read with the line of every key, so that an unknown one is reported where it stands.
"""

from dataclasses import dataclass, field
from typing import Any

import yaml

_WHO = {"user", "watcher"}
"As whom a program acts."

SECTIONS: dict[str, frozenset[str] | None] = {
    "domains": frozenset({"name", "description"}),
    "directories": frozenset(
        {
            "name", "enabled", "interval", "server", "start_tls", "verify", "ca_file", "bind_name", "password", "base",
            "scope", "filter", "page_size", "entries_limit", "id_attribute", "user_attribute", "domain",
            "domain_attribute", "name_attribute", "mail_attributes", "number_attributes", "enabled_by",
            "enabled_attribute", "adopt", "vanished", "delete_after", "most_vanish",
        }
    ),
    "users": frozenset(
        {
            "uri", "password", "pin", "name", "pattern", "first", "count", "domain", "enabled", "publish_policy",
            "delegates", "confirm_watchers", "offline_messages",
        }
    ),
    "aliases": frozenset({"uri", "user"}),
    "lists": frozenset({"uri", "owner", "name", "members"}),
    "listeners": frozenset(
        {
            "transport", "host", "port", "role", "authentication", "client_certificates", "advertised",
            "advertisements",
        }
    ),
    "trusted_peers": frozenset({"address", "tls", "description"}),
    "access_list": frozenset({"address", "name", "domain", "asserts_identity"}),
    "settings": None,
    "source_priorities": frozenset({"value", "priority", "manual_override"}),
    "capabilities": frozenset(
        {
            "client_type", "client_version", "audio", "video", "text", "one_message_per_read", "linphone_lists",
            "md5_only",
        }
    ),
    "device_types": frozenset({"match", "value", "kind"}),
    "reachability_rules": frozenset({"position", "condition", "state"}),
    "limit_exemptions": frozenset({"network", "description"}),
    "foreign_servers": frozenset(
        {"name", "address", "domain", "transport", "expires", "shared_identity", "identity", "call_manager", "enabled"}
    ),
    "mappings": frozenset({"user", "foreign", "server", "priority"}),
    "static_routes": frozenset(
        {
            "pattern", "kind", "next_hop", "port", "transport", "priority", "weight", "less_specific", "in_service",
            "description",
        }
    ),
    "method_routes": frozenset({"name", "method", "event", "next_hop", "port", "transport", "description"}),
    "outbound_rules": frozenset({"pattern", "allow", "description"}),
    "uri_acls": frozenset({"presentity", "default", "entries"}),
    "privacy_lists": frozenset({"owner", "kind", "name", "filter", "hidden_devices", "members"}),
    "filters": frozenset({"kind", "presentity", "domain", "client_type", "client_version"}),
    "canned_messages": frozenset({"text", "owner", "position"}),
    "webhooks": frozenset({"name", "url", "secret", "enabled", "targets", *_WHO}),
    "integrators": frozenset({"account", "publish_own", "publish_for", "may_send", *_WHO}),
    "lines": frozenset({"uri", "owner", "switch", "device", "control_link", "may_call", "takes_calls"}),
    "application_users": frozenset({"name", "password", "controls_all", "lines"}),
    "prune": None,
}  # fmt: skip
"Section -> keys of its entries."

NO_ENTRIES = frozenset({"settings", "prune"})
"Sections that have no list of entries."

WORDS = frozenset({"domains"})
"Sections whose entries may be plain words: the value of their first column."

ELSEWHERE = frozenset({"lines", "application_users"})
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
    lines: dict[str, int] = field(default_factory=dict)
    "Of its keys."

    def line_of(self, key: str) -> int:
        """Where this key stands."""
        return self.lines.get(key, self.line)


class _Loader(yaml.SafeLoader):
    """Mappings become entries that know their line."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Entry:
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise BadFile(f"line {line}: a key has to be a word")
        if key in values:
            raise BadFile(f"line {line}: “{key}” stands here twice")
        values[key], lines[key] = loader.construct_object(value_node, deep=True), line
    return Entry(values, node.start_mark.line + 1, lines)


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
    check_keys(root, frozenset(SECTIONS))
    for name, value in root.values.items():
        keys = SECTIONS[name]
        if name in NO_ENTRIES:
            continue
        if value is None:
            root.values[name] = []
            continue
        if not isinstance(value, list):
            raise BadFile(f"line {root.line_of(name)}: section “{name}”: expected a list")
        assert keys is not None
        for item in value:
            if isinstance(item, Entry):
                check_keys(item, keys)
            elif name not in WORDS or isinstance(item, list):
                raise BadFile(
                    f"line {root.line_of(name)}: section “{name}”: expected entries with keys such as “{min(keys)}”"
                )
    return root


def check_keys(entry: Entry, known: frozenset[str]) -> None:
    """Raises BadFile for a key that has no meaning here."""
    for key in entry.values:
        if key not in known:
            line = entry.line_of(key)
            raise BadFile(f"line {line}: “{key}” is not known here; expected one of {', '.join(sorted(known))}")


def inner(entry: Entry, name: str, known: frozenset[str]) -> list[Entry] | None:
    """A list of mappings inside a mapping, their keys checked; None when absent."""
    value = entry.values.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, Entry) for item in value):
        raise BadFile(f"line {entry.line}: “{name}” holds a list of entries with keys")
    for item in value:
        check_keys(item, known)
    return value


def section(entry: Entry, name: str, known: frozenset[str]) -> Entry:
    """A mapping inside a mapping, its keys checked; empty when absent."""
    value = entry.values.get(name)
    if value is None:
        return Entry({}, entry.line)
    if not isinstance(value, Entry):
        raise BadFile(f"line {entry.line}: “{name}” holds keys")
    check_keys(value, known)
    return value

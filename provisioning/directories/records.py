"""From an entry of a directory to a user of ours, or to the reason why it makes none; nothing in it is believed."""

import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from provisioning.choices import EnabledBy
from provisioning.models import Directory
from provisioning.uri import Aor, BadUri

DISABLED_BIT = 2
"ADS_UF_ACCOUNTDISABLE in userAccountControl."

USER_LIMIT, NAME_LIMIT, ENTRY_LIMIT = 64, 200, 1000
"Characters in our columns."

IN_USER = "!$&'()*+,;=?/-_.~"
"Stand for themselves in a user part (RFC 3261 section 25.1); letters and digits do as well."

UUID_BYTES = 16
"Octets of objectGUID, which Active Directory sends as they are."

FORBIDDEN = re.compile(r"[\s%@:<>\"\\^`{|}\[\]#\x00-\x1f\x7f]")
"In the user part of an address; escapes of others are not taken over."

SEPARATORS = re.compile(r"[\s().\-/]")
"What people write into phone numbers."

NUMBER = re.compile(r"\+?[0-9]{2,32}", re.ASCII)


class BadEntry(Exception):
    """It makes no user; the message says why."""


class Raw(Protocol):
    """What is needed of an entry."""

    dn: str
    values: dict[str, list[bytes]]


@dataclass(frozen=True, slots=True)
class Person:
    """What an entry says of a user."""

    identifier: str
    entry: str
    "Its distinguished name."
    aor: Aor
    name: str | None
    "None: the directory says nothing of names."
    enabled: bool | None
    "None: the directory says nothing of it."
    aliases: tuple[Aor, ...]


def identifier(entry: Raw, directory: Directory) -> str:
    """What never changes for an entry; raises BadEntry when it has none."""
    values = entry.values.get(directory.id_attribute.lower())
    if not values or not values[0]:
        raise BadEntry(f"it has no {directory.id_attribute}")
    raw = values[0]
    if directory.id_attribute.lower() == "objectguid" and len(raw) == UUID_BYTES:
        return str(uuid.UUID(bytes_le=raw))
    text = _text(raw, directory.id_attribute)
    if len(text) > 128:
        raise BadEntry(f"its {directory.id_attribute} is too long")
    return text.lower()


def person(entry: Raw, directory: Directory, domains: Collection[str]) -> Person:
    """The user that an entry makes, `domains` being ours; raises BadEntry."""
    host = directory.domain.name if directory.domain is not None else _host(entry, directory)
    if host not in domains:
        raise BadEntry(f"{host} is not a domain of ours")
    aor = _aor(_user(entry, directory), host)
    name = _first(entry, directory.name_attribute) if directory.name_attribute else None
    return Person(
        identifier(entry, directory),
        printable(entry.dn)[:ENTRY_LIMIT],
        aor,
        printable(name)[:NAME_LIMIT] if name is not None else ("" if directory.name_attribute else None),
        enabled(entry, directory),
        tuple(one for one in _aliases(entry, directory, aor.host, domains) if one != aor),
    )


def printable(text: str) -> str:
    """On one line, without what a terminal or a page would obey."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def enabled(entry: Raw, directory: Directory) -> bool | None:
    """What the entry says of logging in; raises BadEntry when that cannot be read."""
    if directory.enabled_by == EnabledBy.ALWAYS:
        return None
    said = (_first(entry, directory.enabled_attribute) or "").strip()
    if directory.enabled_by == EnabledBy.ACCOUNT_CONTROL:
        try:
            return not int(said) & DISABLED_BIT
        except ValueError:
            raise BadEntry(f"its {directory.enabled_attribute} is no number") from None
    if directory.enabled_by == EnabledBy.TRUE_ENABLES:
        return said.lower() in ("true", "yes", "1")
    return said.lower() in ("", "false", "no", "0")


def _user(entry: Raw, directory: Directory) -> str:
    said = (_first(entry, directory.user_attribute) or "").strip()
    if not said:
        raise BadEntry(f"it has no {directory.user_attribute}")
    return said.rpartition("@")[0] if "@" in said else said


def _host(entry: Raw, directory: Directory) -> str:
    said = (_first(entry, directory.domain_attribute) or "").strip()
    if "@" not in said:
        raise BadEntry(f"its {directory.domain_attribute} is no address, so that it has no domain")
    return printable(said.rpartition("@")[2]).lower()


def _aor(user: str, host: str) -> Aor:
    """The address that both make; raises BadEntry."""
    if FORBIDDEN.search(user) or not user.isprintable():
        raise BadEntry(f"“{printable(user)[:USER_LIMIT]}” is no user part of an address")
    try:
        aor = Aor.parse(f"sip:{quote(user, safe=IN_USER)}@{host}")
    except BadUri:
        raise BadEntry(f"“{printable(user)[:USER_LIMIT]}” is no user part of an address") from None
    if len(aor.user) > USER_LIMIT:
        raise BadEntry(f"its user part is longer than {USER_LIMIT} characters")
    return aor


def _aliases(entry: Raw, directory: Directory, host: str, domains: Collection[str]) -> list[Aor]:
    """Mail addresses in domains of ours, and phone numbers in the user's; what is neither is left out."""
    found: list[Aor] = []
    for name in directory.mail_attributes.split():
        for text in _texts(entry, name):
            user, at, domain = text.strip().rpartition("@")
            if at and domain.lower() in domains:
                found += _tried(user, domain.lower())
    for name in directory.number_attributes.split():
        for text in _texts(entry, name):
            number = SEPARATORS.sub("", text)
            if NUMBER.fullmatch(number):
                found += _tried(number, host)
    return list(dict.fromkeys(found))


def _tried(user: str, host: str) -> list[Aor]:
    try:
        return [_aor(user, host)]
    except BadEntry:
        return []


def _first(entry: Raw, name: str) -> str | None:
    values = entry.values.get(name.lower())
    return _text(values[0], name) if values else None


def _texts(entry: Raw, name: str) -> list[str]:
    return [_text(value, name) for value in entry.values.get(name.lower(), ())]


def _text(raw: bytes, name: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BadEntry(f"its {name} is not UTF-8") from None

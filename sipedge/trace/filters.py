"""Which messages somebody wants to see."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cti.csta.devices import BadDevice, canonical
from sipedge.trace.reading import CSTA, MAX_SHOWN, SIP, Facts
from sipedge.trace.ring import Entry

NAMES: Final = ("aor", "call_id", "peer", "method", "status", "protocol")
"What can be asked for, by name."

_USER: Final = re.compile(r"[^\s@<>\"]{1,256}")
_METHOD: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,64}")
_STATUS: Final = re.compile(r"([1-6])(?:xx|([0-9]{2}))", re.IGNORECASE)
_HOST: Final = re.compile(r"[A-Za-z0-9.\-_]{1,255}")


class BadFilter(ValueError):
    """`field` cannot be understood; the message is for people."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Filter:
    """All that is given has to hold."""

    party: str = ""
    "An address of record, a device, or the user part of an address."
    call_id: str = ""
    host: str = ""
    "The other side's address,"
    port: int | None = None
    "and port."
    method: str = ""
    "A SIP method, or the name of a CSTA document, in lower case."
    statuses: range = range(0)
    protocol: str = ""

    @staticmethod
    def parse(wanted: Mapping[str, str]) -> "Filter":
        """Read what people have typed; what is empty counts as not given. Raises BadFilter."""
        given = {name: wanted.get(name, "").strip() for name in NAMES}
        host, port = _peer(given["peer"])
        if given["method"] and not _METHOD.fullmatch(given["method"]):
            raise BadFilter("method", "Expected a SIP method or the name of a CSTA document.")
        if given["protocol"].lower() not in ("", SIP, CSTA):
            raise BadFilter("protocol", "Expected sip or csta.")
        return Filter(
            party=_party(given["aor"]),
            call_id=given["call_id"][:MAX_SHOWN],
            host=host,
            port=port,
            method=given["method"].lower(),
            statuses=_statuses(given["status"]),
            protocol=given["protocol"].lower(),
        )

    def may_match(self, entry: Entry) -> bool:
        """Without reading the message: False where it is certain that it is not wanted."""
        remote = entry.flow.remote
        if self.host and (remote[0] != self.host or self.port not in (None, remote[1])):
            return False
        if self.call_id and self.call_id.encode("utf-8", "replace") not in entry.data:
            return False
        user = self.party.removeprefix("sip:").partition("@")[0]
        if not any(map(str.isalpha, user)):
            return True  # a number may have separators
        return user.encode() in entry.data or b"%" in entry.data

    def matches(self, facts: Facts) -> bool:
        """Of a message that `may_match`."""
        return (
            (not self.party or self._is_party(facts))
            and (not self.call_id or facts.call_id == self.call_id)
            and (not self.method or self.method in (facts.method.lower(), facts.document.lower()))
            and (not self.statuses or facts.status in self.statuses)
            and (
                not self.protocol or self.protocol == facts.protocol or (self.protocol == CSTA and facts.document != "")
            )
        )

    def _is_party(self, facts: Facts) -> bool:
        named = (*facts.parties, *facts.devices)
        if "@" in self.party:
            return self.party in named
        return any(one == self.party or one.removeprefix("sip:").partition("@")[0] == self.party for one in named)


def _party(text: str) -> str:
    if not text:
        return ""
    try:
        return canonical(text)
    except BadDevice:
        if not _USER.fullmatch(text):
            raise BadFilter("aor", "Expected an address (user@domain), a user, or a device.") from None
        return text


def _peer(text: str) -> tuple[str, int | None]:
    host, port = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not text:
        return "", None
    try:
        host = str(ipaddress.ip_address(host))
    except ValueError:
        if not _HOST.fullmatch(host):  # clients within the edge have names
            raise BadFilter("peer", "Expected an IP address, with :port where it matters.") from None
    if port and not (port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise BadFilter("peer", "The port is a number up to 65535.")
    return host, int(port) if port else None


def _statuses(text: str) -> range:
    if not text:
        return range(0)
    found = _STATUS.fullmatch(text)
    if found is None:
        raise BadFilter("status", "Expected a status such as 404, or 4xx.")
    first = int(found[1]) * 100
    return range(first, first + 100) if found[2] is None else range(first + int(found[2]), first + int(found[2]) + 1)

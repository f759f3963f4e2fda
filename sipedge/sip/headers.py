"""One small immutable type for each structured header; `parse(str(x)) == x` holds (RFC 3261 section 20)."""

import re
from functools import lru_cache
from typing import NamedTuple

from provisioning.uri import BadUri, SipUri, Uri, parse_uri
from sipedge.sip.errors import SipError
from sipedge.sip.grammar import (
    MAX_NUMBER,
    TOKEN,
    Params,
    find_param,
    format_params,
    parse_number,
    parse_params,
    split_outside,
)

MAX_SHARED = 256
"Characters of an address header up to which it is remembered: From, To and Contact of a client that comes again."

_DISPLAY = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z0-9\-.!%*_+`\'~ \t]*')


class NameAddr(NamedTuple):
    """From, To, Contact, Route and their kind: a URI with a display name and parameters (RFC 3261 20.10)."""

    display: str
    "As written, quotes included."
    uri_text: str
    params: Params = ()

    @staticmethod
    def parse(text: str) -> "NameAddr":
        """Read one value, with or without angle brackets; raises SipError(400). Results are shared: they recur."""
        try:
            return _name_addr(text) if len(text) <= MAX_SHARED else _read_name_addr(text)
        except ValueError:
            raise SipError(400, "Bad Address Header") from None

    def __str__(self) -> str:
        display = f"{self.display} " if self.display else ""
        return f"{display}<{self.uri_text}>{format_params(self.params)}"

    @property
    def uri(self) -> Uri:
        """The URI; raises SipError(400)."""
        try:
            return parse_uri(self.uri_text)
        except BadUri:
            raise SipError(400, "Bad URI in Address Header") from None

    @property
    def tag(self) -> str | None:
        """The tag parameter; None when absent or empty."""
        return find_param(self.params, "tag") or None

    def param(self, name: str) -> str | None:
        """A parameter's value, "" for a lone name, None when absent; `name` in lower case."""
        return find_param(self.params, name)


def _read_name_addr(text: str) -> NameAddr:
    text = text.strip()
    if "<" in text:
        display, inside, after = _bracketed(text)
        return NameAddr(display, inside, parse_params(after) if after.strip() else ())
    uri, semicolon, params = text.partition(";")  # parameters are the header's, not the URI's
    if not uri or "," in uri or "?" in uri or any(char.isspace() for char in uri.rstrip()):
        raise ValueError("not an address")
    return NameAddr("", uri.rstrip(), parse_params(semicolon + params) if semicolon else ())


_name_addr = lru_cache(maxsize=8192)(_read_name_addr)


def _bracketed(text: str) -> tuple[str, str, str]:
    pieces = _DISPLAY.match(text)
    display = pieces.group() if pieces else ""
    rest = text[len(display) :].lstrip()
    if not rest.startswith("<"):
        raise ValueError("text before the angle bracket")
    uri, bracket, after = rest[1:].partition(">")
    uri = uri.strip()  # white space inside the brackets is a habit of some senders (V-15)
    if not bracket or not uri:
        raise ValueError("no URI in the angle brackets")
    return display.strip(), uri, after


class Via(NamedTuple):
    """One Via value (RFC 3261 20.42, RFC 3581)."""

    transport: str
    host: str
    "IPv6 in brackets."
    port: int | None
    params: Params = ()

    @staticmethod
    def parse(text: str) -> "Via":
        """Read one value; raises SipError(400), or 505 for another protocol version."""
        try:
            head, semicolon, params = text.partition(";")
            slash = head.rindex("/")
            name, _, version = head[:slash].partition("/")
            if name.strip().upper() != "SIP" or version.strip() != "2.0":
                raise ValueError("another protocol")
            transport, sent_by = head[slash + 1 :].split(None, 1)
            sent_by = sent_by.strip()
            if sent_by.startswith("["):
                host, bracket, port = sent_by.partition("]")
                host += bracket
                if not bracket:
                    raise ValueError("an open bracket")
                port = port.strip()
                if port and not port.startswith(":"):
                    raise ValueError("text after the address")
                port = port[1:]
            else:
                host, _, port = sent_by.partition(":")
                host = host.rstrip()
            if not host or len(host.split()) != 1 or not TOKEN.fullmatch(transport):
                raise ValueError("no sent-by")
            port = port.strip()
            number = parse_number(port) if port else None
            if number is not None and not 0 < number <= 65535:
                raise ValueError("a port out of range")
            return Via(transport, host, number, parse_params(semicolon + params) if semicolon else ())
        except ValueError:
            raise SipError(400, "Bad Via") from None

    def __str__(self) -> str:
        port = f":{self.port}" if self.port is not None else ""
        return f"SIP/2.0/{self.transport} {self.host}{port}{format_params(self.params)}"

    def param(self, name: str) -> str | None:
        """A parameter's value, "" for a lone name, None when absent; `name` in lower case."""
        return find_param(self.params, name)

    @property
    def branch(self) -> str | None:
        """The branch parameter; None when absent or empty."""
        return find_param(self.params, "branch") or None

    @property
    def sent_by(self) -> str:
        """host:port in lower case, as transactions compare it (RFC 3261 17.2.3)."""
        return f"{self.host.lower()}:{self.port or ''}"

    @property
    def received(self) -> str | None:
        """The source address that a server before us saw."""
        return find_param(self.params, "received")

    @property
    def rport(self) -> str | None:
        """ "" when the client asks for it, a number when a server filled it in, None when absent (RFC 3581)."""
        return find_param(self.params, "rport")


class CSeq(NamedTuple):
    """Sequence number and method (RFC 3261 20.16)."""

    number: int
    method: str

    @staticmethod
    def parse(text: str) -> "CSeq":
        """Read the header; raises SipError(400) also for numbers of 2**31 and above (RFC 3261 8.1.1.5)."""
        parts = text.split()
        if len(parts) != 2 or not (parts[0].isascii() and parts[0].isdecimal()) or len(parts[0]) > 10:
            raise SipError(400, "Bad CSeq")
        number = int(parts[0])
        if number >= 2**31:
            raise SipError(400, "CSeq Out of Range")
        return CSeq(number, parts[1])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")


class Event(NamedTuple):
    """The event package of a subscription or publication (RFC 6665 8.2.1)."""

    package: str
    id: str | None = None
    min_interval: float = 0.0
    "Seconds that the watcher wants between two notifications (RFC 6446 section 5); 0 for no wish."

    @staticmethod
    def parse(text: str) -> "Event":
        """Read the header; raises SipError(400). Other parameters are ignored, as is a rate that is no number."""
        package, semicolon, params = text.partition(";")
        package = package.strip()
        try:
            if not TOKEN.fullmatch(package):
                raise ValueError("no package")
            found = parse_params(semicolon + params) if semicolon else ()
        except ValueError:
            raise SipError(400, "Bad Event") from None
        if not found:
            return Event(package)
        rate = find_param(found, "min-interval") or ""
        return Event(package, find_param(found, "id"), float(rate) if _SECONDS.fullmatch(rate) else 0.0)

    def __str__(self) -> str:
        text = self.package if self.id is None else f"{self.package};id={self.id}"
        return f"{text};min-interval={self.min_interval:g}" if self.min_interval else text


class SubscriptionState(NamedTuple):
    """The Subscription-State header (RFC 6665 8.2.3)."""

    state: str
    expires: int | None = None
    "Seconds left; only meaningful while active or pending."
    reason: str | None = None
    retry_after: int | None = None
    "Seconds, with some reasons of a termination."

    @staticmethod
    def parse(text: str) -> "SubscriptionState":
        """Read the header; raises SipError(400). Other parameters are ignored."""
        state, semicolon, rest = text.partition(";")
        state = state.strip().lower()
        try:
            if not TOKEN.fullmatch(state):
                raise ValueError("no state")
            params = parse_params(semicolon + rest) if semicolon else ()
            expires, retry = find_param(params, "expires"), find_param(params, "retry-after")
            return SubscriptionState(
                state,
                parse_number(expires) if expires else None,
                find_param(params, "reason") or None,
                parse_number(retry) if retry else None,
            )
        except ValueError:
            raise SipError(400, "Bad Subscription-State") from None

    def __str__(self) -> str:
        text = self.state
        for name, value in (("expires", self.expires), ("reason", self.reason), ("retry-after", self.retry_after)):
            if value is not None:
                text += f";{name}={value}"
        return text


def parse_seconds(text: str) -> int:
    """Expires and its kind: seconds, very large ones capped; raises SipError(400) (section 6)."""
    try:
        return parse_number(text)
    except ValueError:
        raise SipError(400, "Bad Expires") from None


def seconds_of(text: str | None) -> int | None:
    """The number in front of whatever else Retry-After or Min-Expires says; None when there is none."""
    digits = (text or "").strip().partition(";")[0].partition("(")[0].strip()
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else None


__all__ = [
    "MAX_NUMBER",
    "CSeq",
    "Event",
    "NameAddr",
    "SipUri",
    "SubscriptionState",
    "Via",
    "parse_seconds",
    "split_outside",
]

"""SIP URIs and addresses of record: the one parser, so that access lists and signalling can never disagree.

RFC 3261 sections 19.1 and 25.1; RFC 3966 for tel URIs. Pure: text in, values out.
"""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

Params = tuple[tuple[str, str | None], ...]

MAX_URI = 2048
"Characters of a URI; real ones stay below 300, and every cache is bounded by this."

_UNRESERVED = r"A-Za-z0-9\-_.!~*'()"
_USER = re.compile(rf"(?:[{_UNRESERVED}&=+$,;?/]|%[0-9A-Fa-f]{{2}})+")
_PASSWORD = re.compile(rf"(?:[{_UNRESERVED}&=+$,]|%[0-9A-Fa-f]{{2}})*")
_LABEL = r"[A-Za-z0-9_]++(?:-++[A-Za-z0-9_]++)*+"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*+\.?")
_PARAM = re.compile(rf"(?:[{_UNRESERVED}\[\]/:&+$]|%[0-9A-Fa-f]{{2}})+")
_HEADERS = re.compile(rf"(?:[{_UNRESERVED}\[\]/?:+$=&]|%[0-9A-Fa-f]{{2}})*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_TEL = re.compile(r"\+?[0-9A-Fa-f*#().\-]+")
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_PLAIN_USER: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()&=+$,;?/")


class BadUri(ValueError):
    """The text is not a URI of the expected kind; the message says what is wrong with it."""


class Aor(str):
    """An address of record in canonical form, `sip:user@host` (D-01, D-29).

    sip and sips are the same, the host is in lower case, the user has no needless escapes, port and parameters
    are gone: two URIs name the same resource exactly when their Aor are equal.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> "Aor":
        """Read `sip:user@host`, `sips:...` or plain `user@host`; raises BadUri."""
        return _aor(text)

    @classmethod
    def of(cls, uri: "SipUri") -> "Aor":
        """The address of record that a SIP URI belongs to; raises BadUri where it has no user part."""
        if not uri.user:
            raise BadUri("a SIP URI without a user part is nobody's address of record")
        return cls(f"sip:{_canonical_user(uri.user)}@{uri.host.lower().rstrip('.')}")

    @property
    def user(self) -> str:
        """The user part, escaped where needed."""
        return self[4:].rpartition("@")[0]

    @property
    def host(self) -> str:
        """The domain, in lower case."""
        return self.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class SipUri:
    """A sip or sips URI (RFC 3261 19.1.1)."""

    scheme: str
    "`sip` or `sips`."
    user: str | None
    "As written, escapes included; None when there is no `@`."
    password: str | None
    host: str
    "Name or address as written; an IPv6 address stands in brackets."
    port: int | None = None
    params: Params = ()
    "Name and value in order; the value of a lone name is None."
    headers: str = ""
    "What follows `?`, uninterpreted."

    @staticmethod
    def parse(text: str) -> "SipUri":
        """Read a sip or sips URI without angle brackets; raises BadUri."""
        uri = parse_uri(text)
        if not isinstance(uri, SipUri):
            raise BadUri(f"not a SIP URI: {_shown(text)}")
        return uri

    def __str__(self) -> str:
        parts = [self.scheme, ":"]
        if self.user is not None:
            parts.append(self.user)
            if self.password is not None:
                parts += (":", self.password)
            parts.append("@")
        parts.append(self.host)
        if self.port is not None:
            parts.append(f":{self.port}")
        for name, value in self.params:
            parts.append(f";{name}" if value is None else f";{name}={value}")
        if self.headers:
            parts += ("?", self.headers)
        return "".join(parts)

    def param(self, name: str) -> str | None:
        """The value of a parameter, "" for a lone name, None when absent."""
        for key, value in self.params:
            if key.lower() == name:
                return value or ""
        return None

    @property
    def transport(self) -> str | None:
        """The transport parameter in lower case."""
        value = self.param("transport")
        return value.lower() if value else None

    @property
    def lr(self) -> bool:
        """The URI of a loose router (RFC 3261 16.12)."""
        return self.param("lr") is not None

    @property
    def maddr(self) -> str | None:
        """The address to use instead of the host."""
        return self.param("maddr") or None

    @property
    def aor(self) -> Aor:
        """The address of record; raises BadUri without a user part."""
        return Aor.of(self)

    def equals(self, other: "SipUri") -> bool:
        """The comparison of RFC 3261 19.1.4: unlike ==, escapes, case and absent parameters are understood."""
        if (
            self.scheme != other.scheme
            or _unescape(self.user) != _unescape(other.user)
            or _unescape(self.password) != _unescape(other.password)
            or self.host.lower() != other.host.lower()
            or self.port != other.port
        ):
            return False
        mine, theirs = _comparable(self.params), _comparable(other.params)
        for name in mine.keys() & theirs.keys():
            if mine[name] != theirs[name]:
                return False
        if any(name in _ALWAYS_COMPARED for name in mine.keys() ^ theirs.keys()):
            return False
        return _comparable_headers(self.headers) == _comparable_headers(other.headers)


@dataclass(frozen=True, slots=True)
class TelUri:
    """A telephone number (RFC 3966)."""

    number: str
    params: Params = ()

    def __str__(self) -> str:
        return "tel:" + self.number + "".join(f";{n}" if v is None else f";{n}={v}" for n, v in self.params)


@dataclass(frozen=True, slots=True)
class OtherUri:
    """A URI of a scheme that this platform does not speak; carried as it is."""

    scheme: str
    rest: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.rest}"


Uri = SipUri | TelUri | OtherUri


@lru_cache(maxsize=8192)
def parse_uri(text: str) -> Uri:
    """Read any URI; raises BadUri. Results are shared: URIs recur in nearly every message."""
    if len(text) > MAX_URI:
        raise BadUri("a URI of unreasonable length")
    scheme, colon, rest = text.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme):
        raise BadUri(f"no URI: {_shown(text)}")
    scheme = scheme.lower()
    if scheme in ("sip", "sips"):
        return _parse_sip(scheme, rest, text)
    if any(ord(char) <= 32 or ord(char) == 127 or char in '<>"' for char in rest) or not rest:
        raise BadUri(f"characters that no URI has: {_shown(text)}")
    if scheme == "tel":
        number, *params = rest.split(";")
        if not _TEL.fullmatch(number):
            raise BadUri(f"not a telephone number: {_shown(text)}")
        return TelUri(number, _parse_params(params, text))
    return OtherUri(scheme, rest)


def _parse_sip(scheme: str, rest: str, text: str) -> SipUri:
    user = password = None
    userinfo, at, hostpart = rest.rpartition("@")
    if at:
        user, colon, secret = userinfo.partition(":")
        if not _USER.fullmatch(user):
            raise BadUri(f"bad user part: {_shown(text)}")
        if colon:
            password = secret
            if not _PASSWORD.fullmatch(secret):
                raise BadUri(f"bad password part: {_shown(text)}")
    hostpart, question, headers = hostpart.partition("?")
    if question and not _HEADERS.fullmatch(headers):
        raise BadUri(f"bad headers: {_shown(text)}")
    hostport, *params = hostpart.split(";")
    host, port = _parse_hostport(hostport, text)
    return SipUri(scheme, user, password, host, port, _parse_params(params, text), headers)


def _parse_hostport(hostport: str, text: str) -> tuple[str, int | None]:
    if hostport.startswith("["):
        literal, bracket, tail = hostport[1:].partition("]")
        if not bracket or (tail and not tail.startswith(":")):
            raise BadUri(f"bad IPv6 address: {_shown(text)}")
        try:
            ipaddress.IPv6Address(literal)
        except ValueError:
            raise BadUri(f"bad IPv6 address: {_shown(text)}") from None
        if "%" in literal:
            raise BadUri(f"an IPv6 zone has no meaning in a URI: {_shown(text)}")
        host, colon, port = f"[{literal}]", tail[:1], tail[1:]
    else:
        host, colon, port = hostport.partition(":")
        if not _HOST_NAME.fullmatch(host):
            raise BadUri(f"bad host: {_shown(text)}")
    if not colon:
        return host, None
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= 65535):
        raise BadUri(f"bad port: {_shown(text)}")
    return host, int(port)


def _parse_params(parts: list[str], text: str) -> Params:
    params: list[tuple[str, str | None]] = []
    for part in parts:
        name, equals, value = part.partition("=")
        if not _PARAM.fullmatch(name) or (equals and not _PARAM.fullmatch(value)):
            raise BadUri(f"bad parameter: {_shown(text)}")
        params.append((name, value if equals else None))
    return tuple(params)


@lru_cache(maxsize=8192)
def _aor(text: str) -> Aor:
    candidate = text.strip()
    if not candidate.lower().startswith(("sip:", "sips:")):
        candidate = f"sip:{candidate}"
    return Aor.of(SipUri.parse(candidate))


def _canonical_user(user: str) -> str:
    """Escapes of plain characters are undone, all others are written in upper case."""
    if "%" not in user:
        return user
    raw = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), user).encode("latin-1")
    return "".join(chr(byte) if byte in _PLAIN_USER else f"%{byte:02X}" for byte in raw)


def _unescape(text: str | None) -> str | None:
    return None if text is None else _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


_ALWAYS_COMPARED = frozenset({"user", "ttl", "method", "maddr", "transport"})
"Parameters that make URIs differ even when only one has them (RFC 3261 19.1.4; transport as in its examples)."


def _comparable(params: Params) -> dict[str, str]:
    return {name.lower(): (_unescape(value) or "").lower() for name, value in params}


def _comparable_headers(headers: str) -> list[tuple[str, str]]:
    pairs = (part.partition("=") for part in headers.split("&") if part)
    return sorted(((_unescape(name) or "").lower(), _unescape(value) or "") for name, _, value in pairs)


def _shown(text: str) -> str:
    """The text for an error message: short, and without control characters."""
    return repr(text[:80])

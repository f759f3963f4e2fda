"""SIP messages: bytes to a lazy message and back (RFC 3261 sections 7 and 25).

`parse` splits once and checks what every later step relies on; a header is interpreted when somebody asks, and the
result is kept. Text that is not UTF-8 survives unharmed (surrogateescape), so what is copied is copied exactly.
"""

import re
from collections.abc import Iterable, Sequence
from hashlib import blake2s
from typing import Any, Final

from provisioning.uri import BadUri, Uri, parse_uri
from sipedge.sip.errors import MalformedMessage, SipError
from sipedge.sip.grammar import TOKEN, parse_number, split_list
from sipedge.sip.headers import CSeq, Event, NameAddr, Via, parse_seconds
from sipedge.sip.names import LISTS, NAMES, REASONS, SINGLE, canonical

Header = tuple[str, str]

MAX_MESSAGE = 65_535
"Octets of one message: what a datagram can carry; larger bodies have no use in presence."

MAX_HEADERS = 256
"Header lines of one message; a long list of Via, Route and Contact stays far below."

MAX_HEADER_LINE = 8192
"Characters of one header line, unfolded; certificates and long Contact lists fit."

STAR: Final = "*"
"The Contact of a REGISTER that removes everything (RFC 3261 10.2.2)."

_MANDATORY = ("Via", "From", "To", "Call-ID", "CSeq")

_DIALOG_METHODS = frozenset({"INVITE", "SUBSCRIBE", "REFER"})
"Methods whose 2xx makes a dialog and therefore repeats Record-Route (RFC 3261 12.1.1)."

_REPEATED = frozenset({"Via", "From", "To", "Call-ID", "CSeq"})
"What an answer repeats of its request (RFC 3261 8.2.6.2),"

_REPEATED_DIALOG = _REPEATED | {"Record-Route"}
"also where it makes a dialog (12.1.1),"

_REPEATED_100 = _REPEATED | {"Timestamp"}
"and where it only says that the request has come (8.2.6.1)."

_FOLD = re.compile(r"[ \t]*\r\n[ \t]+")


class Message:
    """Headers in order and a body; interpreted headers are kept once they were asked for."""

    __slots__ = ("_cache", "_first", "body", "headers")

    def __init__(self, headers: list[Header], body: bytes = b"") -> None:
        self.headers = headers
        "Canonical name and value as written, in order."
        self.body = body
        first: dict[str, str] = {}
        for name, value in headers:
            if name not in first:
                first[name] = value
        self._first = first
        self._cache: dict[str, Any] = {}

    def get(self, name: str) -> str | None:
        """The first value of a header, as one line; `name` in its canonical spelling."""
        return self._first.get(name)

    def get_all(self, name: str) -> list[str]:
        """All values of a header, those that stand in one line taken apart where the header is a list."""
        if name not in self._first:
            return []
        lines = [value for key, value in self.headers if key == name]
        if name not in LISTS:
            return lines
        if len(lines) == 1:
            return split_list(lines[0])
        return [value for line in lines for value in split_list(line)]

    def _required(self, name: str) -> str:
        value = self._first.get(name)
        if value is None:
            raise SipError(400, f"Missing {name}")
        return value

    def _address(self, name: str) -> NameAddr:
        cached = self._cache.get(name)
        if cached is None:
            cached = self._cache[name] = NameAddr.parse(self._required(name))
        return cached

    @property
    def via(self) -> Via:
        """The topmost Via; raises SipError(400)."""
        cached = self._cache.get("Via")
        if cached is None:
            text = self._required("Via")
            if "," in text:
                text = next(iter(split_list(text)), "")
            cached = self._cache["Via"] = Via.parse(text)
        return cached

    @property
    def vias(self) -> list[Via]:
        """All Via values, topmost first; raises SipError(400)."""
        return [Via.parse(value) for value in self.get_all("Via")]

    @property
    def from_(self) -> NameAddr:
        """From; raises SipError(400)."""
        return self._address("From")

    @property
    def to(self) -> NameAddr:
        """To; raises SipError(400)."""
        return self._address("To")

    @property
    def call_id(self) -> str:
        """Call-ID; raises SipError(400) when missing."""
        return self._required("Call-ID")

    @property
    def cseq(self) -> CSeq:
        """CSeq; raises SipError(400)."""
        cached = self._cache.get("CSeq")
        if cached is None:
            cached = self._cache["CSeq"] = CSeq.parse(self._required("CSeq"))
        return cached

    @property
    def contacts(self) -> "tuple[NameAddr, ...] | str":
        """All Contact values, or STAR; raises SipError(400)."""
        values = self.get_all("Contact")
        if STAR in values:
            if len(values) != 1:
                raise SipError(400, "Contact * Beside Others")
            return STAR
        return tuple(map(NameAddr.parse, values))

    @property
    def expires(self) -> int | None:
        """Expires in seconds, None when absent; raises SipError(400)."""
        value = self._first.get("Expires")
        return None if value is None else parse_seconds(value)

    @property
    def content_type(self) -> str | None:
        """Content-Type as written."""
        return self._first.get("Content-Type")

    @property
    def event(self) -> Event | None:
        """Event; raises SipError(400)."""
        value = self._first.get("Event")
        return None if value is None else Event.parse(value)

    @property
    def routes(self) -> list[NameAddr]:
        """Route values; raises SipError(400)."""
        return list(map(NameAddr.parse, self.get_all("Route")))

    @property
    def record_routes(self) -> list[NameAddr]:
        """Record-Route values; raises SipError(400)."""
        return list(map(NameAddr.parse, self.get_all("Record-Route")))

    @property
    def max_forwards(self) -> int:
        """Hops left; 70 when the header is missing (V-21); raises SipError(400)."""
        value = self._first.get("Max-Forwards")
        if value is None:
            return 70
        try:
            return parse_number(value)
        except ValueError:
            raise SipError(400, "Bad Max-Forwards") from None

    @property
    def user_agent(self) -> str | None:
        """User-Agent as written."""
        return self._first.get("User-Agent")

    def replace_top_via(self, via: Via) -> None:
        """Write another topmost Via, as a server does with received and rport (RFC 3261 18.2.1, RFC 3581)."""
        for index, (name, value) in enumerate(self.headers):
            if name == "Via":
                line = ", ".join([str(via), *split_list(value)[1:]]) if "," in value else str(via)
                self.headers[index] = ("Via", line)
                self._first["Via"] = line
                self._cache["Via"] = via
                return

    def _encode(self, start_line: str) -> bytes:
        lines = [start_line]
        lines += [f"{name}: {value}" for name, value in self.headers if name != "Content-Length"]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


class Request(Message):
    """A request (RFC 3261 7.1)."""

    __slots__ = ("method", "target")

    def __init__(self, method: str, target: str, headers: list[Header], body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.method = method
        self.target = target
        "The Request-URI as written."

    @classmethod
    def build(cls, method: str, target: str, headers: Iterable[Header], body: bytes = b"") -> "Request":
        """A request of our own; Content-Length is added when it is encoded."""
        return cls(method, target, list(headers), body)

    @property
    def uri(self) -> Uri:
        """The Request-URI; raises SipError(400)."""
        try:
            return parse_uri(self.target)
        except BadUri:
            raise SipError(400, "Bad Request-URI") from None

    def respond(
        self,
        status: int,
        reason: str | None = None,
        *,
        headers: Sequence[Header] = (),
        body: bytes = b"",
        to_tag: str | None = None,
    ) -> "Response":
        """A response to this request (RFC 3261 8.2.6).

        Without `to_tag` a tag is derived from the request, so that a stateless answer to a retransmission carries
        the same one.
        """
        repeated = _REPEATED
        if status == 100:
            repeated = _REPEATED_100
        elif status < 300 and self.method in _DIALOG_METHODS:
            repeated = _REPEATED_DIALOG
        copied = [header for header in self.headers if header[0] in repeated]
        if status != 100:
            copied = [(name, self._tagged(value, to_tag)) if name == "To" else (name, value) for name, value in copied]
        copied.extend(headers)
        return Response(status, reason or REASONS.get(status, "Unknown"), copied, body)

    def _tagged(self, value: str, tag: str | None) -> str:
        if ";tag=" in value or (";" in value and _has_tag(value)):
            return value
        if tag is None:
            first = self._first
            seed = f"{first.get('Call-ID')}|{first.get('From')}|{first.get('CSeq')}|{first.get('Via')}"
            tag = blake2s(seed.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
        return f"{value};tag={tag}"

    def encode(self) -> bytes:
        """The bytes on the wire."""
        return self._encode(f"{self.method} {self.target} SIP/2.0")

    def __repr__(self) -> str:
        return f"<{self.method} {self.target!r}>"


class Response(Message):
    """A response (RFC 3261 7.2)."""

    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str, headers: list[Header], body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.status = status
        self.reason = reason

    def encode(self) -> bytes:
        """The bytes on the wire."""
        return self._encode(f"SIP/2.0 {self.status} {self.reason}")

    def __repr__(self) -> str:
        return f"<{self.status} {self.reason!r}>"


def _has_tag(value: str) -> bool:
    try:
        return NameAddr.parse(value).tag is not None
    except SipError:
        return False


def parse(data: bytes) -> Request | Response:
    """Read one whole message; raises MalformedMessage (400, 413, 505), answerable where its `request` is set.

    A Content-Length below the bytes that are there cuts the body, one above is refused; without one the body is
    all that follows (D-49).
    """
    if len(data) > MAX_MESSAGE:
        raise MalformedMessage(513, "Message Too Large")
    head, blank, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    text = head.decode("utf-8", "surrogateescape")
    if not blank:
        text = text.removesuffix("\r\n")
    if "\r\n " in text or "\r\n\t" in text:
        text = _FOLD.sub(" ", text)
    lines = text.split("\r\n")
    start = lines[0]
    headers: list[Header] = []
    problem = _parse_lines(lines, headers, _is_plain(text, len(lines)))
    if start.startswith("SIP/"):
        return _response(start, headers, body, problem)
    return _request(start, headers, body, problem)


def _is_plain(text: str, lines: int) -> bool:
    """No line can be too long, and nothing but the ends of lines controls anything: lines need no look of their own."""
    return len(text) <= MAX_HEADER_LINE and "\0" not in text and text.count("\r") == lines - 1 == text.count("\n")


def _parse_lines(lines: list[str], headers: list[Header], plain: bool) -> str:
    """Fill `headers`; the first thing that is wrong with them, or ""."""
    problem = ""
    if len(lines) > MAX_HEADERS + 1:
        problem = "Too Many Headers"
        del lines[MAX_HEADERS + 1 :]
    names = NAMES
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        known = names.get(name)
        if known is None:
            try:
                known = canonical(name)
            except ValueError:
                problem = problem or "Bad Header Line"
                continue
        if not colon or not (plain or _is_sound(line)):
            problem = problem or "Bad Header Line"
            continue
        headers.append((known, value.strip()))
    return problem


def _is_sound(line: str) -> bool:
    return not (len(line) > MAX_HEADER_LINE or "\n" in line or "\r" in line or "\0" in line)


def _request(start: str, headers: list[Header], body: bytes, problem: str) -> Request:
    parts = start.split(" ")
    if len(parts) != 3:
        method, _, rest = start.partition(" ")
        target, _, version = rest.rpartition(" ")
        if not version.startswith("SIP/") or not TOKEN.fullmatch(method) or "\r" in start or "\n" in start:
            raise MalformedMessage(400, "Bad Request Line")
        problem = "Bad Request Line"
    else:
        method, target, version = parts
    request = Request(method, target, headers, body)
    if not TOKEN.fullmatch(method) or "\r" in start or "\n" in start or "\0" in start:
        raise MalformedMessage(400, "Bad Request Line")
    if version.upper() != "SIP/2.0":
        if version.upper().startswith("SIP/"):
            raise MalformedMessage(505, "Version Not Supported", _answerable(request))
        raise MalformedMessage(400, "Bad Request Line")
    if not problem and (target.startswith("<") or not target):
        problem = "Bad Request-URI"
    problem = problem or _check(request, method)
    if problem:
        raise MalformedMessage(400, problem, _answerable(request))
    return request


def _response(start: str, headers: list[Header], body: bytes, problem: str) -> Response:
    version, _, rest = start.partition(" ")
    code, _, reason = rest.partition(" ")
    if version.upper() != "SIP/2.0" or len(code) != 3 or not (code.isascii() and code.isdecimal()):
        raise MalformedMessage(400, "Bad Status Line")
    status = int(code)
    if not 100 <= status < 700 or "\n" in start or "\r" in start:
        raise MalformedMessage(400, "Bad Status Line")
    response = Response(status, reason, headers, body)
    problem = problem or _check(response, None)
    if problem:
        raise MalformedMessage(400, problem)
    return response


def _check(message: Message, method: str | None) -> str:
    """What every later step relies on: mandatory headers, no doubles, Via and CSeq readable, a sound length."""
    first = message._first
    for name in _MANDATORY:
        if not first.get(name):
            return f"Missing {name}"
    if len(first) != len(message.headers):
        seen: set[str] = set()
        for name, _ in message.headers:
            if name in SINGLE:
                if name in seen:
                    return f"More Than One {name}"
                seen.add(name)
    try:
        via = message.via
        cseq = message.cseq
    except SipError as error:
        return error.reason or "Bad Request"
    if method is not None and cseq.method != method:
        return "CSeq Method Does Not Match"
    if method is not None and via.branch == "z9hG4bK":  # in an answer it finds no transaction, and harms nobody
        return "Empty Branch"
    length = first.get("Content-Length")
    if length is not None:
        try:
            size = parse_number(length)
        except ValueError:
            return "Bad Content-Length"
        if size > len(message.body):
            return "Content-Length Beyond the Message"
        if size < len(message.body):
            message.body = message.body[:size]
    return ""


def _answerable(request: Request) -> Request | None:
    """What of a broken request its answer repeats; None when no answer can be built or would find its way.

    A header that stands twice by mistake is repeated once: the answer at least can be read.
    """
    try:
        if not all(request.get(name) for name in _MANDATORY) or request.via is None:
            return None
    except SipError:
        return None
    seen: set[str] = set()
    headers: list[Header] = []
    for name, value in request.headers:
        if name not in SINGLE or name not in seen:
            seen.add(name)
            headers.append((name, value))
    return Request(request.method, request.target, headers)

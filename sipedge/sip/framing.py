"""Messages out of datagrams and streams (RFC 3261 18.3 and 7.5, RFC 5626 3.5.1)."""

from enum import Enum, auto

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.grammar import parse_number
from sipedge.sip.message import MAX_MESSAGE, Request, parse

_BLANK = b"\r\n\0"
"What may stand between two messages (RFC 3261 7.5, RFC 5626 3.5.1); some clients keep a connection open with NULs."

_LONGEST_START = 4096
"Octets within which the end of a start line is looked for again when more bytes come."

MAX_HEAD = 32_768
"Octets of start line and headers on a stream: a peer that sends more without an empty line is not speaking SIP."


class KeepAlive(Enum):
    """What a client sends to keep its flow open."""

    PING = auto()
    "Two empty lines, answered with one (RFC 5626 4.4.1)."
    PONG = auto()
    "One empty line."


def is_keepalive(datagram: bytes) -> bool:
    """Nothing but empty lines or NUL bytes: some clients keep a NAT binding open like this."""
    return len(datagram) <= 4 and not datagram.strip(b"\r\n\0 ")


class StreamFramer:
    """Cuts a byte stream into messages by Content-Length; a missing one means that there is no body (V-17)."""

    __slots__ = ("_body_at", "_buffer", "_searched", "_total", "limit")

    def __init__(self, limit: int = MAX_MESSAGE) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self._body_at = 0
        self._total = 0
        "Octets of the message that is being read; 0 while its headers are not complete."

    @property
    def pending(self) -> int:
        """Octets of a message that is not complete yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes | KeepAlive | MalformedMessage]:
        """Take in bytes; the messages and keep-alives that are now complete.

        When the stream cannot be followed any further the last item is a MalformedMessage; its `request`, where
        set, can be answered before the connection is closed.
        """
        self._buffer += data
        complete: list[bytes | KeepAlive | MalformedMessage] = []
        try:
            self._cut(complete)
        except MalformedMessage as error:
            complete.append(error)
        return complete

    def _cut(self, complete: list[bytes | KeepAlive | MalformedMessage]) -> None:
        buffer = self._buffer
        while buffer:
            if not self._total:
                if not self._find_head(complete):
                    break
                if not self._total:
                    continue
            if len(buffer) < self._total:
                break
            complete.append(bytes(buffer[: self._total]))
            del buffer[: self._total]
            self._total = self._searched = 0

    def _find_head(self, complete: list[bytes | KeepAlive | MalformedMessage]) -> bool:
        """Look for the end of the headers; True when something was consumed or a head was found."""
        buffer = self._buffer
        if buffer[0] in _BLANK:
            return self._skip_blank(complete)
        if not self._searched or self._searched < _LONGEST_START:
            _check_start(buffer)
        end = buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0:
            self._searched = len(buffer)
            if len(buffer) > MAX_HEAD:
                raise MalformedMessage(513, "Message Too Large")
            return False
        head = bytes(buffer[:end])
        length = _content_length(head)
        self._body_at = end + 4
        total = end + 4 + length
        if total > self.limit:
            raise MalformedMessage(513, "Message Too Large", _request_of(head))
        self._total = total
        return True

    def _skip_blank(self, complete: list[bytes | KeepAlive | MalformedMessage]) -> bool:
        """Take all empty lines that are there as one keep-alive: a flood of them is one step, and has one answer."""
        buffer = self._buffer
        length = len(buffer) - len(buffer.lstrip(_BLANK))
        blank = bytes(buffer[:length])
        alone = length == len(buffer)
        if alone and blank in (b"\r", b"\r\n\r"):  # the rest of a ping is on its way
            return False
        if b"\r\n\r\n" in blank:
            complete.append(KeepAlive.PING)
        elif alone and b"\r\n" in blank:
            complete.append(KeepAlive.PONG)
        del buffer[: length - (alone and blank.endswith(b"\r"))]
        return True


def _content_length(head: bytes) -> int:
    """The length of the body that follows this head; raises MalformedMessage when it cannot be told."""
    found: int | None = None
    for line in head.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if not colon or name.rstrip(b" \t").lower() not in (b"content-length", b"l"):
            continue
        try:
            length = parse_number(value.decode("ascii", "replace"))
        except ValueError:
            raise MalformedMessage(400, "Bad Content-Length", _request_of(head)) from None
        if found is not None:
            raise MalformedMessage(400, "More Than One Content-Length", _request_of(head))
        found = length
    return found or 0


def _check_start(buffer: bytearray) -> None:
    """Refuse at the first line what is no message, as the stray body after V-17's empty line."""
    line, end, _ = bytes(buffer[:MAX_HEAD]).partition(b"\r\n")
    if end and not line.startswith(b"SIP/") and b" SIP/" not in line:
        raise MalformedMessage(400, "Not SIP")


def _request_of(head: bytes) -> Request | None:
    """The request, for an answer, as far as its headers tell."""
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"content-length", b"l:"))]
    try:
        message = parse(b"\r\n".join(kept) + b"\r\n\r\n")
    except MalformedMessage as error:
        return error.request
    return message if isinstance(message, Request) else None

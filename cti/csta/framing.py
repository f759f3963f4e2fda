"""CSTA XML over TCP without SOAP: each document behind a header of eight bytes (ECMA-323 annex J of later editions).

Two zero bytes, the length of header and document, and the invoke id in four digits. An answer repeats the number of
its request; events carry 9999. After a header that cannot be right nothing can be found in the stream any more, and
the connection is closed.
"""

from dataclasses import dataclass
from typing import Final

HEADER: Final = 8
"Bytes before each document."

MAX_FRAME: Final = 0xFFFF
"Bytes of header and document: what two bytes can count."

EVENT: Final = 9999
"Invoke id of what answers no request."

_INDICATOR: Final = b"\0\0"


class BadFrame(ValueError):
    """The stream cannot be followed any further; the message says why."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One document and its invoke id."""

    invoke: int
    "0 to 9999."
    document: bytes

    def __bytes__(self) -> bytes:
        length = HEADER + len(self.document)
        if length > MAX_FRAME or not 0 <= self.invoke <= EVENT:
            raise BadFrame("does not fit into a frame")
        return _INDICATOR + length.to_bytes(2, "big") + b"%04d" % self.invoke + self.document


class Framer:
    """Cuts a byte stream into frames."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not complete yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame | BadFrame]:
        """Take in bytes; the frames that are now complete. A BadFrame is the last there will be."""
        self._buffer += data
        complete: list[Frame | BadFrame] = []
        while self._buffer:
            try:
                frame = self._next()
            except BadFrame as error:
                self._buffer.clear()
                complete.append(error)
                break
            if frame is None:
                break
            complete.append(frame)
        return complete

    def _next(self) -> Frame | None:
        buffer = self._buffer
        if not _INDICATOR.startswith(buffer[:2]):
            raise BadFrame("no format indicator")
        if len(buffer) >= 4 and int.from_bytes(buffer[2:4], "big") <= HEADER:
            raise BadFrame("no document")
        digits = bytes(buffer[4:HEADER])
        if digits and not digits.isdigit():
            raise BadFrame("the invoke id is not a number")
        length = int.from_bytes(buffer[2:4], "big")
        if len(buffer) < HEADER or len(buffer) < length:
            return None
        frame = Frame(int(digits), bytes(buffer[HEADER:length]))
        del buffer[:length]
        return frame

"""What goes over the stream between two processes: frames, each with its length, a kind, a flow and bytes."""

import struct
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple

from sipedge.sip.flow import Flow

_HEAD: Final = struct.Struct("!IBB")
"Octets of the whole frame, kind, octets of the flow."

LONGEST: Final = 1_048_576
"Octets of a frame; a SIP message has 64 kB at most, a list of moved subscriptions goes in several."


class Kind(IntEnum):
    """What a frame is for."""

    HELLO = 1
    "Who is there: index and number of processes."
    OPENED = 2
    "A connection; names that its certificate speaks for."
    LOST = 3
    "A connection is gone."
    KNOWN = 4
    "All connections that were there have been told."
    RECEIVED = 5
    "A message that the other one has at home."
    SEND = 6
    "A message for one of the other one's connections."
    SPACE = 7
    "Messages for this connection go one by one (D-47)."
    MOVED = 8
    "Ids of subscriptions which the sender has, whatever they say."
    REGISTERED = 9
    "Somebody's contacts, as they are now."
    READY = 10
    "The sender takes messages."
    DRAINING = 11
    "The sender begins nothing new."
    LEAVING = 12
    "The sender takes no more messages."


class Frame(NamedTuple):
    """One of them."""

    kind: Kind
    flow: Flow | None
    data: bytes


class BadFrame(ValueError):
    """These bytes are none of ours: the stream is of no use any more."""


def encode(kind: Kind, flow: Flow | None = None, data: bytes = b"") -> bytes:
    """The bytes of a frame."""
    where = _written(flow) if flow is not None else b""
    return _HEAD.pack(_HEAD.size + len(where) + len(data), kind, len(where)) + where + data


class Reader:
    """Cuts a stream into frames."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Frame]:
        """What is complete by now; raises BadFrame."""
        buffer = self._rest + data if self._rest else data
        frames: list[Frame] = []
        start, end = 0, len(buffer)
        while end - start >= _HEAD.size:
            length, kind, flow = _HEAD.unpack_from(buffer, start)
            if not _HEAD.size + flow <= length <= LONGEST:
                raise BadFrame(f"a frame of {length} octets")
            if end - start < length:
                break
            body = start + _HEAD.size
            try:
                where = _read(buffer[body : body + flow]) if flow else None
                frames.append(Frame(Kind(kind), where, buffer[body + flow : start + length]))
            except ValueError as error:
                raise BadFrame(str(error)) from None
            start += length
        self._rest = buffer[start:]
        return frames


@lru_cache(maxsize=4096)
def _written(flow: Flow) -> bytes:
    (host, port), (far, far_port) = flow.local, flow.remote
    return f"{flow.transport} {host} {port} {far} {far_port} {flow.serial}".encode()


@lru_cache(maxsize=4096)
def _read(text: bytes) -> Flow:
    transport, host, port, far, far_port, serial = text.decode().split(" ")
    return Flow(transport, (host, int(port)), (far, int(far_port)), int(serial))

"""The stream to one other process: frames are gathered for one turn of the loop and written together."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

import structlog

from sipedge.sharing.frames import BadFrame, Frame, Kind, Reader, encode
from sipedge.sip.flow import Flow

log = structlog.get_logger(__name__)

MAX_UNREAD: Final = 4 * 1_048_576
"Octets that the other process may leave unread; beyond that messages are worked on where they arrived."


class Link(asyncio.Protocol):
    """Both directions; who is at the other end is known from its first frame."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        opened: "Callable[[Link], None]",
        heard: "Callable[[Link, list[Frame]], None]",
        lost: "Callable[[Link], None]",
    ) -> None:
        self.index: int | None = None
        "Of the process at the other end."
        self.name = ""
        "The edge's name there."
        self.known = False
        "It has told of all its connections."
        self.draining = False
        "It begins nothing new."
        self.ready = False
        "It takes messages: not while it starts, and no more when it stops."
        self._loop = loop
        self._opened = opened
        self._heard = heard
        self._lost = lost
        self._reader = Reader()
        self._waiting: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The other end is there."""
        self._transport = cast(asyncio.Transport, transport)
        self._opened(self)

    def data_received(self, data: bytes) -> None:
        """Cut into frames and pass them on."""
        try:
            frames = self._reader.feed(data)
        except BadFrame as error:
            log.error("another edge process cannot be understood", why=str(error))
            self.close()
            return
        if frames:
            self._heard(self, frames)

    def connection_lost(self, exc: Exception | None) -> None:
        """The other process has ended."""
        self._transport = None
        self._lost(self)

    @property
    def busy(self) -> bool:
        """It takes no messages now, or does not keep up."""
        return not self.ready or self._transport is None or self._transport.get_write_buffer_size() > MAX_UNREAD

    def send(self, kind: Kind, flow: Flow | None = None, data: bytes = b"") -> None:
        """Write a frame in this turn of the loop."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(encode(kind, flow, data))

    def close(self) -> None:
        """End it."""
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def _flush(self) -> None:
        if self._waiting and self._transport is not None:
            self._transport.write(b"".join(self._waiting))
        self._waiting.clear()

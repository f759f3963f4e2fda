"""Clients of the CTI gateway over TCP and TLS: documents behind a header of eight bytes (D-36, cti.csta.framing)."""

import asyncio
from typing import Protocol, cast

import structlog

from cti.associations import Association
from cti.csta.framing import EVENT, BadFrame, Frame, Framer
from sipedge import refusals
from sipedge.sip.flow import Address, Flow
from sipedge.transport.door import Arrival

log = structlog.get_logger(__name__)

MESSAGE_LIMIT = 20.0
"Seconds that one document may take to arrive."

MAX_UNREAD = 1_048_576
"Octets that a client may leave unread before it counts as dead: events are never left out."


class Clients(Protocol):
    """Who serves the connections."""

    def joined(self, link: "CstaConnection") -> Association | None:
        """A client has connected; None when no more can be served."""

    def received(self, link: "CstaConnection", frame: Frame) -> None:
        """A document has come."""

    def sending(self, link: "CstaConnection", frame: Frame) -> None:
        """A document goes now."""

    def refused(self, link: "CstaConnection", reason: str) -> None:
        """The connection is being ended for this reason of `sipedge.refusals`."""

    def left(self, link: "CstaConnection") -> None:
        """It is gone."""


class CstaConnection(asyncio.Protocol):
    """One client."""

    def __init__(self, clients: Clients, arrival: Arrival, local: Address, loop: asyncio.AbstractEventLoop) -> None:
        self._clients = clients
        self._arrival = arrival
        self._loop = loop
        self._framer = Framer()
        self._transport: asyncio.Transport
        self._patience: asyncio.TimerHandle | None = None
        self.local = local
        self.host = ""
        "The client's address."
        self.flow: Flow
        "Its connection, from when it has joined."
        self.association: Association | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the others, if there is room."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        if peer:
            self.host = peer[0]
            kind = "TLS" if transport.get_extra_info("ssl_object") is not None else "TCP"
            self.flow = Flow(kind, self.local, tuple(peer[:2]))
            self._arrival.end()
            self._transport.set_write_buffer_limits(high=MAX_UNREAD)
            self.association = self._clients.joined(self)
        if self.association is None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Cut into documents and pass them on."""
        complete = self._framer.feed(data)
        for item in complete:
            if isinstance(item, BadFrame):
                self._refuse(refusals.MALFORMED)
                return
            self._clients.received(self, item)
        if complete or not self._framer.pending:
            self._arrived()
        if self._framer.pending and self._patience is None:
            if not self._arrival.begin():
                self._transport.abort()
                return
            self._patience = self._loop.call_later(MESSAGE_LIMIT, self._refuse, refusals.SLOW)

    def _arrived(self) -> None:
        self._arrival.end()
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _refuse(self, reason: str) -> None:
        self._clients.refused(self, reason)
        self._transport.close()

    def pause_writing(self) -> None:
        """The client does not read: it counts as dead."""
        self._clients.refused(self, refusals.UNREAD)
        self._transport.abort()

    def eof_received(self) -> bool:
        """The client has finished: close."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Its monitors go, the calls stay."""
        self._arrived()
        self._arrival.gone(exc)
        if self.association is not None:
            self._clients.left(self)

    def send(self, document: bytes, tag: int | None) -> None:
        """Write one document: the answer to the request of this invoke id, or an event; one too long ends it all."""
        if self._transport.is_closing():
            return
        frame = Frame(EVENT if tag is None else tag, document)
        try:
            data = bytes(frame)
        except BadFrame as error:  # long spellings of many devices; nothing is left out, so this is the end
            log.warning("a CSTA client cannot be told", error=str(error), octets=len(document), peer=self.host)
            self._transport.abort()
            return
        self._clients.sending(self, frame)
        self._transport.write(data)

    def close(self) -> None:
        """Close when everything is written."""
        self._transport.close()

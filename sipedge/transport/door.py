"""Connections that others open, from the moment they are accepted until they are gone (RFC 3261 18).

The edge accepts by itself, and not through a server of the loop, so that a connection counts against its address's
limits before anything is read of it, and so that it can be said why a TLS handshake has failed.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable

import structlog

from sipedge import refusals
from sipedge.peers import Peers
from sipedge.sip.flow import Address

log = structlog.get_logger(__name__)

MAX_CONNECTIONS = 20_000
"Connections held at once, some 20 kB each."

HANDSHAKE_LIMIT = 4.0
"Seconds that a TLS handshake may take."

BACKLOG = 1024
"Connections that the kernel holds until they are accepted."

ACCEPTED = 64
"Connections accepted in one wake-up; more would let answers and timers wait."

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"The system has no more files or memory for connections."

PAUSE = 1.0
"Seconds for which nothing is accepted then."

LATE = "APPLICATION_DATA_AFTER_CLOSE_NOTIFY"
"OpenSSL's reason when a peer still sends while we close: nobody's mistake."


class Arrival:
    """One connection's share of what its address may take."""

    __slots__ = ("_begun", "_counted", "_host", "_listener", "_peers")

    def __init__(self, peers: Peers, host: str, listener: str) -> None:
        """Counts from now on; `listener`: address and port."""
        self._peers = peers
        self._host = host
        self._listener = listener
        self._counted = True
        self._begun = False
        peers.connections.take(host)

    def begin(self) -> bool:
        """A handshake or a message has begun; False when too many of this address have."""
        if not self._begun:
            if not self._peers.may_begin(self._host):
                return False
            self._begun = True
            self._peers.half_open.take(self._host)
        return True

    def end(self) -> None:
        """What had begun has ended."""
        if self._begun:
            self._begun = False
            self._peers.half_open.give(self._host)

    def gone(self, error: Exception | None = None) -> None:
        """The connection is lost; `error` may say that TLS broke."""
        self.end()
        if self._counted:
            self._counted = False
            self._peers.connections.give(self._host)
            if isinstance(error, ssl.SSLError) and error.reason != LATE:
                self.failed(reason_of(error))

    def failed(self, why: str) -> None:
        """TLS failed."""
        self._peers.tls_failed(self._host, self._listener, why)


class Door:
    """A listening address; `speaker` makes the protocol of each connection, which calls `gone` when it is lost."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        peers: Peers,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        speaker: Callable[[Arrival, Address], asyncio.Protocol],
        shared: bool = False,
    ) -> None:
        """Bind, also beside other processes (`shared`); raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self._socket.bind((host, port))
            self._socket.listen(BACKLOG)
        except OSError:
            self._socket.close()
            raise
        self.local: Address = self._socket.getsockname()[:2]
        self.open = False
        self._loop = loop
        self._peers = peers
        self._tls = tls
        self._speaker = speaker
        self._name = f"{self.local[0]}:{self.local[1]}"
        self._welcoming: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Accept from now on."""
        self.open = True
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def close(self) -> None:
        """Give up the address; connections stay."""
        self.open = False
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _accept(self) -> None:
        for _ in range(ACCEPTED):
            try:
                accepted, address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in EXHAUSTED:
                    log.error("no connection can be accepted", error=error.strerror)
                    self._loop.remove_reader(self._socket.fileno())
                    self._loop.call_later(PAUSE, self._again)
                return
            if not self._may_stay(address[0]):
                accepted.close()
                continue
            arrival = Arrival(self._peers, address[0], self._name)
            if self._tls is not None and not arrival.begin():
                arrival.gone()
                accepted.close()
                continue
            task = self._loop.create_task(self._welcome(accepted, arrival))
            self._welcoming.add(task)
            task.add_done_callback(self._welcoming.discard)

    def _again(self) -> None:
        if self.open:
            self.start()

    def _may_stay(self, host: str) -> bool:
        if self._peers.connections.total >= MAX_CONNECTIONS:
            self._peers.refused(refusals.CONNECTIONS, host)
            return False
        return self._peers.may_connect(host)

    async def _welcome(self, accepted: socket.socket, arrival: Arrival) -> None:
        """Make the handshake, if there is one, and hand over."""
        limit = HANDSHAKE_LIMIT if self._tls is not None else None
        why = "the peer closed the connection during the handshake"
        try:
            transport, _ = await self._loop.connect_accepted_socket(
                lambda: self._speaker(arrival, self.local), accepted, ssl=self._tls, ssl_handshake_timeout=limit
            )
            shaken = self._tls is None or transport.get_extra_info("ssl_object") is not None
            if transport.is_closing():
                self._let_go(accepted)
        except (OSError, RuntimeError) as error:  # RuntimeError: uvloop, where the connection is gone already
            shaken, why = False, reason_of(error) or why
            self._let_go(accepted)
        if not shaken:
            if self._tls is not None:
                arrival.failed(why)
            arrival.gone()

    def _let_go(self, accepted: socket.socket) -> None:
        """The loop closes the connection, and nobody else may: its number may be another connection's by then.

        uvloop forgets to take the socket over where the connection ends while it is handed over.
        """
        if not isinstance(self._loop, asyncio.BaseEventLoop):
            accepted.detach()


def reason_of(error: Exception) -> str:
    """Why a handshake failed, in OpenSSL's words where it has some; empty when there is nothing to say."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return (error.reason or "").lower().replace("_", " ")
    if isinstance(error, ConnectionAbortedError):  # asyncio's word for a handshake that takes too long
        return f"no handshake within {HANDSHAKE_LIMIT:g} s"
    return ""

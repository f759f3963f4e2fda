"""UDP: one non-blocking socket and a drain loop (RFC 3261 18).

asyncio's own datagram endpoint costs several times more for each datagram; here one wake-up of the loop reads
whatever has arrived, up to a bound, and then lets the edge work on all of it.
"""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable

from sipedge import refusals
from sipedge.peers import Peers
from sipedge.sip.flow import Address, Flow

DRAIN = 64
"Datagrams read in one wake-up; more would let answers and timers wait."

RECEIVE_BUFFER = 4 * 1024 * 1024
"Octets asked for from the kernel: a burst of two thousand requests survives a pause of the loop."

MAX_DATAGRAM = 65_535
"Octets of a datagram."

MAX_QUEUED = 10_000
"Datagrams that wait while the kernel's buffer is full; beyond that they are dropped, as a network would."


class UdpEndpoint:
    """One bound address; `received` gets each datagram, `drained` is called after every burst."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        host: str,
        port: int,
        *,
        peers: Peers,
        received: Callable[[bytes, Flow], None],
        drained: Callable[[], None],
        shared: bool = False,
    ) -> None:
        """Bind, also beside other processes (`shared`); raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            if shared:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        self.local: Address = self._socket.getsockname()[:2]
        self._loop = loop
        self._peers = peers
        self._received = received
        self._drained = drained
        self._queue: deque[tuple[bytes, Address]] = deque()

    @property
    def queued(self) -> int:
        """Datagrams that wait for the kernel."""
        return len(self._queue)

    def start(self) -> None:
        """Read from now on."""
        self._loop.add_reader(self._socket.fileno(), self._drain)

    def pause(self) -> None:
        """Read no more; sending goes on."""
        self._loop.remove_reader(self._socket.fileno())

    def send(self, data: bytes, flow: Flow) -> None:
        """Send a datagram; what cannot be sent is lost, as on any network."""
        if self._queue:
            self._later(data, flow.remote)
            return
        try:
            self._socket.sendto(data, flow.remote)
        except (BlockingIOError, InterruptedError):
            self._later(data, flow.remote)
        except OSError:
            self._peers.refused(refusals.UNREACHABLE, flow.remote[0])  # or refused, or of the other family

    def close(self) -> None:
        """Give up the address."""
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        self._socket.close()

    def _drain(self) -> None:
        receive, received, local = self._socket.recvfrom, self._received, self.local
        for _ in range(DRAIN):
            try:
                data, address = receive(MAX_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                continue  # an ICMP error of an earlier datagram
            received(data, Flow("UDP", local, address[:2]))
        self._drained()

    def _later(self, data: bytes, remote: Address) -> None:
        if len(self._queue) >= MAX_QUEUED:
            self._peers.refused(refusals.QUEUE_FULL, remote[0])
            return
        if not self._queue:
            self._loop.add_writer(self._socket.fileno(), self._flush)
        self._queue.append((data, remote))

    def _flush(self) -> None:
        while self._queue:
            data, remote = self._queue[0]
            try:
                self._socket.sendto(data, remote)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self._peers.refused(refusals.UNREACHABLE, remote[0])
            self._queue.popleft()
        with contextlib.suppress(OSError):
            self._loop.remove_writer(self._socket.fileno())

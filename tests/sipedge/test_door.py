"""Connections on their way in: shares of their address, and handshakes that fail, on asyncio's own loop."""

import asyncio
import errno
import socket
import ssl
from pathlib import Path

import pytest
from django.core.management import call_command

from provisioning.policy import LimitFacts, Policy
from sipedge import refusals
from sipedge.peers import Peers
from sipedge.sip.flow import Address, Flow
from sipedge.transport import door
from sipedge.transport.door import Arrival, Door
from sipedge.transport.tls import NONE, Certificates
from sipedge.transport.udp import UdpEndpoint

pytestmark = pytest.mark.django_db

HOST = "127.0.0.1"


def test_shares_are_given_back_once() -> None:
    """D-39: whoever says how often that a connection is gone."""
    peers = Peers()
    one, other = Arrival(peers, HOST, "a"), Arrival(peers, HOST, "a")
    assert one.begin() and one.begin() and other.begin()
    assert (peers.connections.total, peers.half_open.total) == (2, 2)
    for _ in range(2):
        one.end()
        one.gone()
    assert (peers.connections.total, peers.half_open.total) == (1, 1)
    other.gone()
    assert (peers.connections.total, peers.half_open.total) == (0, 0)


def test_tls_that_breaks_later_is_counted() -> None:
    """R-TRN-01: in OpenSSL's words; a peer that speaks while we close is nobody's mistake."""
    peers = Peers()
    for reason in ("SSLV3_ALERT_BAD_RECORD_MAC", door.LATE):
        error = ssl.SSLError(1, reason)
        error.reason = reason
        Arrival(peers, HOST, "127.0.0.1:5061").gone(error)
    Arrival(peers, HOST, "127.0.0.1:5061").gone(ConnectionResetError())
    assert [row["why"] for row in peers.refusals.errors()] == ["sslv3 alert bad record mac"]


class Echo(asyncio.Protocol):
    """Sends back what it gets."""

    def __init__(self, arrival: Arrival) -> None:
        self.arrival = arrival

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]

    def connection_lost(self, exc: Exception | None) -> None:
        self.arrival.gone(exc)


def test_handshakes_are_made_and_their_failures_explained(tmp_path: Path, settings: object) -> None:
    """R-TRN-01, D-39: every share comes back."""
    settings.DATA_DIR = tmp_path  # type: ignore[attr-defined]
    call_command("make_certificates")
    believing = ssl.create_default_context(cafile=tmp_path / "tls" / "development-ca.crt")
    peers = Peers()

    def speak(address: Address) -> None:
        with (
            socket.create_connection(address, 20) as raw,
            believing.wrap_socket(raw, server_hostname="localhost") as one,
        ):
            one.sendall(b"hello")
            assert one.recv(5) == b"hello"
        with socket.create_connection(address, 20) as plain:
            plain.sendall(b"OPTIONS sip:x SIP/2.0\r\n\r\n")
            plain.recv(100)
        with socket.create_connection(address, 20) as raw, pytest.raises(ssl.SSLError):
            ssl.create_default_context().wrap_socket(raw, server_hostname="localhost")
        socket.create_connection(address, 20).close()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        context = Certificates(tmp_path / "tls").context(NONE)
        opened = Door(loop, peers, HOST, 0, context, lambda arrival, local: Echo(arrival))
        opened.start()
        await asyncio.to_thread(speak, opened.local)
        async with asyncio.timeout(20):
            while peers.connections.total:
                await asyncio.sleep(0.01)
        opened.close()

    asyncio.run(run())
    assert peers.half_open.total == 0
    assert {row["why"] for row in peers.refusals.errors()} == {
        "wrong version number",
        "tlsv1 alert unknown ca",
        "the peer closed the connection during the handshake",
    }


def test_too_many_handshakes_are_not_begun(tmp_path: Path) -> None:
    """D-39: the connection is closed, and holds nothing."""
    peers = Peers()
    peers.take_policy(Policy(limits=LimitFacts(half_open=1)))

    async def run() -> None:
        loop = asyncio.get_running_loop()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        opened = Door(loop, peers, HOST, 0, context, lambda arrival, local: Echo(arrival))
        opened.start()
        one = await asyncio.open_connection(*opened.local)
        other = await asyncio.open_connection(*opened.local)
        assert await other[0].read() == b""
        assert (peers.connections.total, peers.half_open.total) == (1, 1)
        for _, writer in (one, other):
            writer.close()
        opened.close()
        await asyncio.sleep(0.05)

    asyncio.run(run())
    assert peers.refusals.reasons[refusals.HALF_OPEN] == 1


def test_a_system_without_files_left_is_given_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """D-39: no endless loop, and the address opens again."""
    monkeypatch.setattr(door, "PAUSE", 0.01)

    class Exhausted:
        """A listening socket whose process has too many files."""

        def __init__(self, real: socket.socket) -> None:
            self.real = real
            self.asked = 0

        def accept(self) -> tuple[socket.socket, Address]:
            self.asked += 1
            if self.asked == 1:
                raise OSError(errno.EMFILE, "too many open files")
            return self.real.accept()

        def fileno(self) -> int:
            return self.real.fileno()

        def close(self) -> None:
            self.real.close()

    async def run() -> None:
        opened = Door(asyncio.get_running_loop(), Peers(), HOST, 0, None, lambda arrival, local: Echo(arrival))
        opened._socket = Exhausted(opened._socket)  # type: ignore[assignment]
        opened.start()
        reader, writer = await asyncio.open_connection(*opened.local)
        writer.write(b"hello")
        async with asyncio.timeout(20):
            assert await reader.readexactly(5) == b"hello"
        writer.close()
        opened.close()

    asyncio.run(run())


def test_datagrams_that_are_not_sent_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """D-39: the queue is full, or there is no way."""
    monkeypatch.setattr("sipedge.transport.udp.MAX_QUEUED", 1)
    peers = Peers()

    class Stuck:
        """A socket that takes nothing, or has no way."""

        error: OSError = BlockingIOError()

        def sendto(self, data: bytes, address: Address) -> int:
            raise self.error

        def fileno(self) -> int:
            return 0

    class Loop:
        """Watches nothing."""

        def add_writer(self, fd: int, callback: object) -> None:
            return None

    def nothing(*_: object) -> None:
        return None

    end = UdpEndpoint(Loop(), HOST, 0, peers=peers, received=nothing, drained=nothing)  # type: ignore[arg-type]
    end._socket.close()
    end._socket = Stuck()  # type: ignore[assignment]
    flow = Flow("UDP", (HOST, 5060), (HOST, 9))
    for _ in range(3):
        end.send(b"x", flow)
    end._queue.clear()
    Stuck.error = OSError(errno.EHOSTUNREACH, "no route")
    end.send(b"x", flow)
    assert peers.refusals.reasons == {refusals.QUEUE_FULL: 2, refusals.UNREACHABLE: 1}

"""WebSocket connections whose clients do not read, or are gone: nothing is held for them, and nothing goes wrong."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError

from sipedge.peers import Peers
from sipedge.transport.tcp import MAX_UNREAD
from sipedge.transport.websocket import MAX_UNSENT, WebSocketConnection

pytestmark = pytest.mark.asyncio


class Client:
    """The library's end of a WebSocket."""

    remote_address = ("192.0.2.1", 40_000)

    def __init__(self, *, reads: bool = True, gone: bool = False) -> None:
        self.heard: list[str | bytes] = []
        self.aborted = False
        self.transport = SimpleNamespace(get_extra_info=lambda name: None, abort=self._abort)
        self._gone = gone
        self._reads = asyncio.Event()
        if reads:
            self._reads.set()

    def _abort(self) -> None:
        self.aborted = True

    async def send(self, message: str | bytes) -> None:
        if self._gone:
            raise ConnectionClosedError(None, None)
        await self._reads.wait()
        self.heard.append(message)


def connected(client: Any) -> WebSocketConnection:
    table: Any = SimpleNamespace(loop=asyncio.get_running_loop(), next_serial=lambda: 1, peers=Peers())
    return WebSocketConnection(table, client, ("127.0.0.1", 5080))


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_text_goes_as_text_and_everything_else_as_octets() -> None:
    """RFC 7118 section 5.2."""
    client = Client()
    connection = connected(client)
    for data in ("ä".encode(), b"\xff"):
        connection.send(data)
    await settle()
    assert client.heard == ["ä", b"\xff"]


@pytest.mark.parametrize("data", [b"text", b"\xff"])
async def test_a_client_that_is_gone_gets_nothing_and_nothing_fails(data: bytes) -> None:
    """D-39: also while what is not UTF-8 was on its way."""
    connection = connected(Client(gone=True))
    connection.send(data)
    await settle()
    assert connection._writer.done() and connection._writer.exception() is None


@pytest.mark.parametrize(("size", "fit"), [(10, MAX_UNSENT), (60_000, MAX_UNREAD // 60_000)])
async def test_a_client_that_does_not_read_counts_as_dead(size: int, fit: int) -> None:
    """Section 11 of the design: so many messages, and so many octets, are held for it."""
    client = Client(reads=False)
    connection = connected(client)
    for _ in range(fit):
        connection.send(b"x" * size)
    assert not client.aborted
    connection.send(b"x" * size)
    assert client.aborted

"""Where the edge listens, and what that means for addresses that clients name."""

import asyncio
import socket
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pytest

from sipedge.listeners import Listener
from sipedge.network import Network
from sipedge.peers import Peers
from sipedge.senders.notify import Notifier
from sipedge.sip.flow import Flow
from sipedge.sip.transaction import ClientTransaction


def _network(loop: asyncio.AbstractEventLoop, certificates: Path) -> Network:
    def nothing(*_: object) -> None:
        return None

    return Network(
        loop, certificates=certificates, peers=Peers(), received=nothing, drained=nothing, broken=nothing, lost=nothing
    )


@pytest.fixture
def network(tmp_path: Path) -> Network:
    loop = asyncio.new_event_loop()
    made = _network(loop, tmp_path)
    loop.close()
    return made


@pytest.mark.parametrize(
    ("host", "port", "ours"),
    [
        ("127.0.0.1", 5060, True),
        ("127.0.0.1", 5061, False),
        ("127.0.0.9", 5060, False),
        ("192.0.2.1", 5060, False),
        ("127.0.0.9", 5080, True),
        ("192.0.2.1", 5080, False),
        ("::1", 5080, False),
        ("::1", 5090, True),
        ("not an address", 5080, False),
        ("0.0.0.0", 5060, True),
        ("::ffff:127.0.0.1", 5060, True),
        ("::ffff:0.0.0.0", 5080, True),
        ("::ffff:127.0.0.9", 5060, False),
        ("::", 5060, False),
        ("::", 5090, True),
    ],
)
def test_our_own_addresses_are_known(network: Network, host: str, port: int, ours: bool) -> None:
    """D-34, R-SEC-03: however they are written, also of a listener on all addresses; not every phone on that port."""
    network.listeners = [
        Listener("udp", "127.0.0.1", 5060, "proxy"),
        Listener("tcp", "0.0.0.0", 5080, "proxy"),
        Listener("tcp", "::", 5090, "proxy"),
    ]
    assert network.ours((host, port)) is ours


def test_a_connection_to_ourselves_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-TRN-01: the kernel may speak from the very port that nobody listens at; then the peer takes no TCP."""

    async def reached() -> tuple[Flow | None, bool]:
        loop = asyncio.get_running_loop()
        network = _network(loop, tmp_path)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = probe.getsockname()
        flow = Flow("UDP", ("127.0.0.1", 5060), address)
        monkeypatch.setattr(loop, "create_connection", partial(loop.create_connection, local_addr=address))
        return await network.connect_beside(flow), network.may_take_tcp(flow)

    assert asyncio.run(reached()) == (None, False)


def test_a_peer_that_does_not_answer_over_tcp_is_spoken_to_by_datagrams(tmp_path: Path) -> None:
    """R-TRN-01, RFC 3261 18.1.1: another program may listen at the peer's address; that is remembered."""

    async def asked() -> list[bool]:
        loop = asyncio.get_running_loop()
        network = _network(loop, tmp_path)
        with socket.create_server(("127.0.0.1", 0)) as stranger:
            flow = Flow("UDP", ("127.0.0.1", 5060), stranger.getsockname())
            beside = await network.connect_beside(flow)
            assert beside is not None
            before = network.may_take_tcp(flow)
            notifier = Notifier(Mock(network=network))
            live = Mock(tcp_flow=beside, ended=False, strikes=0)
            live.outstanding = ClientTransaction("NOTIFY", "z9hG4bK1", beside, notifier, live)
            notifier.failed(live.outstanding, 408)
            network.connections.close()
            return [before, network.may_take_tcp(flow)]

    assert asyncio.run(asked()) == [True, False]

"""Where the edge listens, and what that means for addresses that clients name."""

import asyncio
from pathlib import Path

import pytest

from sipedge.listeners import Listener
from sipedge.network import Network
from sipedge.peers import Peers


@pytest.fixture
def network(tmp_path: Path) -> Network:
    def nothing(*_: object) -> None:
        return None

    loop = asyncio.new_event_loop()
    made = Network(
        loop, certificates=tmp_path, peers=Peers(), received=nothing, drained=nothing, broken=nothing, lost=nothing
    )
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

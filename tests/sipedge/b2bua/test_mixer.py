"""Where the sound of a conference goes: to what a phone has said of itself, whatever that is (RFC 3550, RFC 4566)."""

import asyncio
from typing import Any

import pytest

from sipedge.b2bua import sdp
from sipedge.b2bua.mixer import Party

SPEAKS_FROM = "192.0.2.9"


class Socket:
    """Where packets went."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def sendto(self, data: bytes, address: tuple[str, int]) -> None:
        self.told.append(address)


@pytest.fixture
def party(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A party with sockets that send nothing."""
    made = Party("192.0.2.1", 30_000, lambda port: None)
    sockets = [Socket(), Socket()]

    async def opened(*args: Any, **options: Any) -> tuple[Any, Any]:
        return sockets[len(made._sockets)], None

    loop = asyncio.new_event_loop()
    monkeypatch.setattr(loop, "create_datagram_endpoint", opened)
    loop.run_until_complete(made.open("192.0.2.1"))
    loop.close()
    made.reached = sockets  # type: ignore[attr-defined]
    return made


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("phone.example.com", SPEAKS_FROM),
        ("a" * 70, SPEAKS_FROM),
        ("1.2", SPEAKS_FROM),
    ],
)
def test_nobody_is_looked_up_for_a_packet(party: Any, said: str, told: str) -> None:
    """A socket would ask the DNS for a name, fifty times a second, and the edge would wait."""
    assert party.agree(sdp.g711("192.0.2.7", 4000).replace(b"IP4 192.0.2.7", b"IP4 " + said.encode()), SPEAKS_FROM)
    party.tell((0,) * 160)
    party.report(0.0)
    assert [one.told for one in party.reached] == [[(told, 4000)], [(told, 4001)]]


@pytest.mark.parametrize("port", [0, 65535])
def test_a_phone_without_a_pair_of_ports_hears_nothing(party: Any, port: int) -> None:
    """RFC 3550 section 11: RTCP goes to the next port, and after the last there is none."""
    assert not party.agree(sdp.g711("192.0.2.7", port), SPEAKS_FROM)

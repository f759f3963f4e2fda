"""What peers are told of a listener: by network, inside and outside of a NAT (R-TRN-01)."""

import ipaddress

import pytest

from sipedge.listeners import Listener

INSIDE = ipaddress.ip_network("10.0.0.0/8")
POD = ipaddress.ip_network("10.1.0.0/16")
SIX = ipaddress.ip_network("2001:db8::/32")
EDGE = Listener(
    "tcp", "0.0.0.0", 5060, "proxy", advertised="sip.example.org", local_names=(
        (SIX, "[2001:db8::1]:5060"), (POD, "edge.pod:5070"), (INSIDE, "10.0.0.1"),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("peer", "told"),
    [
        ("192.0.2.9", "sip.example.org"),
        ("10.2.3.4", "10.0.0.1"),
        ("10.1.3.4", "edge.pod:5070"),
        ("::ffff:10.1.3.4", "edge.pod:5070"),
        ("2001:db8::7", "[2001:db8::1]:5060"),
        ("2001:db9::7", "sip.example.org"),
    ],
)
def test_each_network_is_told_its_own_name(peer: str, told: str) -> None:
    """R-TRN-01: the narrowest network that the peer is in; in Via, Contact and Record-Route alike."""
    seen = EDGE.seen_from(peer)
    assert (seen.sent_by, seen.contact) == (told, f"<sip:{told};transport=tcp>")


def test_without_networks_nothing_is_looked_up() -> None:
    """R-TRN-01."""
    plain = Listener("udp", "192.0.2.1", 5060, "proxy")
    assert plain.seen_from("10.0.0.9") is plain

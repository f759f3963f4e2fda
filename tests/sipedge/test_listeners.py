"""CUPS_SIP_LISTEN and the roles of listeners."""

import pytest

from sipedge.listeners import BadListener, Listener, parse, with_options


def test_addresses_are_read_with_their_roles() -> None:
    """R-TRN-01: UDP and TCP, IPv4 and IPv6."""
    assert parse("udp:127.0.0.1:5060:proxy, tcp:[::1]:5070:engine") == [
        Listener("udp", "127.0.0.1", 5060, "proxy"),
        Listener("tcp", "::1", 5070, "engine"),
    ]


@pytest.mark.parametrize(
    "text",
    ["sctp:127.0.0.1:5060:proxy", "udp:127.0.0.1:5060:king", "udp:127.0.0.1:proxy", "udp:127.0.0.1:70000:proxy", "udp"],
)
def test_anything_else_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(BadListener, match=r"is one of|expected transport"):
        parse(text)


def test_peers_are_told_the_advertised_address() -> None:
    listener = Listener("tcp", "0.0.0.0", 5060, "proxy", advertised="sip.compB.cisco.com:5061")
    assert listener.contact == "<sip:sip.compB.cisco.com:5061;transport=tcp>"
    assert Listener("udp", "::1", 5060, "proxy").sent_by == "[::1]:5060"


def test_a_provisioned_row_gives_an_address_its_options() -> None:
    row = Listener("udp", "127.0.0.1", 5060, "engine", authentication=False, advertised="proxy:5060")
    (listener, other) = with_options(parse("udp:127.0.0.1:5060:proxy,udp:127.0.0.1:5061:proxy"), [row])
    assert (listener.role, listener.authentication, listener.advertised) == ("proxy", False, "proxy:5060")
    assert other.authentication

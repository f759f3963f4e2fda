"""The keep-alive of RFC 5626 over UDP: STUN binding requests on the SIP port."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge.sip import stun
from sipedge.sip.flow import Flow
from sipedge.sip.stack import Stack
from tests.builders import TCP, UDP

# RFC 5769 section 2: a transaction id, and what 192.0.2.1:32853 and its IPv6 fellow become under it.
TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")


def binding(attributes: bytes = b"", kind: int = stun.BINDING_REQUEST) -> bytes:
    return stun.HEADER.pack(kind, len(attributes), stun.COOKIE, TRANSACTION) + attributes


def test_the_mapped_address_is_the_one_of_the_test_vectors() -> None:
    """R-TRN-01, RFC 5769 sections 2.2 and 2.3."""
    four = stun.answer(binding(), ("192.0.2.1", 32853))
    assert four == stun.HEADER.pack(0x0101, 12, stun.COOKIE, TRANSACTION) + bytes.fromhex("002000080001a147e112a643")
    six = stun.answer(binding(), ("2001:db8:1234:5678:11:2233:4455:6677", 32853))
    assert six is not None and six[20:] == bytes.fromhex("002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9")
    assert stun.answer(binding(), ("::ffff:192.0.2.1", 32853)) == four


def test_an_attribute_that_has_to_be_understood_is_refused() -> None:
    """RFC 5389 section 7.3.1: 420 with its number; others are passed over."""
    refused = stun.answer(binding(bytes.fromhex("00030004") + bytes(4)), ("192.0.2.1", 1))
    assert refused is not None and refused[:2] == b"\x01\x11" and refused.endswith(bytes.fromhex("000a000200030000"))
    assert int.from_bytes(refused[2:4], "big") == len(refused) - 20
    software = stun.answer(binding(bytes.fromhex("80220004") + b"test"), ("192.0.2.1", 1))
    assert software is not None and software[:2] == b"\x01\x01"


@pytest.mark.parametrize(
    "data", [binding(kind=0x0101), binding(kind=0x0011), binding()[:-1] + b"x" * 5, binding(b"\x80\x22")]
)
def test_nothing_else_is_answered(data: bytes) -> None:
    """D-39: answers, indications, wrong lengths."""
    assert stun.answer(data, ("192.0.2.1", 1)) is None


def test_a_client_on_the_sip_port_is_answered() -> None:
    """RFC 5626 section 3.5.2: over UDP, where it came from; on a stream it is not SIP."""
    stack = Stack("t")
    stack.receive(binding(), UDP, 0.0)
    ((reply, flow),) = stack.transmissions
    assert flow == UDP and reply[:2] == b"\x01\x01" and not stack.events
    stack.transmissions.clear()
    stack.receive(binding(), TCP, 0.0)
    stack.receive(b"\x00", UDP, 0.0)
    assert not stack.transmissions and not stack.events


@given(st.binary(max_size=120))
def test_any_bytes_after_the_header_are_survived(rest: bytes) -> None:
    """D-39: and an answer is hardly larger than its request."""
    data = stun.HEADER.pack(stun.BINDING_REQUEST, len(rest), stun.COOKIE, TRANSACTION) + rest
    assert stun.is_stun(data)
    reply = stun.answer(data, ("2001:db8::1", 5060))
    assert reply is None or len(reply) <= len(data) + 40
    stack = Stack("t")
    stack.receive(data, Flow("UDP", ("::1", 5060), ("::1", 5061)), 0.0)

"""STUN binding requests on a SIP port: the keep-alive of RFC 5626 section 3.5.2 over UDP (RFC 5389, now RFC 8489).

A client learns by the answer that its flow stands, and by the address in it that its NAT has not given it another one.
Nothing but a plain binding request is answered, with about as many bytes as it had.
"""

import ipaddress
import struct

from sipedge.sip.flow import Address

HEADER = struct.Struct("!HHI12s")
COOKIE = 0x2112A442
"Stands in every message, so that STUN is told from everything else (RFC 5389 section 6)."

BINDING_REQUEST = 0x0001
BINDING_SUCCESS = 0x0101
BINDING_ERROR = 0x0111
XOR_MAPPED_ADDRESS = 0x0020
ERROR_CODE = 0x0009
UNKNOWN_ATTRIBUTES = 0x000A
FINGERPRINT = 0x8028
IPV4, IPV6 = 1, 2

MUST_UNDERSTAND = 0x8000
"Attributes below this number have to be understood, or the request is refused (RFC 5389 section 15)."

MOST_UNKNOWN = 8
"Attributes that an answer names at most: it must not be larger than the request."


def is_stun(data: bytes) -> bool:
    """Whether a datagram is a STUN message: SIP begins with a letter, STUN with two zero bits and has the cookie."""
    return len(data) >= HEADER.size and data[0] < 4 and data[4:8] == COOKIE.to_bytes(4, "big")


def answer(data: bytes, source: Address) -> bytes | None:
    """The answer to a binding request that came from `source`; None where none is due."""
    kind, length, _, transaction = HEADER.unpack_from(data)
    if kind != BINDING_REQUEST or length % 4 or HEADER.size + length != len(data):
        return None
    unknown = _unknown(data[HEADER.size :])
    if unknown is None:
        return None
    if unknown:
        names = b"".join(number.to_bytes(2, "big") for number in unknown[:MOST_UNKNOWN])
        body = _attribute(ERROR_CODE, b"\x00\x00\x04\x14Unknown") + _attribute(UNKNOWN_ATTRIBUTES, names)
        return HEADER.pack(BINDING_ERROR, len(body), COOKIE, transaction) + body
    body = _attribute(XOR_MAPPED_ADDRESS, _mapped(source, transaction))
    return HEADER.pack(BINDING_SUCCESS, len(body), COOKIE, transaction) + body


def _unknown(attributes: bytes) -> list[int] | None:
    """Attributes that would have to be understood and are not; None for a message that is not well-formed."""
    found: list[int] = []
    while attributes:
        if len(attributes) < 4:
            return None
        kind, length = struct.unpack_from("!HH", attributes)
        padded = 4 + (length + 3) // 4 * 4
        if padded > len(attributes):
            return None
        if kind < MUST_UNDERSTAND:
            found.append(kind)
        attributes = attributes[padded:]
    return found


def _mapped(source: Address, transaction: bytes) -> bytes:
    host, port = ipaddress.ip_address(source[0]), source[1] ^ (COOKIE >> 16)
    if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is not None:
        host = host.ipv4_mapped
    key = COOKIE.to_bytes(4, "big") + transaction
    masked = bytes(one ^ other for one, other in zip(host.packed, key, strict=False))
    family = IPV4 if len(masked) == 4 else IPV6
    return struct.pack("!BBH", 0, family, port) + masked


def _attribute(kind: int, value: bytes) -> bytes:
    padding = b"\x00" * (-len(value) % 4)
    return struct.pack("!HH", kind, len(value)) + value + padding

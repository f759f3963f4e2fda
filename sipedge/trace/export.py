"""A trace as files: text for people, and a capture file that Wireshark and sngrep open (pcap, link type RAW).

Messages go into synthetic IP and UDP packets, whatever they were carried over: over TLS there is nothing else to show,
and a reader needs no stream to be put together. Secrets are hidden there as everywhere.
"""

import ipaddress
import struct
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import blake2s
from typing import Any, Final

Row = Mapping[str, Any]
"An entry as edges answer it, with its message (`answers.row`)."

_FILE: Final = struct.Struct("<IHHiIII")
_RECORD: Final = struct.Struct("<IIII")
_MAGIC: Final = 0xA1B2C3D4
_RAW: Final = 101
"LINKTYPE_RAW: a packet begins with its IP header."

_SNAPPED: Final = 262_144
"Octets of a packet at most, as capture programs write it."

_IP4: Final = struct.Struct("!BBHHHBBH4s4s")
_IP6: Final = struct.Struct("!IHBB16s16s")
_UDP: Final = struct.Struct("!HHHH")
_PROTOCOL: Final = 17
"UDP."

_LIMIT: Final = 65_507
"Octets that fit into a datagram."


def time_of(number: int) -> str:
    """When it was, in ISO form."""
    return datetime.fromtimestamp(number / 1_000_000, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def text(rows: Iterable[Row]) -> str:
    """One message after the other, each under a line that says when, where, and between whom."""
    return "".join(f"{_title(row)}\n{_unix(row['message'])}\n\n" for row in rows)


def _title(row: Row) -> str:
    source, target = _ends(row)
    notes = [
        f"user {row['user']}" if row["user"] else "",
        f"invoke id {row['invoke']}" if row["invoke"] is not None else "",
    ]
    if row["cut"]:
        notes.append(f"the beginning of {row['octets']} octets")
    more = "".join(f", {note}" for note in notes if note)
    return f"--- {time_of(row['number'])} {row['edge']} {row['transport']} {source} -> {target}{more}"


def _unix(message: str) -> str:
    return message.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def _ends(row: Row) -> tuple[str, str]:
    ends = row["local"], row["remote"]
    return ends if row["direction"] == "out" else (ends[1], ends[0])


def pcap(rows: Iterable[Row]) -> bytes:
    """A capture file."""
    parts = [_FILE.pack(_MAGIC, 2, 4, 0, 0, _SNAPPED, _RAW)]
    for row in rows:
        source, target = map(_address, _ends(row))
        packet = _packet(source, target, row["message"].encode()[:_LIMIT])
        seconds, micros = divmod(row["number"], 1_000_000)
        parts += (_RECORD.pack(seconds, micros, len(packet), len(packet)), packet)
    return b"".join(parts)


_Address = tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]


def _address(text: str) -> _Address:
    """Clients within the edge have names: each gets a loopback address of its own."""
    host, _, port = text.rpartition(":")
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]), int(port)
    except ValueError:
        return ipaddress.IPv4Address(b"\x7f" + blake2s(host.encode(), digest_size=3).digest()), int(port)


def _packet(source: _Address, target: _Address, payload: bytes) -> bytes:
    length = _UDP.size + len(payload)
    ends = source[0].packed, target[0].packed
    if len(ends[0]) == len(ends[1]) == 4:
        header = _IP4.pack(0x45, 0, _IP4.size + length, 0, 0, 64, _PROTOCOL, 0, *ends)
        header = header[:10] + _sum(header).to_bytes(2, "big") + header[12:]
        pseudo = struct.pack("!4s4sBBH", *ends, 0, _PROTOCOL, length)
    else:
        ends = _six(source[0]), _six(target[0])
        header = _IP6.pack(0x60000000, length, _PROTOCOL, 64, *ends)
        pseudo = struct.pack("!16s16sIHBB", *ends, length, 0, 0, _PROTOCOL)
    udp = _UDP.pack(source[1], target[1], length, 0)
    checksum = _sum(pseudo + udp + payload) or 0xFFFF  # 0 would mean that there is none
    return header + udp[:6] + checksum.to_bytes(2, "big") + payload


def _six(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    return address.packed if address.version == 6 else b"\0" * 10 + b"\xff\xff" + address.packed


def _sum(data: bytes) -> int:
    """The checksum of the Internet (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF

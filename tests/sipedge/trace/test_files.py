"""A trace as text, as a capture file, and as a ladder."""

import struct
from typing import Any

import pytest

from sipedge.sip.flow import Flow
from sipedge.trace import export, ladder, reading
from sipedge.trace.answers import row, shown
from sipedge.trace.ring import Entry
from tests.sipedge.trace.kept import DIGEST, EDGE, MAKE_CALL, answer, csta, request, sip

SIX = Flow("TLS", ("2001:db8::1", 5061), ("2001:db8::9", 40_000), 4)
WEB = Flow("WEB", ("messenger.invalid", 5060), ("web-1", 1), 5)


def rows(*entries: Entry) -> list[dict[str, Any]]:
    return [{"edge": "edge-1", **row(one, reading.read(one)), "message": shown(one, bodies=False)} for one in entries]


TALK = (
    sip(request("INVITE", f"Proxy-Authorization: {DIGEST}")),
    sip(request("INVITE"), outgoing=True, flow=SIX),
    sip(answer(486, "INVITE"), flow=SIX),
    sip(answer(486, "INVITE"), outgoing=True),
    csta(MAKE_CALL),
    sip(request("INFO", "Content-Type: application/csta+xml", body=MAKE_CALL.decode()), flow=WEB),
)


def test_text_has_every_message_under_its_time_and_ends() -> None:
    text = export.text(rows(*TALK))
    assert f"--- {export.time_of(TALK[0].number)} edge-1 UDP 192.0.2.9:5062 -> 192.0.2.1:5060\nINVITE sip:" in text
    assert "TLS [2001:db8::1]:5061 -> [2001:db8::9]:40000\n" in text
    assert "TCP 192.0.2.7:40000 -> 192.0.2.1:1040, user desk, invoke id 1\n<?xml" in text
    assert "\r" not in text and "5ecre7" not in text


def test_a_time_has_microseconds_and_a_zone() -> None:
    assert export.time_of(1_800_000_000_000_007) == "2027-01-15T08:00:00.000007Z"


def checksum(data: bytes) -> int:
    """0 for data with a right checksum in it (RFC 1071)."""
    words = struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def packets(data: bytes) -> list[tuple[int, int, bytes, int, bytes, int, bytes]]:
    """Time, IP version, source, port, target, port and payload of what a capture file holds; checks all lengths."""
    magic, major, minor, _, _, _, link = struct.unpack("<IHHiIII", data[:24])
    assert (magic, major, minor, link) == (0xA1B2C3D4, 2, 4, 101)
    found = []
    at = 24
    while at < len(data):
        seconds, micros, kept, whole = struct.unpack("<IIII", data[at : at + 16])
        packet = data[at + 16 : at + 16 + kept]
        assert kept == whole == len(packet)
        at += 16 + kept
        if packet[0] >> 4 == 4:
            assert packet[0] == 0x45 and packet[9] == 17 and checksum(packet[:20]) == 0
            assert struct.unpack("!H", packet[2:4])[0] == len(packet)
            source, target, udp = packet[12:16], packet[16:20], packet[20:]
        else:
            assert packet[0] >> 4 == 6 and packet[6] == 17 and struct.unpack("!H", packet[4:6])[0] == len(packet) - 40
            source, target, udp = packet[8:24], packet[24:40], packet[40:]
        sender, receiver, length, _ = struct.unpack("!HHHH", udp[:8])
        assert length == len(udp)
        assert checksum(source + target + struct.pack("!II", length, 17) + udp) == 0
        found.append((seconds * 1_000_000 + micros, packet[0] >> 4, source, sender, target, receiver, udp[8:]))
    return found


def test_a_capture_file_can_be_read_back() -> None:
    """Headers, lengths and checksums are right, for IPv4 and IPv6, and no secret is in it."""
    data = export.pcap(rows(*TALK))
    found = packets(data)
    assert [one[0] for one in found] == [one.number for one in TALK]
    assert [one[1] for one in found] == [4, 6, 6, 4, 4, 4]
    assert found[0][2:6] == (bytes([192, 0, 2, 9]), 5062, bytes([192, 0, 2, 1]), 5060)
    assert (found[1][3], found[1][5]) == (5061, 40_000)
    assert found[2][6] == TALK[2].data and found[4][6] == MAKE_CALL
    assert found[5][2][0] == found[5][4][0] == 127 and found[5][2] != found[5][4]
    assert b"5ecre7" not in data


def test_a_capture_file_of_nothing_is_one() -> None:
    assert packets(export.pcap([])) == []


def test_a_ladder_has_a_column_for_each_address_in_the_order_of_the_talk() -> None:
    drawn = ladder.draw(rows(*TALK[:4]))
    assert [(one.name, one.ours) for one in drawn.columns] == [
        ("192.0.2.9:5062", False), ("edge-1", True), ("[2001:db8::9]:40000", False),
    ]  # fmt: skip
    left, middle, right = (one.x for one in drawn.columns)
    assert [(one.start, one.end) for one in drawn.arrows] == [
        (left, middle), (middle, right), (right, middle), (middle, left),
    ]  # fmt: skip
    assert [one.label for one in drawn.arrows] == ["INVITE", "INVITE", "486 Said", "486 Said"]
    assert [one.kind for one in drawn.arrows] == ["request", "request", "failure", "failure"]
    assert [one.after for one in drawn.arrows] == ["+0.000", "+0.001", "+0.002", "+0.003"]
    assert all(0 < one.y < drawn.height and max(one.start, one.end) < drawn.width for one in drawn.arrows)


def test_documents_are_named_on_their_arrows() -> None:
    drawn = ladder.draw(rows(*TALK[4:]))
    assert [(one.label, one.kind) for one in drawn.arrows] == [("MakeCall", "document"), ("INFO (MakeCall)", "request")]


def test_a_challenge_is_no_failure() -> None:
    drawn = ladder.draw(rows(*(sip(answer(status)) for status in (200, 401, 407, 404, 503))))
    assert [one.kind for one in drawn.arrows] == ["answer"] * 3 + ["failure"] * 2


@pytest.mark.parametrize("peers", [0, 1, 40])
def test_a_ladder_stays_readable_however_many_there_are(peers: int) -> None:
    talk = [sip(request("X" * 60), flow=Flow("UDP", EDGE, ("192.0.2.3", 1000 + number))) for number in range(peers)]
    drawn = ladder.draw(rows(*talk))
    assert len(drawn.columns) <= ladder.MAX_COLUMNS and len(drawn.arrows) == peers
    assert all(len(one.label) <= ladder.MAX_LABEL and one.start != one.end for one in drawn.arrows)

"""Conferences of a few phones: RTP in, the sum of the others out, every 20 ms (RFC 3550, RFC 3551).

Costs nothing while there is no conference. Each party has a pair of UDP ports of its own, from a range that an operator
opens (`CUPS_RTP_PORTS`); sound is taken from the addresses only that the phone has named or speaks from.
"""

import asyncio
import contextlib
import ipaddress
import secrets
import struct
from collections.abc import Callable, Iterator
from typing import Any

from sipedge.b2bua import g711, sdp
from sipedge.sip.flow import Address

TICK = g711.FRAME / g711.RATE
"Seconds of a frame."

REPORT_INTERVAL = 5.0
"Seconds between two receiver reports (RFC 3550 6.2)."

SENDER_REPORT = 200
SOURCE_DESCRIPTION = 202
"RTCP packet types."


MAX_PORT = 65535
"The last port: RTCP goes to the one after that of RTP."


class NoPort(Exception):
    """All ports of the range are in use."""


class Ports:
    """Pairs of ports, an even one for RTP and the next one for RTCP, given out in turn."""

    def __init__(self, first: int, last: int) -> None:
        self._free = list(range(first + first % 2, last, 2))

    def take(self) -> int:
        """A pair by its first port; raises NoPort."""
        if not self._free:
            raise NoPort
        return self._free.pop(0)

    def give(self, port: int) -> None:
        """A pair that is not used any more; it is taken again after all others."""
        self._free.append(port)


class Party(asyncio.DatagramProtocol):
    """One phone of a conference."""

    def __init__(self, host: str, port: int, give: Callable[[int], None]) -> None:
        self.host = host
        self.port = port
        self.heard = 0
        "Packets of sound that came."
        self.told = 0
        "Packets that were sent."
        self._give = give
        self._sockets: list[asyncio.DatagramTransport] = []
        self._playout = g711.Playout()
        self._ssrc = secrets.randbits(32)
        self._number = secrets.randbits(16)
        self._time = secrets.randbits(32)
        self._octets = 0
        self._payload = sdp.PCMU
        self._to: Address | None = None
        self._hosts: frozenset[str] = frozenset()
        self._source = 0
        self._highest = 0

    async def open(self, host: str) -> None:
        """Bind both ports at this address; raises OSError."""
        loop = asyncio.get_running_loop()
        for port, receiver in ((self.port, self), (self.port + 1, asyncio.DatagramProtocol())):
            transport, _ = await loop.create_datagram_endpoint(
                lambda receiver=receiver: receiver,  # type: ignore[misc]
                local_addr=(host, port),
            )
            self._sockets.append(transport)

    def close(self) -> None:
        """Give the ports back."""
        for transport in self._sockets:
            transport.close()
        self._sockets.clear()
        self._give(self.port)

    def agree(self, answer: bytes, speaks_from: str) -> bool:
        """Take what the phone has answered to our offer; False when it does not know G.711, or has no pair of ports.

        A phone that gives a name is where it speaks from: a look-up for each packet would stop the edge.
        """
        audio = sdp.audio(answer)
        known = [payload for payload in audio.payloads if payload in g711.DECODE] if audio is not None else []
        if audio is None or not known or not 0 < audio.port < MAX_PORT:
            return False
        host = audio.host if _is_address(audio.host) else speaks_from
        self._payload = known[0]
        self._to = (host, audio.port)
        self._hosts = frozenset({host, speaks_from})
        return True

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """A packet of RTP."""
        if addr[0] not in self._hosts or len(data) < 12 or data[0] >> 6 != 2:
            return
        start = 12 + 4 * (data[0] & 0x0F)
        if data[0] & 0x10 and len(data) >= start + 4:
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
        end = len(data) - (data[-1] if data[0] & 0x20 else 0)
        payload = data[1] & 0x7F
        if payload not in g711.DECODE or not start < end <= start + g711.FRAME * 6:
            return
        if self._to is not None and addr[0] != self._to[0]:
            self._to = (addr[0], addr[1])  # behind a NAT: where it speaks from is where it hears
        self.heard += 1
        self._highest, self._source = int.from_bytes(data[2:4], "big"), int.from_bytes(data[8:12], "big")
        self._playout.put(self._highest, g711.decoded(payload, data[start:end]))

    def error_received(self, exc: Exception) -> None:
        """The phone has closed its port already."""

    def frame(self) -> g711.Samples:
        """What it says now."""
        return self._playout.take()

    def tell(self, samples: g711.Samples) -> None:
        """Let it hear this."""
        if self._to is None or not self._sockets:
            return
        marker = 0 if self.told else 0x80
        head = struct.pack("!BBHII", 0x80, self._payload | marker, self._number, self._time, self._ssrc)
        octets = g711.encoded(self._payload, samples)
        self._sockets[0].sendto(head + octets, self._to)
        self._number = (self._number + 1) & 0xFFFF
        self._time = (self._time + g711.FRAME) & 0xFFFFFFFF
        self._octets += len(octets)
        self.told += 1

    def report(self, now: float) -> None:
        """A sender report with one block about what came, and the name that RTCP asks for."""
        if self._to is None or not self._sockets:
            return
        block = struct.pack("!IIIIII", self._source, 0, self._highest, 0, 0, 0) if self._source else b""
        whole, part = int(now), int((now % 1) * 2**32)
        body = struct.pack("!IIIIII", self._ssrc, whole & 0xFFFFFFFF, part, self._time, self.told, self._octets) + block
        first = struct.pack("!BBH", 0x80 | bool(block), SENDER_REPORT, len(body) // 4)
        name = b"\x01\x05mixer\x00"
        chunk = struct.pack("!I", self._ssrc) + name
        chunk += b"\x00" * (-len(chunk) % 4)
        self._sockets[1].sendto(
            first + body + struct.pack("!BBH", 0x81, SOURCE_DESCRIPTION, len(chunk) // 4) + chunk,
            (self._to[0], self._to[1] + 1),
        )


def _is_address(host: str) -> bool:
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


class Conference:
    """The phones of one call that hear each other."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._parties: dict[str, Party] = {}
        self._task: asyncio.Task[None] | None = None

    def __iter__(self) -> Iterator[Party]:
        return iter(list(self._parties.values()))

    async def join(self, name: str, bind: str, advertised: str) -> Party:
        """A new party; raises NoPort or OSError."""
        party = Party(advertised, self._ports.take(), self._ports.give)
        try:
            await party.open(bind)
        except OSError:
            party.close()
            raise
        self._parties[name] = party
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._mix())
        return party

    def leave(self, name: str) -> None:
        """A party has gone; with the last one everything ends."""
        party = self._parties.pop(name, None)
        if party is not None:
            party.close()
        if not self._parties and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _mix(self) -> None:
        loop = asyncio.get_running_loop()
        due, report = loop.time(), loop.time() + REPORT_INTERVAL
        while True:
            due = max(due + TICK, loop.time() - TICK)  # after a pause nothing is made up for
            await asyncio.sleep(due - loop.time())
            parties = list(self._parties.values())
            with contextlib.suppress(OSError):
                for party, samples in zip(parties, g711.mixed([one.frame() for one in parties]), strict=True):
                    party.tell(samples)
                if loop.time() >= report:
                    report += REPORT_INTERVAL
                    for party in parties:
                        party.report(loop.time())

"""G.711 and the arithmetic of a conference: tables, sums, and packets that come late (ITU-T G.711, RFC 3550).

No sockets and no clock: whoever owns a `Playout` puts packets in and takes a frame out every 20 ms.
"""

from array import array
from collections.abc import Sequence
from typing import Final, TypeAlias

from sipedge.b2bua.sdp import PCMA, PCMU

RATE: Final = 8000
"Samples in a second."

FRAME: Final = 160
"Samples of a frame: 20 ms."

PREFILL: Final = 2
"Packets that are waited for before a party is heard: what comes 20 ms late is still in time."

MOST_WAITING: Final = 10
"Packets of a party that wait: 200 ms; the oldest go, so that nobody is heard ever later."

LARGEST: Final = 32767

Samples: TypeAlias = "array[int]"


def _ulaw(code: int) -> int:
    code = ~code & 0xFF
    value = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return 0x84 - value if code & 0x80 else value - 0x84


def _alaw(code: int) -> int:
    code ^= 0x55
    segment = (code & 0x70) >> 4
    value = ((code & 0x0F) << 4) + (8 if segment == 0 else 0x108)
    value <<= max(0, segment - 1)
    return value if code & 0x80 else -value


DECODE: Final = {PCMU: tuple(map(_ulaw, range(256))), PCMA: tuple(map(_alaw, range(256)))}
"Payload type -> the sample of each octet, 16 bits."

_STEP: Final = 4
"Of the samples that octets are looked up for: no two octets are nearer."


def _encoder(decoded: Sequence[int]) -> bytes:
    """For every fourth sample, from the lowest to the highest, the octet whose sample is nearest."""
    order = sorted(range(256), key=lambda code: decoded[code])
    octets = bytearray()
    nearest = 0
    for sample in range(-LARGEST - 1, LARGEST + 1, _STEP):
        while nearest < 255 and abs(decoded[order[nearest + 1]] - sample) <= abs(decoded[order[nearest]] - sample):
            nearest += 1
        octets.append(order[nearest])
    return bytes(octets)


ENCODE: Final = {payload: _encoder(table) for payload, table in DECODE.items()}

SILENCE: Final = array("h", bytes(2 * FRAME))


def decoded(payload: int, octets: bytes) -> Samples:
    """The samples of a packet."""
    table = DECODE[payload]
    return array("h", [table[octet] for octet in octets])


def encoded(payload: int, samples: Samples) -> bytes:
    """The octets of a packet."""
    table = ENCODE[payload]
    return bytes([table[(sample + LARGEST + 1) // _STEP] for sample in samples])


def mixed(frames: Sequence[Samples]) -> list[Samples]:
    """What each party hears: the sum of all others, as loud as can be at most."""
    total = [sum(samples) for samples in zip(*frames, strict=True)]
    return [
        array("h", [max(-LARGEST, min(LARGEST, whole - own)) for whole, own in zip(total, frame, strict=True)])
        for frame in frames
    ]


class Playout:
    """The packets of one party on their way into the sum: in their order, late ones left out."""

    def __init__(self) -> None:
        self._waiting: dict[int, Samples] = {}
        self._next: int | None = None
        "Sequence number after the last packet that was taken."
        self._rest = array("h")
        self._filling = True

    def put(self, number: int, samples: Samples) -> None:
        """A packet with this sequence number has come."""
        if self._next is not None and (number - self._next) & 0xFFFF > 0x7FFF:
            return  # too late, or twice
        self._waiting[number] = samples
        if len(self._waiting) > MOST_WAITING:
            first = self._first()
            del self._waiting[first]
            self._next = (first + 1) & 0xFFFF

    def take(self) -> Samples:
        """The next 20 ms; silence where nothing has come."""
        if self._filling and len(self._waiting) < PREFILL:
            return SILENCE
        self._filling = False
        while len(self._rest) < FRAME and self._waiting:
            number = self._first()
            self._rest.extend(self._waiting.pop(number))
            self._next = (number + 1) & 0xFFFF
        frame, self._rest = self._rest[:FRAME], self._rest[FRAME:]
        if len(frame) < FRAME:
            self._filling = True
            frame.extend(SILENCE[len(frame) :])
        return frame

    def _first(self) -> int:
        start = self._next if self._next is not None else next(iter(self._waiting))
        return min(self._waiting, key=lambda number: (number - start + 0x8000) & 0xFFFF)

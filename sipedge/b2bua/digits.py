"""Digits that a program dials into a call: INFO to the phones, one after the other (`application/dtmf-relay`)."""

import asyncio
from collections.abc import Iterable
from typing import Final

from sipedge.b2bua.leg import Leg

TONE: Final = 160
"Milliseconds of a digit."

PAUSE: Final = 1.0
"Seconds of a comma among digits."

RELAY: Final = "application/dtmf-relay"


async def send(legs: Iterable[Leg], digits: str) -> bool:
    """Whether all phones have taken all digits; the first that is refused is the last."""
    phones = list(legs)
    for digit in digits.upper():
        if digit == ",":
            await asyncio.sleep(PAUSE)
            continue
        body = f"Signal={digit}\r\nDuration={TONE}\r\n".encode()
        if any([await phone.ask("INFO", [("Content-Type", RELAY)], body) >= 300 for phone in phones]):
            return False
    return True

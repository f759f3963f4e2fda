"""Whether the phone of a call is still there: OPTIONS now and then, and its session timer (RFC 4028, RFC 5057)."""

import asyncio
from typing import TYPE_CHECKING

from sipedge.sip.headers import seconds_of
from sipedge.sip.message import Request

if TYPE_CHECKING:
    from sipedge.b2bua.leg import Leg

LOOK_INTERVAL = 30.0
"Seconds between two looks whether a phone in a call is still there."

MISSED = 2
"Looks in a row that nobody answers, until the phone is given up."

SHORTEST_SESSION = 90
"Seconds of a session timer (RFC 4028 section 5); a shorter one is taken as this."


class Watch:
    """Tells a leg when its phone has gone without a word."""

    def __init__(self, leg: "Leg", loop: asyncio.AbstractEventLoop, interval: float) -> None:
        self._leg = leg
        self._loop = loop
        self._interval = interval
        self._missed = 0
        self._look: asyncio.TimerHandle | None = None
        self._session_ends: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look every now and then."""
        self._look = self._loop.call_later(self._interval, self._leg.look_for_it)

    def stop(self) -> None:
        """It is not expected to be there any more."""
        for timer in (self._look, self._session_ends):
            if timer is not None:
                timer.cancel()

    def heard(self) -> None:
        """It has sent something."""
        self._missed = 0

    def gone(self, status: int) -> bool:
        """OPTIONS was answered with this, or with 408 or 503 by nobody: whether the phone is given up."""
        self._missed = self._missed + 1 if status in (408, 503) else 0
        return status == 481 or (status == 503 and self._leg.dialog.flow.reliable) or self._missed >= MISSED

    def session(self, request: Request) -> None:
        """The phone keeps the session alive by a timer of its own: it refreshes, we look that it does."""
        if self._session_ends is not None:
            self._session_ends.cancel()
        length = session_of(request)
        if length is not None:
            self._session_ends = self._loop.call_later(length - min(32, length / 3) + 32, self._leg.vanished)


def session_of(request: Request) -> int | None:
    """Seconds of the session that a phone asks for and refreshes; None where it has no timer for that."""
    asked = seconds_of(request.get("Session-Expires"))
    knows = "timer" in {tag.strip().lower() for tag in request.get_all("Supported") + request.get_all("Require")}
    return max(asked, SHORTEST_SESSION) if asked is not None and knows else None


def session_headers(request: Request) -> list[tuple[str, str]]:
    """What a 2xx says of the session timer that the request asks for."""
    length = session_of(request)
    return [("Session-Expires", f"{length};refresher=uac"), ("Require", "timer")] if length is not None else []

"""The signalling trace: the newest messages of an edge, in memory only (DESIGN sections 7 and 15).

Keeping a message costs a tuple: its bytes stay as they are, and what is in them is found out when somebody looks
(`reading`), with secrets out of sight (`masking`). Both happen in the edge, so that no secret leaves it.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from sipedge.sip.flow import Flow

MAX_KEPT = 16_384
"Octets that are kept of one message: longer are only large lists, and their beginning says what they are."

OVERHEAD = 512
"Octets that a message counts beyond its own: the objects around it."

KEEP_ALIVE = 4
"Octets that no message is shorter than: empty lines keep a connection open, and would fill the trace."

FIRST_LETTER = 4
"A message begins with a letter; octets below this begin a STUN keep-alive (RFC 5389 section 6)."


class Entry(NamedTuple):
    """One message as it was on the wire."""

    number: int
    "Microseconds since 1970; made to rise where two come at once or the clock goes back."
    outgoing: bool
    flow: Flow
    data: bytes
    octets: int
    "How many it had; `data` may be its beginning only."
    user: str | None = None
    "Of CSTA over TCP: whose association it is, "
    invoke: int | None = None
    "and the invoke id; None for SIP."


_new = tuple.__new__
"Makes an entry in half the time that its own class takes: this runs for every message."


class Ring:
    """The newest entries: at most so many messages, and so many octets."""

    def __init__(self, messages: int, octets: int, clock: Callable[[], int]) -> None:
        """`messages`: 0 for none at all; `clock`: nanoseconds since 1970."""
        self._messages = messages
        self._octets = octets
        self._clock = clock
        self._longest = min(MAX_KEPT, octets // 2)
        self._entries: deque[Entry] = deque()
        self._held = 0
        self._last = 0
        self._on = messages > 0

    @property
    def on(self) -> bool:
        """Whether messages are kept."""
        return self._on

    def switch(self, on: bool) -> None:
        """Keep messages or not; what was kept is forgotten when it is switched off."""
        self._on = on and self._messages > 0
        if not self._on:
            self._entries.clear()
            self._held = 0

    def sip(self, data: bytes, flow: Flow, *, outgoing: bool) -> bool:
        """A message of SIP that has come, or is about to go; whether it is kept: keep-alives are not."""
        kept = self._on and len(data) > KEEP_ALIVE and data[0] >= FIRST_LETTER
        if kept:
            self._keep(data, flow, outgoing, None, None)
        return kept

    def take_back(self) -> None:
        """The newest message has not gone after all."""
        if self._entries:
            self._held -= len(self._entries.pop().data) + OVERHEAD

    def csta(self, document: bytes, flow: Flow, *, outgoing: bool, user: str, invoke: int) -> None:
        """A document of CSTA over TCP or TLS; `user`: empty before the log-in."""
        if self._on:
            self._keep(document, flow, outgoing, user, invoke)

    def _keep(self, data: bytes, flow: Flow, outgoing: bool, user: str | None, invoke: int | None) -> None:
        number = self._clock() // 1000
        if number <= self._last:
            number = self._last + 1
        self._last = number
        octets = len(data)
        if octets > self._longest:
            data = data[: self._longest]
        entries = self._entries
        entries.append(_new(Entry, (number, outgoing, flow, data, octets, user, invoke)))
        self._held += len(data) + OVERHEAD
        while self._held > self._octets or len(entries) > self._messages:
            self._held -= len(entries.popleft().data) + OVERHEAD

    def entries(self) -> list[Entry]:
        """All that is kept, oldest first."""
        return list(self._entries)

    def settled(self) -> int:
        """A number that no later entry is at or below."""
        self._last = max(self._last, self._clock() // 1000)
        return self._last

    @property
    def held(self) -> int:
        """Octets that the entries count."""
        return self._held

    def __len__(self) -> int:
        return len(self._entries)

"""Guessing passwords is slow: wrong credentials from one address are counted, and then not looked at for a while.

Counted are attempts that named a user and gave a wrong digest: for each address and user, and for each address alone at
a higher limit, since many users may share a NAT. A right password clears the user's count. Time comes as an argument.
"""

from collections import OrderedDict
from dataclasses import dataclass

TRIES_OF_A_USER = 30
"Wrong digests for one user from one address before it is blocked: a client with an old password tries 16 in a second."

TRIES_OF_AN_ADDRESS = 300
"Wrong digests from one address for any users."

FIRST_BLOCK = 30.0
"Seconds of the first block; each further one is twice as long."

LONGEST_BLOCK = 900.0
"Seconds of the longest block: people who have corrected their password should not wait for hours."

FORGOTTEN_AFTER = 3600.0
"Seconds without a wrong attempt after which nothing is remembered."

MAX_REMEMBERED = 100_000
"Addresses and users remembered, about 200 bytes each; those that were heard of longest ago go first."


@dataclass(slots=True)
class _Count:
    wrong: int = 0
    blocks: int = 0
    blocked_until: float = 0.0
    last: float = 0.0


class Throttle:
    """What is remembered of wrong credentials."""

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()
        self.refused = 0
        "Requests that were not looked at."

    def blocked(self, address: str, user: str, now: float) -> float:
        """Seconds for which credentials of this user from this address are not looked at; 0 when they are."""
        left = max(self._left(address, user, now), self._left(address, "", now))
        if left:
            self.refused += 1
        return left

    def wrong(self, address: str, user: str, now: float) -> None:
        """Somebody gave a wrong digest."""
        self._count(address, user, TRIES_OF_A_USER, now)
        self._count(address, "", TRIES_OF_AN_ADDRESS, now)

    def right(self, address: str, user: str) -> None:
        """Somebody logged in."""
        self._counts.pop((address, user), None)

    def _left(self, address: str, user: str, now: float) -> float:
        found = self._counts.get((address, user))
        return max(0.0, found.blocked_until - now) if found is not None else 0.0

    def _count(self, address: str, user: str, limit: int, now: float) -> None:
        key = (address, user)
        found = self._counts.get(key)
        if found is None or now - found.last > FORGOTTEN_AFTER:
            found = self._counts[key] = _Count()
        self._counts.move_to_end(key)
        found.last = now
        found.wrong += 1
        if found.wrong >= limit:
            found.wrong = 0
            found.blocked_until = now + min(FIRST_BLOCK * 2.0**found.blocks, LONGEST_BLOCK)
            found.blocks += 1
        while len(self._counts) > MAX_REMEMBERED:
            self._counts.popitem(last=False)

"""Guessing passwords is slow: wrong credentials from one address are counted, and then not looked at for a while.

Counted are attempts that named a user and gave a wrong digest: for each address and user, and for each address alone at
a higher limit, since many users may share a NAT. A right password clears the user's count. Time and limits come as
arguments.
"""

from collections import OrderedDict
from dataclasses import dataclass

from provisioning.policy import LimitFacts

FORGOTTEN_AFTER = 3600.0
"Seconds without a wrong attempt after which nothing is remembered."

MOST_DOUBLED = 20
"Times that a block is doubled: by then it is longer than any that can be set."

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

    def blocked(self, address: str, user: str, now: float) -> float:
        """Seconds for which credentials of this user from this address are not looked at; 0 when they are."""
        return max(self._left(address, user, now), self._left(address, "", now))

    def wrong(self, address: str, user: str, limits: LimitFacts, now: float) -> None:
        """Somebody gave a wrong digest."""
        self._count(address, user, limits.wrong_of_user, limits, now)
        self._count(address, "", limits.wrong_of_address, limits, now)

    def right(self, address: str, user: str) -> None:
        """Somebody logged in."""
        self._counts.pop((address, user), None)

    def _left(self, address: str, user: str, now: float) -> float:
        found = self._counts.get((address, user))
        return max(0.0, found.blocked_until - now) if found is not None else 0.0

    def _count(self, address: str, user: str, most: int, limits: LimitFacts, now: float) -> None:
        key = (address, user)
        found = self._counts.get(key)
        if found is None or now - found.last > FORGOTTEN_AFTER:
            found = self._counts[key] = _Count()
        self._counts.move_to_end(key)
        found.last = now
        found.wrong += 1
        if found.wrong >= most:
            found.wrong = 0
            found.blocked_until = now + min(limits.first_block * 2**found.blocks, limits.longest_block)
            found.blocks = min(found.blocks + 1, MOST_DOUBLED)
        while len(self._counts) > MAX_REMEMBERED:
            self._counts.popitem(last=False)

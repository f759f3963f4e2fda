"""What one address, or one user, may take of the edge: limits of the policy, live (DESIGN: hostile input).

Counted are connections from the moment they are accepted, handshakes and messages that have begun and not ended, and
requests that are being handled. Whether an address is exempt is looked up only where a limit is passed.
"""

import math
from collections.abc import Hashable
from datetime import UTC, datetime

from presence.engine.errors import TryAgainLater
from provisioning.policy import Policy
from sipedge import refusals
from sipedge.rates import Rate
from sipedge.refusals import Refusals

BUSY_AFTER = 2
"Seconds after which a peer with too many requests at once may come again: handling one takes milliseconds."

MAX_JUDGED = 10_000
"Addresses whose exemption is remembered."


class Held:
    """How many of one thing each address holds."""

    def __init__(self) -> None:
        self._held: dict[str, int] = {}
        self.total = 0

    def of(self, host: str) -> int:
        """What this address holds."""
        return self._held.get(host, 0)

    def take(self, host: str) -> None:
        """One more."""
        self._held[host] = self._held.get(host, 0) + 1
        self.total += 1

    def give(self, host: str) -> None:
        """One less; an address without any is forgotten."""
        left = self._held[host] - 1
        if left:
            self._held[host] = left
        else:
            del self._held[host]
        self.total -= 1

    def greatest(self, number: int) -> list[tuple[str, int]]:
        """The addresses that hold most."""
        return sorted(self._held.items(), key=lambda one: -one[1])[:number]


class Peers:
    """The limits, and what counts against them."""

    def __init__(self) -> None:
        self.refusals = Refusals()
        self.connections = Held()
        self.half_open = Held()
        self.requests = Held()
        self._rates = {"PUBLISH": Rate(), "MESSAGE": Rate()}
        self._judged: dict[str, bool] = {}
        self.take_policy(Policy())

    def take_policy(self, policy: Policy) -> None:
        """Limits and exemptions may have changed."""
        self._policy = policy
        self._most = policy.limits
        self._per_minute = {
            "PUBLISH": (policy.limits.publish_rate, refusals.PUBLISH_RATE),
            "MESSAGE": (policy.limits.message_rate, refusals.MESSAGE_RATE),
        }
        self._judged.clear()

    def may_connect(self, host: str) -> bool:
        """Another connection of this address is within the limit; a refusal is counted."""
        return self.connections.of(host) < self._most.connections or self._exempt(host, refusals.CONNECTIONS)

    def may_begin(self, host: str) -> bool:
        """Another handshake or message of this address may be begun; a refusal is counted."""
        return self.half_open.of(host) < self._most.half_open or self._exempt(host, refusals.HALF_OPEN)

    def may_ask(self, host: str) -> bool:
        """Another request of this address may be handled; a refusal is counted."""
        return self.requests.of(host) < self._most.transactions or self._exempt(host, refusals.TRANSACTIONS)

    def check_rate(self, method: str, user: Hashable, host: str, now: float) -> None:
        """Raises TryAgainLater when this user has sent too many requests of this method; `now`: loop time."""
        rate = self._rates.get(method)
        if rate is None:
            return
        limit, reason = self._per_minute[method]
        left = rate.over(user, limit, now)
        if left and not self._exempt(host, reason):
            raise TryAgainLater(math.ceil(left))

    def refused(self, reason: str, host: str) -> None:
        """Count a refusal or a drop."""
        self.refusals.count(reason, host, datetime.now(UTC))

    def untrusted(self, host: str, names: frozenset[str]) -> None:
        """A peer of the engine is not trusted; `names`: the domains in its certificate."""
        self.refusals.untrusted(host, names, datetime.now(UTC))

    def tls_failed(self, host: str, listener: str, why: str) -> None:
        """A handshake failed, or TLS broke later; `listener`: its address and port."""
        self.refusals.tls_failed(host, listener, why, datetime.now(UTC))

    def _exempt(self, host: str, reason: str) -> bool:
        """No limit concerns this address; else its refusal is counted."""
        limited = self._judged.get(host)
        if limited is None:
            if len(self._judged) >= MAX_JUDGED:
                self._judged.clear()
            limited = self._judged[host] = self._policy.limited(host)
        if limited:
            self.refused(reason, host)
        return not limited

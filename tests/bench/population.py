"""Who uses a presence server, and what they do in its busiest hour: the assumptions of the capacity model.

Nobody has measured these: they are what a planner has to know of the own users, with values to begin with.
"""

import math
import random
from dataclasses import dataclass, field, replace
from functools import cached_property

HOUR = 3600.0
"Seconds."


@dataclass(frozen=True)
class Buddies:
    """How many people watch a user: a bounded Pareto distribution, since a few are watched by very many."""

    mean: float = 20.0
    tail: float = 1.5
    "The exponent: the share of those with more than n falls with n to this power."
    most: float = 1000.0

    @cached_property
    def least(self) -> float:
        """The lower bound that gives the mean."""
        low, high = 1e-6, self.mean
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if self._moment(1, middle) < self.mean else (low, middle)
        return (low + high) / 2

    @cached_property
    def square(self) -> float:
        """The mean of the square."""
        return self._moment(2, self.least)

    def _moment(self, power: int, least: float) -> float:
        tail, most = self.tail, self.most
        share = 1 - (least / most) ** tail
        if math.isclose(tail, power):
            return tail * least**tail * math.log(most / least) / share
        return tail * least**tail * (most ** (power - tail) - least ** (power - tail)) / ((power - tail) * share)

    def beyond(self, number: float) -> float:
        """The mean of what a user has more than this number of watchers; 0 for those who have fewer."""
        least, tail, most = self.least, self.tail, self.most
        start = min(max(number, least), most)
        share = 1 - (least / most) ** tail
        end = (least / most) ** tail
        if math.isclose(tail, 1.0):
            above = least * math.log(most / start)
        else:
            above = least**tail * (most ** (1 - tail) - start ** (1 - tail)) / (1 - tail)
        return (above - end * (most - start)) / share + max(0.0, start - max(number, 0.0))

    def draw(self, chance: random.Random) -> int:
        """The watchers of one user."""
        share = 1 - (self.least / self.most) ** self.tail
        found = self.least / (1 - chance.random() * share) ** (1 / self.tail)
        return int(found + chance.random())


@dataclass(frozen=True)
class Population:
    """Users, and what each of them does."""

    users: int
    devices: float = 1.5
    "Devices of a user that are logged in at the same time; each registers, publishes and subscribes for itself."
    buddies: Buddies = field(default_factory=Buddies)
    changes: float = 4.0
    "Changes of state of a user in the busy hour: calls, meetings, away and back."
    logins: float = 0.5
    "Devices of a user that log in within the busy hour, and as many that log out."
    messages: float = 5.0
    "Messages that a user sends in the busy hour."
    registration: float = HOUR
    "Seconds after which a device renews its registration at the latest; so the next two."
    publication: float = HOUR
    subscription: float = HOUR
    jitter: float = 0.2
    "Clients renew earlier by up to this share, at random."

    @property
    def bindings(self) -> float:
        """Registered devices."""
        return self.users * self.devices

    @property
    def publications(self) -> float:
        """One of each device."""
        return self.bindings

    @property
    def watched_by(self) -> float:
        """Subscriptions to one user: each device of each watcher has its own."""
        return self.buddies.mean * self.devices

    @property
    def subscriptions(self) -> float:
        """Of all devices to all whom their users watch."""
        return self.users * self.watched_by

    def renewed(self, number: float, interval: float) -> float:
        """Renewals a second of so many things."""
        return number / (interval * (1 - self.jitter / 2))

    @property
    def rates(self) -> "Rates":
        """What happens a second in the busy hour."""
        logins = self.users * self.logins / HOUR
        changing = self.users * self.changes / HOUR + 2 * logins
        return Rates(
            changing=changing,
            publish=changing + self.renewed(self.publications, self.publication),
            notify=changing * self.watched_by,
            subscribe=logins * self.buddies.mean,
            refresh=self.renewed(self.subscriptions, self.subscription) + logins * self.buddies.mean,
            register=self.renewed(self.bindings, self.registration) + 2 * logins,
            message=self.users * self.messages / HOUR,
        )

    def part(self, parts: float) -> "Population":
        """One of so many equal parts."""
        return replace(self, users=math.ceil(self.users / parts))


@dataclass(frozen=True, slots=True)
class Rates:
    """A second, of all users together."""

    changing: float
    "PUBLISH requests that watchers hear of."
    publish: float
    "All PUBLISH requests: those that only renew a publication as well."
    notify: float
    "NOTIFYs of changes; those that answer a SUBSCRIBE are counted with it."
    subscribe: float
    refresh: float
    "Renewals, and ends: an end costs what a renewal costs."
    register: float
    message: float

    @property
    def plans(self) -> float:
        """Changes that are written to the database."""
        return self.publish + self.subscribe + self.refresh + self.register

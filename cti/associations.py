"""Who is connected to the gateway, who each of them is and what it follows, and what is to be done for them."""

from dataclasses import dataclass, field
from typing import Any

from cti.csta.codec import ED3


@dataclass(frozen=True, slots=True)
class Identity:
    """Who uses an association, and what it may monitor and control."""

    name: str
    devices: frozenset[str] = frozenset()
    "Lines, in canonical form."
    all_devices: bool = False


@dataclass(frozen=True, slots=True)
class Monitor:
    """A device that is followed."""

    reference: str
    device: str
    left_out: frozenset[str]
    "Events by their names in the filter."


@dataclass(slots=True, eq=False)
class Association:
    """One client, as long as it is connected."""

    id: str
    identity: Identity | None
    "None until it has logged in."
    since: float
    "When it was opened."
    expires_at: float
    namespace: str = ED3
    "Of the client's edition."
    monitors: dict[str, Monitor] = field(default_factory=dict)
    spellings: dict[str, str] = field(default_factory=dict)
    "Devices as the client has written them last."
    references: int = 0
    "Cross references given so far; none is used twice."
    attempts: int = 0
    logging_in: bool = False


@dataclass(frozen=True, slots=True)
class Transmission:
    """A document to send."""

    association: Association
    document: bytes
    tag: Any
    "Of the request that it answers; None for what answers none."


@dataclass(frozen=True, slots=True)
class LogIn:
    """A name and a password to be looked up; the result goes to `decide`."""

    association: Association
    name: str
    password: str
    version: str
    duration: int | None
    tag: Any


@dataclass(frozen=True, slots=True)
class Ended:
    """An association that the gateway has ended; its transport is to be closed."""

    association: Association
    reason: str


class TooManyAssociations(Exception):
    """No more clients can be served."""

"""What the pages of the phone are about, and what they share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from presence.engine.reachability import LABELS, Reachability
from sipedge.phone.screens import (
    EXIT,
    Part,
    Screen,
    SoftKey,
    Text,
)

APPLICATION = "Phone Messenger"

NO_MESSAGE = frozenset({Reachability.UNAVAILABLE, Reachability.UNKNOWN, Reachability.DND})
"States in which a contact is not written to."

NO_CALL = frozenset({Reachability.UNAVAILABLE, Reachability.DND})
"States in which a contact is not called."

AUTOMATIC = "automatic"

STATUSES = {
    AUTOMATIC: "Automatic",
    **{
        state.value: LABELS[state]
        for state in (
            Reachability.AVAILABLE,
            Reachability.BUSY,
            Reachability.DND,
            Reachability.AWAY,
            Reachability.VACATION,
            Reachability.UNAVAILABLE,
        )
    },
}
"States that a user can choose."

LISTED = 32
"Messages on one page of the list."

NOTE = 200
"Characters of a note."

REFRESH = (7, 3600)
"Seconds that a user can choose between two refreshes."

SOUND = "Play:Chime.raw"
"A sound that every such phone has."

Link = Callable[..., str]
"Makes the URL of a page of this log-in from the parts of its path."


@dataclass(frozen=True, slots=True)
class Contact:
    """A buddy, as the user agent's subscription shows it."""

    key: str
    name: str
    address: str
    number: str
    "What is dialled."
    state: Reachability = Reachability.UNKNOWN
    subscription: str = "active"
    activities: tuple[str, ...] = ()
    note: str = ""
    since: str = ""
    devices: tuple[str, ...] = ()
    "What each open one can do."


@dataclass(frozen=True, slots=True)
class Message:
    """A message of this log-in."""

    key: str
    name: str
    "Of the other one."
    address: str
    number: str
    text: str
    at: str
    outgoing: bool = False
    failed: bool = False
    unread: bool = False
    contact: bool = True
    "The other one is a contact."


@dataclass(frozen=True, slots=True)
class Own:
    """The user's own side."""

    name: str
    status: str = AUTOMATIC
    note: str = ""
    unread: int = 0


@dataclass(frozen=True, slots=True)
class Choices:
    """The user's settings, with what holds when nothing is chosen."""

    refresh: int = 30
    "Seconds."
    timer: int = 480
    "Minutes."
    longest_timer: int = 480
    "Minutes that the operator allows."
    protect: bool = False
    sound: bool = False


def allows_message(state: Reachability) -> bool:
    """A contact in this state is written to."""
    return state not in NO_MESSAGE


def allows_call(state: Reachability) -> bool:
    """A contact in this state is called."""
    return state not in NO_CALL


def sentence(title: str, text: str, *keys: tuple[str, str], exits: bool = False) -> Screen:
    """A sentence and what to do next."""
    found = tuple(SoftKey(*key) for key in keys)
    return Text(title, "", (*found, EXIT) if exits else found, None, text)


def dial(number: str) -> str:
    """What a phone does by itself to call."""
    return f"Dial:{number}"


def state_of(one: Contact) -> str:
    """A contact's state in words."""
    if one.subscription == "refused":
        return "Not shown to you"
    return LABELS[one.state]


def on_or_off(value: bool) -> str:
    """A setting in words."""
    return "on" if value else "off"


def paging(link: Link, shown: Part[Any], *path: str) -> tuple[SoftKey, ...]:
    """Next and Previous, where there are more pages."""
    keys = []
    if shown.page + 1 < shown.pages:
        keys.append(SoftKey("Next", link(*path, shown.page + 1)))
    if shown.page > 0:
        keys.append(SoftKey("Previous", link(*path, shown.page - 1)))
    return tuple(keys)

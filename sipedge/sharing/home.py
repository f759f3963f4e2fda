"""Which of the processes that share their addresses has a message at home; told from a few of its bytes.

The kernel spreads datagrams and connections over the processes by addresses, which says nothing about users. Whatever
concerns one user is done by one process: it alone has the user's state and watchers in memory, nothing is loaded twice,
and a change needs no other process. A wrong guess is slower and nothing else: any edge can answer anything.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from zlib import crc32

MOST: Final = 64
"Processes that can share their addresses: an index takes six bits of an id and two digits of a branch."

FIRST: Final = 0
"The process that has all calls: a call has two ends, and a switch knows all lines."

CALLS: Final = frozenset({b"INVITE", b"ACK", b"BYE", b"CANCEL", b"INFO", b"UPDATE", b"REFER", b"PRACK"})
"Methods of calls, and of dialogs with CSTA."

HEAD: Final = 4096
"Bytes that are looked at: Via and To come early, and a body says nothing."

_COOKIE: Final = b"z9hG4bK"
_REQUEST: Final = re.compile(rb"([A-Za-z]+) (?:sips?|pres|im):([^@;?>: ]*)")
_TO: Final = re.compile(rb"\n(?:to|t)[ \t]*:([^\r\n]*)", re.IGNORECASE)
_VIA: Final = re.compile(rb"\n(?:via|v)[ \t]*:([^\r\n,]*(?:\r?\n[ \t][^\r\n,]*)*)", re.IGNORECASE)
_BRANCH: Final = re.compile(rb";\s*branch\s*=\s*" + _COOKIE + rb"([0-9a-f]{2})", re.IGNORECASE)
_TAG: Final = re.compile(rb";[ \t]*tag[ \t]*=[ \t]*([^;> \t]+)", re.IGNORECASE)
_USER: Final = re.compile(rb"(?:sips?|pres|im|tel):([^@;?>: ]*)", re.IGNORECASE)
_OURS: Final = re.compile(rb"[0-9a-f]{16}")
"Our tag of a subscription: its id, which always has as many digits."


class Share(NamedTuple):
    """One process among those that share their addresses."""

    index: int
    "From 0."
    count: int

    @property
    def first(self) -> bool:
        """It has the calls and the programs that control phones."""
        return self.index == 0


ALONE: Final = Share(0, 1)
"Nobody else has our addresses."


class Home(NamedTuple):
    """Where a message is at home."""

    index: int
    new: bool
    "Nobody else knows less of it; what belongs to a call, a dialog or a transaction can be answered there only."


def mark(index: int) -> str:
    """What the branches of this process begin with, after the cookie."""
    return f"{index:02x}"


def numbered(id: int, index: int) -> int:
    """An id from which everybody sees whose it is."""
    return id & ~(MOST - 1) | index


def home_of(message: bytes, count: int, moved: Mapping[int, int]) -> Home | None:
    """The process for a message, or None where any is as good; `moved`: ids that another one has than they say."""
    if message.startswith(b"SIP/2.0 "):
        via = _VIA.search(message, 0, HEAD)
        branch = _BRANCH.search(via[1]) if via is not None else None
        index = int(branch[1], 16) if branch is not None else count
        return Home(index, new=False) if index < count else None
    request = _REQUEST.match(message)
    if request is None:
        return None
    method, user = request.groups()
    if method in CALLS:
        return Home(FIRST, new=False)
    to = _TO.search(message, 0, HEAD)
    if to is None or method == b"OPTIONS":
        return None
    tag = _TAG.search(to[1].rpartition(b">")[2])
    if tag is not None:
        return Home(_of_tag(tag[1], count, moved), new=False)
    if method == b"REGISTER":
        named = _USER.search(to[1])
        user = named[1] if named is not None else b""
    return Home(crc32(user.lower()) % count, new=True)


def _of_tag(tag: bytes, count: int, moved: Mapping[int, int]) -> int:
    """Within a dialog: that of a subscription is where the subscription is; all others are those of calls."""
    if _OURS.fullmatch(tag) is None:
        return FIRST
    id = int(tag, 16)
    known = moved.get(id)
    return known if known is not None else id % MOST if id % MOST < count else FIRST

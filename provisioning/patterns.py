"""Patterns of routes: hosts and numbers with wildcards, and which of two patterns says more.

In a host `*` stands for any part of it and `.` for itself. In a number (a user part) `.` stands for any one
character, and `*` at the end for whatever follows. `\\*` is a star in both.
"""

import re
from functools import lru_cache

HOST = "domain"
NUMBER = "user"

MAX_PATTERN = 255
"Characters of a pattern; a domain name has no more."

_PIECE = re.compile(r"\\\*|[^\\]")
_HOST_CHARACTER = re.compile(r"[A-Za-z0-9._:\[\]-]")
_NUMBER_CHARACTER = re.compile(r"[A-Za-z0-9._~!$&'()+,;=?/%#-]")


class BadPattern(ValueError):
    """The text is no pattern; the message says why."""


@lru_cache(maxsize=4096)
def compiled(kind: str, pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression; raises BadPattern."""
    pieces = _PIECE.findall(pattern)
    if not pieces or "".join(pieces) != pattern or len(pattern) > MAX_PATTERN:
        raise BadPattern("a pattern has some characters, and \\ only before *")
    made = []
    for number, piece in enumerate(pieces, 1):
        if piece == "\\*":
            made.append(r"\*")
        elif piece == "*" and kind == NUMBER:
            if number < len(pieces):
                raise BadPattern("in a number * stands at the end only")
            made.append(".*")
        elif piece == "*":  # what lies between two stars is looked for once, so that no pattern takes long
            made.append(")" if "*" in pieces[: number - 1] else "")
            made.append("(?>.+?" if "*" in pieces[number:] else ".+")
        elif piece == "." and kind == NUMBER:
            made.append(".")
        elif (_HOST_CHARACTER if kind == HOST else _NUMBER_CHARACTER).fullmatch(piece):
            made.append(re.escape(piece))
        else:
            raise BadPattern(f"{piece!r} has no place in a pattern")
    return re.compile("".join(made), re.IGNORECASE if kind == HOST else 0)


def matches(kind: str, pattern: str, text: str) -> bool:
    """The whole text is what the pattern means."""
    return compiled(kind, pattern).fullmatch(text) is not None


def specificity(kind: str, pattern: str) -> tuple[int, int]:
    """How much a pattern says: characters that stand for themselves, then its length; the larger goes first."""
    pieces = _PIECE.findall(pattern)
    wild = sum(piece == "*" or (piece == "." and kind == NUMBER) for piece in pieces)
    return len(pieces) - wild, len(pieces)

"""Which classes of service a client has when its document does not say (section 7.3, R-PUB-30 to 32, D-17)."""

import re
from collections.abc import Iterable
from typing import TypeVar

from presence.engine.types import Capabilities, CapabilityLike, ClientLike

Row = TypeVar("Row", bound=ClientLike)

TEXT_ONLY = Capabilities(audio=False, video=False, text=True)
"What a client can do of which nothing is known (R-PUB-32)."

_TRAILING_NUMBER = re.compile(r"(?P<type>.*[^\d.])(?P<version>\d+(?:\.\d+)*)")


def client_type(user_agent: str | None) -> tuple[str, str]:
    """(type, version) of a User-Agent; each empty when it is not there (D-17)."""
    words = (user_agent or "").split()
    if not words:
        return "", ""
    first, slash, rest = words[0].partition("/")
    if slash:
        return first, rest
    lowered = [word.lower() for word in words]
    if "release" in lowered[1:]:
        following = words[lowered.index("release", 1) + 1 :]
        return first, following[0] if following else ""
    number = _TRAILING_NUMBER.fullmatch(first)
    return (number["type"].rstrip("-_") or first, number["version"]) if number else (first, "")


def lookup(user_agent: str | None, table: Iterable[Row]) -> Row | None:
    """The row for this User-Agent: its version exactly, else the longest prefix of it, else the type alone."""
    kind, version = client_type(user_agent)
    if not kind:
        return None
    kind = kind.casefold()
    best: Row | None = None
    for row in table:
        if row.client_type.casefold() == kind and version.startswith(row.client_version):
            if best is None or len(row.client_version) > len(best.client_version):
                best = row
    return best


def capabilities(user_agent: str | None, table: Iterable[CapabilityLike]) -> Capabilities:
    """The classes of service of a client by the operator's table, text only without a row."""
    row = lookup(user_agent, table)
    return TEXT_ONLY if row is None else Capabilities(audio=row.audio, video=row.video, text=row.text)

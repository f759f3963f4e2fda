"""Session descriptions that pass through: bytes in, bytes out, and as little changed as can be (RFC 4566, RFC 3264).

What two phones agree on is theirs. Third-party call control changes who sends (the direction attribute), where nothing
is to be sent (the connection line), and the origin line, by which a phone tells a new description from an old one.
"""

import re
from dataclasses import dataclass
from typing import Final

SENDRECV: Final = "sendrecv"
SENDONLY: Final = "sendonly"
RECVONLY: Final = "recvonly"
INACTIVE: Final = "inactive"
DIRECTIONS: Final = frozenset({SENDRECV, SENDONLY, RECVONLY, INACTIVE})

NOWHERE: Final = "0.0.0.0"
"The address of a party that nothing is sent to (RFC 3725 section 5.2)."

PCMU: Final = 0
PCMA: Final = 8
EVENT: Final = 101
"RTP payload types: the two of G.711 (RFC 3551), and the one for digits that we offer (RFC 4733)."

_ATTRIBUTE = re.compile(rb"^a=(sendrecv|sendonly|recvonly|inactive)\s*$")


@dataclass(frozen=True, slots=True)
class Audio:
    """Where a party wants to receive sound, and in which formats."""

    host: str
    port: int
    payloads: tuple[int, ...]
    "RTP payload types, the preferred one first."
    direction: str


def lines_of(body: bytes) -> list[bytes]:
    """The lines, without their ends."""
    return [line for line in body.replace(b"\r\n", b"\n").split(b"\n") if line]


def _joined(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\r\n" for line in lines)


def _sections(body: bytes) -> list[list[bytes]]:
    """The session's lines, then those of each media."""
    sections: list[list[bytes]] = [[]]
    for line in lines_of(body):
        if line.startswith(b"m="):
            sections.append([])
        sections[-1].append(line)
    return sections


def _direction(lines: list[bytes]) -> str | None:
    for line in lines:
        if found := _ATTRIBUTE.match(line):
            return found[1].decode()
    return None


def direction(body: bytes) -> str:
    """Who sends, as the first media says; one that is to be sent nowhere is on hold (RFC 2543 appendix B)."""
    session, *media = _sections(body)
    first = media[0] if media else []
    said = _direction(first) or _direction(session) or SENDRECV
    connection = next((line for line in (*first, *session) if line.startswith(b"c=")), b"")
    if connection.endswith(b" " + NOWHERE.encode()) and said == SENDRECV:
        return SENDONLY
    return said


def holds(body: bytes) -> bool:
    """The party that says this does not want to hear the other one."""
    return bool(body) and direction(body) in (SENDONLY, INACTIVE)


def with_direction(body: bytes, said: str) -> bytes:
    """The same description with this direction for all media."""
    session, *media = _sections(body)
    kept = [line for line in session if not _ATTRIBUTE.match(line)]
    for one in media:
        kept += [line for line in one if not _ATTRIBUTE.match(line)]
        kept.append(b"a=" + said.encode())
    return _joined(kept)


def silent(body: bytes) -> bytes:
    """The same media with nothing to send, and nowhere to send it: the answer while nobody else is there."""
    lines = [b"c=IN IP4 " + NOWHERE.encode() if line.startswith(b"c=") else line for line in lines_of(body)]
    return with_direction(_joined(lines), INACTIVE)


def with_origin(body: bytes, session: int, version: int, host: str) -> bytes:
    """The same description as the `version`th one of this session of ours (RFC 3264 section 8)."""
    family = "IP6" if ":" in host else "IP4"
    origin = f"o=- {session} {version} IN {family} {host}".encode()
    return _joined([origin if line.startswith(b"o=") else line for line in lines_of(body)])


def same(one: bytes, other: bytes) -> bool:
    """They say the same but for their origin."""
    return _without_origin(one) == _without_origin(other)


def _without_origin(body: bytes) -> list[bytes]:
    return [line for line in lines_of(body) if not line.startswith(b"o=")]


def media(body: bytes) -> list[bytes]:
    """The lines that name the media, in order."""
    return [line for line in lines_of(body) if line.startswith(b"m=")]


def padded(body: bytes, known: list[bytes]) -> bytes:
    """A new offer for a party that knows more media than it has: those are refused by port 0 (RFC 3264 section 8)."""
    missing = known[len(media(body)) :]
    return _joined(lines_of(body) + [b" ".join([m.split()[0], b"0", *m.split()[2:]]) for m in missing])


def trimmed(body: bytes, count: int) -> bytes:
    """An answer without the media that were only refused on behalf of the one who had not offered them."""
    session, *rest = _sections(body)
    return _joined([line for section in (session, *rest[:count]) for line in section])


def audio(body: bytes) -> Audio | None:
    """The first sound of a description over plain RTP; None when there is none."""
    session, *rest = _sections(body)
    for section in rest:
        words = section[0].decode("ascii", "replace").split()
        if words[0] != "m=audio" or len(words) < 4 or words[2] != "RTP/AVP":
            continue
        connection = next((line for line in (*section, *session) if line.startswith(b"c=")), b"")
        host = connection.decode("ascii", "replace").rpartition(" ")[2].partition("/")[0]
        if not words[1].isdecimal() or len(words[1]) > 5 or int(words[1]) > 65535 or not host:
            return None
        payloads = tuple(int(word) for word in words[3:] if word.isdecimal() and len(word) < 4)
        return Audio(host, int(words[1]), payloads, _direction(section) or _direction(session) or SENDRECV)
    return None


def g711(host: str, port: int) -> bytes:
    """An offer of our own: G.711 and digits at this address."""
    family = "IP6" if ":" in host else "IP4"
    return (
        f"v=0\r\no=- 1 1 IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {PCMU} {PCMA} {EVENT}\r\na=rtpmap:{PCMU} PCMU/8000\r\na=rtpmap:{PCMA} PCMA/8000\r\n"
        f"a=rtpmap:{EVENT} telephone-event/8000\r\na=fmtp:{EVENT} 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    ).encode()

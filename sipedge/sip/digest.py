"""Digest authentication (RFC 7616, RFC 8760, D-45, D-50): challenges without memory, credentials without passwords.

A nonce is its issue time and a keyed hash, so that any edge can check one that another edge gave out, and nothing
is kept for clients that never come back. Replays are caught by the nonce count. The form of RFC 2069 (no qop),
which libpurple still speaks, is allowed by a setting; its nonces live shorter and are bound to the source address.
"""

import hmac
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from hashlib import md5, sha256
from itertools import count

from provisioning.uri import BadUri, SipUri, parse_uri
from sipedge.sip.errors import SipError
from sipedge.sip.grammar import TOKEN, split_outside, unquote

SHA256 = "SHA-256"
MD5 = "MD5"

LIFE = 3600
"Seconds for which a nonce is good: a client that re-registers within the hour need not be challenged again."

LEGACY_LIFE = 300
"Seconds for a nonce used without qop, where a listener could replay it (D-45)."

AHEAD = 60
"Seconds by which another edge's clock may be ahead of ours."

MAX_NONCES = 100_000
"Nonces whose count is remembered, about 200 bytes each; the least recently used goes, and is then stale."

_MAC_LENGTH = 32
"Hex digits of the keyed hash in a nonce: 128 bits."


class Verdict(Enum):
    """What credentials are worth."""

    OK = auto()
    STALE = auto()
    """Right password, but the nonce is old, used up, of another address or none of ours: challenge with stale=true.

    RFC 7616 3.3 wants that for any invalid nonce, RFC 2617 3.2.1 only where the digest is right for it; so it is here.
    It tells nothing to those who do not know the password, and spares those who do another question for it.
    """
    ELSEWHERE = auto()
    "Right password, but meant for another Request-URI: 400 (RFC 7616 3.4.6)."
    BAD = auto()
    "Anything else: challenge as if nothing had been given."


def ha1(user: str, realm: str, password: str, algorithm: str) -> str:
    """The stored secret of a user (RFC 7616 3.4.2), hex."""
    return _hash(algorithm, f"{user}:{realm}:{password}")


class Nonces:
    """Makes nonces and tells whether and when it made one; the key is shared by all edges (D-50)."""

    def __init__(self, key: bytes, edge: str) -> None:
        self._key = key
        self._edge = edge
        "Keeps the nonces of several edges, and of one before and after a restart, apart."
        self._numbers = count(1)

    def issue(self, *, realm: str, source: str, now: float) -> str:
        """A nonce for this realm and source address, given out only once; `now` in epoch seconds."""
        stamp = f"{int(now):x}-{self._edge}{next(self._numbers):x}"
        return f"{stamp}.{self._mac(stamp, realm, source)}"

    def age(self, nonce: str, *, realm: str, source: str, now: float) -> float | None:
        """Seconds since the nonce was issued to this source; None when it is not ours."""
        stamp, _, mac = nonce.partition(".")
        expected = self._mac(stamp, realm, source)
        if not hmac.compare_digest(mac.encode("utf-8", "surrogateescape"), expected.encode()):
            return None
        age = now - int(stamp.partition("-")[0], 16)
        return age if age >= -AHEAD else None

    def _mac(self, stamp: str, realm: str, source: str) -> str:
        text = f"{stamp}|{realm}|{source}".encode("utf-8", "surrogateescape")
        return hmac.digest(self._key, text, "sha256").hex()[:_MAC_LENGTH]


class NonceCounts:
    """The highest nonce count seen for each nonce; a count that is not higher is a replay (RFC 7616 3.4)."""

    def __init__(self, limit: int = MAX_NONCES) -> None:
        self._limit = limit
        self._seen: OrderedDict[str, tuple[int, int, float]] = OrderedDict()
        self._forgotten = float("-inf")
        "When the youngest nonce was issued whose counts are forgotten: of older ones it is not known what was used."

    def take(self, nonce: str, count: int, issued: float) -> bool:
        """Use up a count of a nonce that was `issued` then (epoch seconds); False for one that was used before.

        Requests may overtake each other, so the 64 counts below the highest are accepted once each.
        """
        if issued <= self._forgotten and nonce not in self._seen:
            return False
        highest, window, _ = self._seen.pop(nonce, (0, 0, issued))
        if count > highest:
            window = ((window << (count - highest)) | 1) & _WINDOW if count - highest < 64 else 1
            highest, fresh = count, True
        else:
            bit = 1 << (highest - count)
            fresh = highest - count < 64 and not window & bit
            window |= bit & _WINDOW
        self._seen[nonce] = (highest, window, issued)
        if len(self._seen) > self._limit:
            _, (_, _, oldest) = self._seen.popitem(last=False)
            self._forgotten = max(self._forgotten, oldest)
        return fresh

    def __len__(self) -> int:
        return len(self._seen)


_WINDOW = 2**64 - 1
_COUNT = re.compile(r"0*[1-9A-Fa-f][0-9A-Fa-f]{0,7}")
"nc-value (RFC 7616 3.4); some clients leave its zeros out."


@dataclass(frozen=True, slots=True)
class Credentials:
    """An Authorization or Proxy-Authorization value of the Digest scheme."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = MD5
    qop: str | None = None
    nc: str | None = None
    cnonce: str | None = None

    @staticmethod
    def parse(text: str) -> "Credentials":
        """Read a header value; raises SipError(400). Another scheme than Digest is refused likewise."""
        scheme, _, rest = text.strip().partition(" ")
        if scheme.lower() != "digest":
            raise SipError(400, "Unknown Authentication Scheme")
        values: dict[str, str] = {}
        for part in split_outside(rest, ","):
            if not part.strip():
                continue
            name, equals, value = part.partition("=")
            name = name.strip().lower()
            if not equals or not TOKEN.fullmatch(name) or name in values:
                raise SipError(400, "Bad Credentials")
            values[name] = unquote(value.strip())
        missing = {"username", "realm", "nonce", "uri", "response"} - values.keys()
        if missing:
            raise SipError(400, "Incomplete Credentials")
        return Credentials(
            username=values["username"],
            realm=values["realm"],
            nonce=values["nonce"],
            uri=values["uri"],
            response=values["response"],
            algorithm=values.get("algorithm", MD5),
            qop=values.get("qop"),
            nc=values.get("nc"),
            cnonce=values.get("cnonce"),
        )


def challenge(
    realm: str,
    algorithms: Sequence[str],
    *,
    nonces: Nonces,
    now: float,
    source: str,
    stale: bool = False,
) -> list[str]:
    """One header value for each algorithm, in the order given: strongest first (RFC 8760 2.3)."""
    nonce = nonces.issue(realm=realm, source=source, now=now)
    again = ", stale=true" if stale else ""
    return [f'Digest realm="{realm}", nonce="{nonce}", algorithm={name}, qop="auth"{again}' for name in algorithms]


def check(
    credentials: Credentials,
    *,
    method: str,
    target: str,
    md5: str | None,
    sha256: str | None,
    nonces: Nonces,
    counts: NonceCounts,
    source: str,
    legacy: bool,
    now: float,
) -> Verdict:
    """Check credentials against the stored secrets (HA1 in hex, None where there is none).

    `legacy` allows the form without qop. The time that is taken does not tell whether the user exists.
    """
    algorithm = credentials.algorithm.upper()
    secret = {SHA256: sha256, MD5: md5}.get(algorithm)
    known = algorithm in (SHA256, MD5)
    expected = response(credentials, method, secret or "0" * (64 if algorithm == SHA256 else 32))
    right = hmac.compare_digest(expected.encode(), credentials.response.lower().encode("utf-8", "surrogateescape"))
    if not right or secret is None or not known:
        return Verdict.BAD
    if credentials.qop is None and not legacy:
        return Verdict.BAD
    if credentials.qop is not None and not (
        credentials.qop.lower() == "auth" and credentials.cnonce and _COUNT.fullmatch(credentials.nc or "")
    ):
        return Verdict.BAD
    if not _same_target(credentials.uri, target):
        return Verdict.ELSEWHERE
    age = nonces.age(credentials.nonce, realm=credentials.realm, source=source, now=now)
    if age is None:
        return Verdict.STALE
    if age > (LIFE if credentials.qop is not None else LEGACY_LIFE):
        return Verdict.STALE
    if credentials.qop is not None:
        if not counts.take(credentials.nonce, int(credentials.nc or "", 16), now - age):
            return Verdict.STALE
    return Verdict.OK


def response(credentials: Credentials, method: str, secret: str) -> str:
    """The response that a client with this secret (HA1, hex) gives (RFC 7616 3.4.1, without qop RFC 2069 2.4)."""
    algorithm = SHA256 if credentials.algorithm.upper() == SHA256 else MD5
    ha2 = _hash(algorithm, f"{method}:{credentials.uri}")
    if credentials.qop is None:
        return _hash(algorithm, f"{secret}:{credentials.nonce}:{ha2}")
    return _hash(
        algorithm, f"{secret}:{credentials.nonce}:{credentials.nc}:{credentials.cnonce}:{credentials.qop}:{ha2}"
    )


def _hash(algorithm: str, text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return sha256(data).hexdigest() if algorithm == SHA256 else md5(data, usedforsecurity=False).hexdigest()


def _same_target(uri: str, target: str) -> bool:
    """The uri parameter names the Request-URI (RFC 3261 22.4); spelling and parameters may differ."""
    if uri == target:
        return True
    try:
        mine, theirs = parse_uri(uri), parse_uri(target)
    except BadUri:
        return False
    if not isinstance(mine, SipUri) or not isinstance(theirs, SipUri):
        return mine == theirs
    return (mine.user, mine.host.lower()) == (theirs.user, theirs.host.lower())

"""The digest secrets (HA1) of a user; the password itself is never kept (D-50, RFC 7616 section 3.4.2)."""

from hashlib import md5, sha256
from typing import NamedTuple


class Digests(NamedTuple):
    """HA1 in hex, for both algorithms and for both user names that a client may send."""

    md5: str
    sha256: str
    md5_full: str
    "For the user name `user@domain`."
    sha256_full: str


NONE = Digests("", "", "", "")


def digests(user: str, realm: str, password: str) -> Digests:
    """The secrets of this password; they hold only for this user and this realm."""
    short = f"{user}:{realm}:{password}".encode()
    full = f"{user}@{realm}:{realm}:{password}".encode()
    return Digests(
        md5(short, usedforsecurity=False).hexdigest(),
        sha256(short).hexdigest(),
        md5(full, usedforsecurity=False).hexdigest(),
        sha256(full).hexdigest(),
    )

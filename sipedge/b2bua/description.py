"""Both sides of a session of ours: what a phone was told of its media, and what it has said (RFC 3264)."""

import secrets

from sipedge.b2bua import sdp
from sipedge.sip.message import Request, Response

SDP = "application/sdp"


class Description:
    """The descriptions are those of others; they are numbered as one session of ours."""

    def __init__(self) -> None:
        self.local = b""
        "What the phone was told last about its media, before it got our origin line."
        self.remote = b""
        "What the phone has said last."
        self._session = secrets.randbits(31)
        self._version = 0
        self._known: list[bytes] = []
        "Media lines of this session so far: they never become fewer."

    def tell(self, body: bytes, host: str) -> bytes:
        """What the phone is told of its media, as the next description of our session at `host`."""
        if not body:
            return b""
        if not self._version or not sdp.same(body, self.local):
            self._version += 1
        self.local = body
        dressed = sdp.padded(body, self._known)
        self._known = sdp.media(dressed)
        return sdp.with_origin(dressed, self._session, self._version, host)

    def hear(self, message: Request | Response, offered: bytes = b"") -> bytes:
        """What the phone says of its media; of an answer only what belongs to the offer as its owner made it."""
        body = message.body
        if not body or not is_sdp(message):
            return b""
        self._known = max(self._known, sdp.media(body), key=len)
        self.remote = sdp.trimmed(body, len(sdp.media(offered))) if offered else body
        return self.remote


def is_sdp(message: Request | Response) -> bool:
    """Its body is a session description."""
    return (message.get("Content-Type") or "").partition(";")[0].strip().lower() == SDP

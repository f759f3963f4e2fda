"""What the SIP core raises: their mistake, with the status that answers it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipedge.sip.message import Request


class SipError(Exception):
    """A request that is answered with this status (RFC 3261 section 21)."""

    def __init__(self, status: int, reason: str | None = None) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        "The reason phrase; None for the usual one of the status."
        self.retry_after = 0
        "Seconds for Retry-After; 0 for none."


class MalformedMessage(SipError):
    """Bytes that are not an acceptable SIP message.

    `request` is the message as far as it could be read, when that is far enough to answer it.
    """

    def __init__(self, status: int, reason: str, request: "Request | None" = None) -> None:
        super().__init__(status, reason)
        self.request = request

"""What becomes of what is asked of a phone, or by it."""

from typing import NamedTuple

from sipedge.sip.errors import SipError
from sipedge.sip.message import Response


class Answer(NamedTuple):
    """What became of an INVITE of ours."""

    status: int
    body: bytes = b""
    response: Response | None = None

    @property
    def good(self) -> bool:
        """The phone takes part."""
        return 200 <= self.status < 300


class Gone(Exception):
    """The phone is not in this call any more."""


class Rejected(Exception):
    """The phone does not take what it was offered; `status` says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class RetryLater(SipError):
    """500 with Retry-After: the phone has not waited for the answer to its last offer."""

    def __init__(self, seconds: int) -> None:
        super().__init__(500, "Offer Pending")
        self.retry_after = seconds

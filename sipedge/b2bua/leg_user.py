"""Who has to know what a phone does in its dialog."""

from typing import TYPE_CHECKING, Protocol

from sipedge.b2bua.answers import Answer
from sipedge.sip.message import Request, Response

if TYPE_CHECKING:
    from sipedge.b2bua.leg import Leg


class LegUser(Protocol):
    """Who has to know what a phone does."""

    def rings(self, leg: "Leg", response: Response) -> None:
        """A provisional answer to the INVITE that has begun this leg."""

    async def offers(self, leg: "Leg", offer: bytes) -> Answer:
        """The phone offers other media (without `offer`: wants to hear ours); the answer for it."""

    def confirms(self, leg: "Leg", answer: bytes) -> None:
        """The phone has answered the offer that it had asked for."""

    async def informs(self, leg: "Leg", request: Request) -> int:
        """The phone has sent an INFO; the status for it."""

    def refers(self, leg: "Leg", request: Request) -> None:
        """The phone has sent a REFER: carried out at the next turn of the loop; raises SipError."""

    def hung_up(self, leg: "Leg") -> None:
        """The phone has ended the dialog, or is not there any more."""

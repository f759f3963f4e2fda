"""An INVITE of ours to a phone, from when it is sent until its ACK is out."""

import asyncio

from sipedge.b2bua.answers import Answer
from sipedge.sip.stack import ClientTransaction


class Invite:
    """An INVITE of ours under way."""

    __slots__ = ("answer", "cancelled", "confirmed", "heard", "number", "offered", "transaction")

    def __init__(self, answer: "asyncio.Future[Answer]", number: int, offered: bytes) -> None:
        self.answer = answer
        self.number = number
        self.offered = offered
        "As its owner gave it; empty where the phone is to make the offer."
        self.transaction: ClientTransaction | None = None
        self.heard = False
        self.cancelled = False
        self.confirmed: bytes | None = None
        "The body of its ACK, once that is out."

    @property
    def unconfirmed(self) -> bool:
        """The phone waits for our answer to its offer."""
        return self.confirmed is None and self.answer.done() and self.answer.result().good

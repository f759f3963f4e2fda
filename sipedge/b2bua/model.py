"""The call model where the phones are real: what only a phone can do is asked of it, and noted when it has done it."""

from typing import Protocol

from cti.csta.callmodel import CallModel
from cti.csta.calls import Call
from cti.csta.features import BUSY
from cti.csta.messages import Cause, ConnectionState, DeliveredEvent


class Phones(Protocol):
    """What the model asks of the phones."""

    def present(self, call: Call) -> bool:
        """The caller's phone is in a call already, as in a consultation."""

    def pick_up(self, call: Call, device: str) -> None:
        """Answer a call that rings there; raises Refused where the phone cannot be told to."""

    def failed(self, call: Call, device: str, cause: Cause) -> None:
        """Nobody can be reached there: the caller has to hear of it."""


class SipModel(CallModel):
    """Calls of phones that answer, or do not, when they like."""

    def __init__(self, prefix: str, phones: Phones) -> None:
        super().__init__(prefix)
        self._phones = phones
        self._unsaid: dict[tuple[str, str], Cause] = {}
        "Devices that are being called and have not said yet that they ring, by call and device; and why."

    def occupied(self, device: str) -> bool:
        """Of phones that are no lines here nobody knows: they say so themselves."""
        known = self.devices.get(device)
        return known is not None and known.inside and super().occupied(device)

    # What a service starts, and the phone completes

    def originate(self, call: Call, now: float) -> None:
        """The caller's phone has to answer first, unless its user is in a call already."""
        if self._phones.present(call):
            super().originate(call, now)
        else:
            self.begin(call, call.calling, now)
            call.prompted = True

    def originated(self, call: Call, now: float) -> None:
        """The caller's phone has answered, or has made the call by itself."""
        super().originate(call, now)

    def answer(self, call: Call, device: str) -> None:
        """AnswerCall: the phone is told to."""
        self._phones.pick_up(call, device)

    def answered(self, call: Call, device: str) -> None:
        """It has."""
        self.rings(call, device)
        super().answer(call, device)

    def _alert(self, call: Call, device: str, cause: Cause, now: float) -> None:
        """Delivered is told when the phone says that it rings."""
        before = len(self.news)
        super()._alert(call, device, cause, now)
        while len(self.news) > before:
            self.news.pop()
        self._unsaid[call.id, device] = cause

    def rings(self, call: Call, device: str) -> None:
        """The phone rings."""
        cause = self._unsaid.pop((call.id, device), None)
        if cause is None:
            return

        def delivered(state: ConnectionState) -> DeliveredEvent:
            connection = call.at(device)
            return DeliveredEvent(connection, device, call.calling, call.called, call.last_redirection, cause, state)

        self.tell(call, delivered)

    def refused(self, call: Call, device: str, cause: Cause, now: float) -> None:
        """The phone does not take the call: it is busy, or cannot be reached."""
        caller = self.devices.get(call.calling)
        inside = caller is not None and caller.inside
        forwarding = self.devices[device].forwards(BUSY[inside]) if cause is Cause.BUSY else None
        if forwarding is not None and forwarding.to in self.devices and forwarding.to not in call.parties:
            route = self.route(call, forwarding.to)
            if route.failure is None:
                self.divert(call, device, forwarding.to, Cause.FORWARD_BUSY)
                self.offer(call, route, Cause.FORWARD_BUSY, now)
                return
        self._fail(call, device, cause)

    def _fail(self, call: Call, device: str, cause: Cause) -> None:
        self._unsaid.pop((call.id, device), None)
        super()._fail(call, device, cause)
        self._phones.failed(call, device, cause)

"""The call model where the phones are real: what only a phone can do is asked of it, and noted when it has done it."""

from typing import Protocol

from cti.csta.callmodel import CallModel
from cti.csta.calls import Call
from cti.csta.features import BUSY
from cti.csta.messages import Cause, ConnectionState


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
        self._touched: tuple[set[str], set[str]] = set(), set()

    def enter(self, call: Call, device: str, state: ConnectionState, until: float | None = None) -> None:
        """Noted for `changed`, as all that happens to connections."""
        super().enter(call, device, state, until)
        self._note(call, device)

    def leave(self, call: Call, device: str) -> None:
        """Noted as well."""
        super().leave(call, device)
        self._note(call, device)

    def _note(self, call: Call, device: str) -> None:
        calls, devices = self._touched
        calls.add(call.id)
        devices.add(device)

    def changed(self) -> tuple[list[Call], set[str]]:
        """Since this was asked last: the calls in which something has happened, and the devices that this concerns."""
        ids, devices = self._touched
        self._touched = set(), set()
        calls = [self.calls[id] for id in ids if id in self.calls]
        return calls, devices.union(*(call.parties for call in calls))

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

    def reach(self, call: Call, device: str) -> None:
        """Delivered is told when the phone says that it rings."""

    def refused(self, call: Call, device: str, cause: Cause, now: float) -> None:
        """The phone does not take the call: it is busy, or cannot be reached."""
        forwarding = self.devices[device].forwards(BUSY[self.inside(call)]) if cause is Cause.BUSY else None
        if not self.forward(call, device, forwarding, Cause.FORWARD_BUSY, now):
            self._fail(call, device, cause)

    def _fail(self, call: Call, device: str, cause: Cause) -> None:
        super()._fail(call, device, cause)
        self._phones.failed(call, device, cause)

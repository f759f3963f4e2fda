"""A phone's own transfer button, blind or to another call of the phone, as a service of the call model (RFC 5589).

The edge joins those who stay by re-INVITEs: no phone has to understand REFER but the one that sends it.
"""

from cti.csta import messages
from cti.csta.calls import CONNECTED, HELD, Call
from cti.csta.errors import Refused
from cti.csta.messages import Cause
from provisioning.uri import Uri
from sipedge.b2bua.directory import Directory
from sipedge.b2bua.leg import Leg
from sipedge.b2bua.legs import Legs
from sipedge.b2bua.model import SipModel
from sipedge.b2bua.participants import Participants
from sipedge.b2bua.refer import Referral, Replaced
from sipedge.sip.errors import SipError
from sipedge.sip.message import Request


class Transfers:
    """Carries out what phones ask for by REFER."""

    def __init__(self, legs: Legs, model: SipModel, directory: Directory, participants: Participants) -> None:
        self._legs = legs
        self._model = model
        self._directory = directory
        self._participants = participants

    def carry_out(self, leg: Leg, request: Request, now: float) -> None:
        """The phone is in its call no longer; raises SipError, and then nothing has changed."""
        referral = Referral.of(request)
        call = self._call(leg)
        if referral.replaced is None:
            target = self._target(call, leg.device, referral.uri)
            asked: messages.Request = messages.SingleStepTransferCall(call.at(leg.device), target)
            self._set(call, leg, CONNECTED)
        else:
            other = self._other(leg, referral.replaced)
            second = self._call(other)
            if second is call or not (call.established(leg.device) or second.established(leg.device)):
                raise SipError(403, "Nobody To Be Joined")
            self._set(call, leg, HELD)
            self._set(second, other, CONNECTED)
            asked = messages.TransferCall(call.at(leg.device), second.at(leg.device))
        try:
            self._model.ask(asked, now)
        except Refused as refused:
            raise SipError(403, refused.fault.value) from None

    def _call(self, leg: Leg) -> Call:
        """The call of a phone; raises SipError."""
        calls = [one for one in self._participants.calls(leg) if leg.device in one.parties]
        if len(calls) != 1:  # none: just cleared; two: a consultation that a program has made, which of them is meant?
            raise SipError(403, "Not Possible Now")
        return calls[0]

    def _target(self, call: Call, device: str, uri: Uri) -> str:
        """Who can be called from there; raises SipError."""
        target = self._directory.device(uri)
        if target is None or not self._directory.admit(target):
            raise SipError(404)
        free = target not in call.parties and self._model.devices[target].takes_calls
        if not free or not self._model.may_call(device, target) or not call.established(device):
            raise SipError(403)
        return target

    def _other(self, leg: Leg, replaced: Replaced) -> Leg:
        """The dialog of the same line that is to be replaced; raises SipError."""
        other = self._legs.by_tag.get(replaced.to_tag)
        known = other is not None and (other.dialog.call_id, other.dialog.remote_tag) == (
            replaced.call_id, replaced.from_tag,
        )  # fmt: skip
        if other is None or not known or other.ended or other.device != leg.device:
            raise SipError(481)
        return other

    def _set(self, call: Call, leg: Leg, state: messages.ConnectionState) -> None:
        """Phones hold one or both of their calls before they ask: the model has it as its service wants it."""
        self._participants.holding.discard(leg)
        if call.parties[leg.device] == state:
            return
        (self._model.hold if state == HELD else self._model.retrieve)(call, leg.device, Cause.NORMAL)

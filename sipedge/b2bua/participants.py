"""Which phones take part in which calls, and who hears whom by what the call model says."""

from collections.abc import Iterable, Iterator

from cti.csta.calls import CONNECTED, HELD, TALKING, Call
from sipedge.b2bua import sdp
from sipedge.b2bua.control import Media, Mixed, Silent, With
from sipedge.b2bua.leg import Leg
from sipedge.b2bua.model import SipModel


class Participants:
    """Phones that are in calls: one leg may be in two, an active and a held one."""

    def __init__(self, model: SipModel) -> None:
        self._model = model
        self._calls: dict[Leg, set[str]] = {}
        self._at: dict[str, list[Leg]] = {}
        "Device -> its phones."
        self.holding: set[Leg] = set()
        "Phones whose users hold a call by a button of the phone."

    def __iter__(self) -> Iterator[Leg]:
        return iter(list(self._calls))

    def __len__(self) -> int:
        return len(self._calls)

    def join(self, leg: Leg, call: Call) -> None:
        """The phone takes part in a call."""
        if leg not in self._calls:
            self._at.setdefault(leg.device, []).append(leg)
        self._calls.setdefault(leg, set()).add(call.id)

    def drop(self, leg: Leg) -> None:
        """The phone takes part in nothing."""
        self.holding.discard(leg)
        if self._calls.pop(leg, None) is not None:
            self._at[leg.device].remove(leg)
            if not self._at[leg.device]:
                del self._at[leg.device]

    def at(self, device: str) -> list[Leg]:
        """The phones of a device that take part in calls."""
        return self._at.get(device, [])

    def of(self, call: Call, device: str) -> Leg | None:
        """The phone by which a device is in a call."""
        return next((leg for leg in self.at(device) if call.id in self._calls[leg]), None)

    def calls(self, leg: Leg) -> list[Call]:
        """The calls of a phone."""
        return [call for id in self._calls.get(leg, ()) if (call := self._model.calls.get(id)) is not None]

    def follow(self, devices: Iterable[str]) -> list[Leg]:
        """Go with these devices to where the model has them now; the phones that are in no call any more."""
        over = []
        for device in devices:
            calls = self._model.of(device)
            ids = {call.id for call in calls}
            for leg in self.at(device):
                self._calls[leg] &= ids
            for call in calls:
                if call.parties[device] in TALKING and self.at(device) and self.of(call, device) is None:
                    self.join(min(self.at(device), key=lambda leg: len(self._calls[leg])), call)
            over += [leg for leg in self.at(device) if not self._calls[leg]]
        return over

    # Who hears whom

    def active(self, leg: Leg) -> Call | None:
        """The call that the phone hears."""
        return next((call for call in self.calls(leg) if call.parties.get(leg.device) == CONNECTED), None)

    def wanted(self, leg: Leg) -> Media:
        """What the phone should hear."""
        call = self.active(leg)
        if call is None:
            return Silent(sdp.INACTIVE)
        others = _talking(call, leg)
        if len(others) > 1:
            return Mixed(call.id)
        if not others:
            return Silent(sdp.INACTIVE)
        if call.parties[others[0]] == HELD:
            return Silent(sdp.SENDONLY)
        other = self.of(call, others[0])
        return With(other) if other is not None and other.up else Silent(sdp.INACTIVE)

    def partner(self, leg: Leg) -> tuple[Call, Leg] | None:
        """The only other phone of the call that this one hears, or holds by its own button."""
        call = self.active(leg)
        if call is None and leg in self.holding:
            call = next(iter(self.calls(leg)), None)
        if call is None:
            return None
        others = _talking(call, leg)
        other = self.of(call, others[0]) if len(others) == 1 else None
        held_by_other = bool(others) and call.parties[others[0]] == HELD and other not in self.holding
        return None if other is None or not other.up or held_by_other else (call, other)


def _talking(call: Call, leg: Leg) -> list[str]:
    return [one for one in call.others(leg.device) if call.parties[one] in TALKING]

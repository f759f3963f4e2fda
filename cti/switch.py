"""The seam to a switching function, and the simulated switch (R-CTI-01, section 10).

A switching function carries out services on devices. An answer only says that a service was accepted; what comes of it
is told by events, whenever it comes. The simulated switch keeps its calls in memory: what a phone's user does is a
button here, the clock is handed in, and the same presses have the same results.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from cti.csta import messages
from cti.csta.callmodel import CallModel
from cti.csta.calls import ALERTING, CONNECTED, FAILED, HELD, INITIATED, Call, News
from cti.csta.devices import canonical
from cti.csta.errors import Fault, Refused
from cti.csta.features import Device, DeviceState


class Switch(Protocol):
    """What a switching function can do for the gateway."""

    news: deque[News]
    "Events, oldest first; the gateway takes them out."

    def provision(self, devices: Iterable[Device]) -> None:
        """These are all devices; others are there no longer."""

    def ask(self, request: messages.Request, now: float) -> messages.Response:
        """Accept a service or raise Refused, at once; `now` is in seconds of any clock that only goes forward."""

    def state(self, device: str) -> DeviceState:
        """How a device is; neither, for one that is unknown."""

    def next_deadline(self) -> float | None:
        """When `timeout` should be called."""

    def timeout(self, now: float) -> None:
        """Do what is due."""

    def beat(self, now: float) -> bool:
        """The switching function is there."""


class SimulatedSwitch:
    """A telephone system without telephones."""

    def __init__(self, prefix: str = "") -> None:
        """`prefix` begins every call id and tells this run from others."""
        self.model = CallModel(prefix)
        self.news = self.model.news
        self._outside: set[str] = set()
        "Who has called in, and may still be in a call."
        self.away = False
        "As if the way to the switch were cut: nothing is answered, calls go on."

    def provision(self, devices: Iterable[Device]) -> None:
        """Devices that are there already keep their calls and features."""
        self.model.provision(devices)

    def ask(self, request: messages.Request, now: float) -> messages.Response:
        """The call model decides."""
        if self.away:
            raise Refused(Fault.RESOURCE_OUT_OF_SERVICE)
        return self.model.ask(request, now)

    def state(self, device: str) -> DeviceState:
        """As the call model has it."""
        return self.model.state(device)

    def next_deadline(self) -> float | None:
        """Of phones that ring or wait."""
        return self.model.next_deadline()

    def timeout(self, now: float) -> None:
        """What nobody answers."""
        self.model.timeout(now)
        self._give_up()

    def beat(self, now: float) -> bool:
        """Unless it is told to be away."""
        return not self.away

    def press(self, device: str, button: str, text: str = "", *, now: float) -> None:
        """A button of a phone; raises Refused where there is no such phone or button, or `text` leads nowhere."""
        phone = self.model.devices.get(device)
        if phone is None or button not in BUTTONS:
            raise Refused(Fault.INVALID_PARAMETER_VALUE)
        if phone.connected or button == "plug":
            BUTTONS[button].press(self.model, phone, text, now)

    def buttons(self, device: str) -> list[str]:
        """Those that would do something now; none of a device that is unknown."""
        phone = self.model.devices.get(device)
        if phone is None:
            return []
        if not phone.connected:
            return ["plug"]
        return [name for name, button in BUTTONS.items() if button.works(self.model, phone)]

    def ring_in(self, caller: str, device: str, *, now: float) -> None:
        """Somebody calls from outside; who hears that nobody will answer hangs up.

        Raises BadDevice, or Refused for one who is not outside, or is in a call.
        """
        number = canonical(caller)
        self.model.meet(number, keep=device)
        if self.model.devices[number].inside:
            raise Refused(Fault.INVALID_CALLING_DEVICE_IDENTIFIER)
        if self.model.of(number):
            raise Refused(Fault.INVALID_CONNECTION_STATE)
        self._outside.add(number)
        self.model.lift(number, now)
        self.model.dial(number, device, now)
        self._give_up()

    def _give_up(self) -> None:
        for number in list(self._outside):
            calls = self.model.of(number)
            if not calls:
                self._outside.discard(number)
            elif all(call.parties[other] == FAILED for call in calls for other in call.others(number)):
                self.model.hang_up(number)


def _at(model: CallModel, phone: Device, state: messages.ConnectionState) -> Call | None:
    """The call in which the phone is in this state."""
    return next((call for call in model.of(phone.id) if call.parties[phone.id] == state), None)


def _off_hook_works(model: CallModel, phone: Device) -> bool:
    waits = any(call.parties[phone.id] == ALERTING or call.prompted for call in model.of(phone.id))
    return waits or not model.engaged(phone.id)


def _dial_works(model: CallModel, phone: Device) -> bool:
    call = _at(model, phone, INITIATED)
    return call is not None and not call.prompted


def _hang_up_works(model: CallModel, phone: Device) -> bool:
    states = [(call.parties[phone.id], len(call.parties)) for call in model.of(phone.id)]
    return any(state != HELD and (state != FAILED or count == 1) for state, count in states)


def _hold(model: CallModel, phone: Device, text: str, now: float) -> None:
    if (call := _at(model, phone, CONNECTED)) is not None:
        model.ask(messages.HoldCall(call.at(phone.id)), now)


def _hold_works(model: CallModel, phone: Device) -> bool:
    call = _at(model, phone, CONNECTED)
    return call is not None and call.established(phone.id)


def _retrieve(model: CallModel, phone: Device, text: str, now: float) -> None:
    if (call := _at(model, phone, HELD)) is not None:
        model.ask(messages.RetrieveCall(call.at(phone.id)), now)


def _retrieve_works(model: CallModel, phone: Device) -> bool:
    return _at(model, phone, HELD) is not None and not model.engaged(phone.id)


def _deflect(model: CallModel, phone: Device, text: str, now: float) -> None:
    if (call := _at(model, phone, ALERTING)) is not None:
        model.ask(messages.DeflectCall(call.at(phone.id), text), now)


def _busy(busy: bool) -> "Press":
    def press(model: CallModel, phone: Device, text: str, now: float) -> None:
        phone.busy = busy

    return press


def _dnd(on: bool) -> "Press":
    return lambda model, phone, text, now: _set(model, messages.SetDoNotDisturb(phone.id, on), now)


def _forward(on: bool) -> "Press":
    return lambda model, phone, text, now: _set(
        model, messages.SetForwarding(phone.id, on, messages.ForwardingType.IMMEDIATE, (on and text) or None), now
    )


def _forwards(phone: Device) -> bool:
    return phone.forwards((messages.ForwardingType.IMMEDIATE,)) is not None


def _set(model: CallModel, request: messages.Request, now: float) -> None:
    model.ask(request, now)


def _unplug(model: CallModel, phone: Device, text: str, now: float) -> None:
    model.withdraw(phone.id)
    phone.connected = False


def _plug(model: CallModel, phone: Device, text: str, now: float) -> None:
    phone.connected = True


Press = Callable[[CallModel, Device, str, float], None]


@dataclass(frozen=True, slots=True)
class Button:
    """What a button does, and whether it would do anything now at a phone that is plugged in."""

    press: Press
    works: Callable[[CallModel, Device], bool]
    number: bool = False
    "Nothing comes of it without a number to go with it."


BUTTONS: Final[dict[str, Button]] = {
    "off hook": Button(lambda model, phone, text, now: model.lift(phone.id, now), _off_hook_works),
    "dial": Button(lambda model, phone, text, now: model.dial(phone.id, text, now), _dial_works, number=True),
    "hang up": Button(lambda model, phone, text, now: model.hang_up(phone.id), _hang_up_works),
    "hold": Button(_hold, _hold_works),
    "retrieve": Button(_retrieve, _retrieve_works),
    "deflect": Button(_deflect, lambda model, phone: _at(model, phone, ALERTING) is not None, number=True),
    "busy": Button(_busy(True), lambda model, phone: not phone.busy),
    "free": Button(_busy(False), lambda model, phone: phone.busy),
    "do not disturb": Button(_dnd(True), lambda model, phone: not phone.do_not_disturb),
    "disturb": Button(_dnd(False), lambda model, phone: phone.do_not_disturb),
    "forward": Button(_forward(True), lambda model, phone: True),
    "do not forward": Button(_forward(False), lambda model, phone: _forwards(phone)),
    "unplug": Button(_unplug, lambda model, phone: phone.connected),
    "plug": Button(_plug, lambda model, phone: not phone.connected),
}
"What a phone's user can do; `off hook` answers a call that rings."

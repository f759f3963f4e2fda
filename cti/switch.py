"""The seam to a switching function, and the simulated switch (R-CTI-01, section 10).

A switching function carries out services on devices. An answer only says that a service was accepted; what comes of it
is told by events, whenever it comes. The simulated switch keeps its calls in memory: what a phone's user does is a
button here, the clock is handed in, and the same presses have the same results.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from cti.csta import messages
from cti.csta.callmodel import CallModel
from cti.csta.calls import ALERTING, CONNECTED, HELD, News
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

    def beat(self, now: float) -> bool:
        """Unless it is told to be away."""
        return not self.away

    def press(self, device: str, button: str, text: str = "", *, now: float) -> None:
        """A button of a phone; raises Refused where the phone would do nothing."""
        phone = self.model.devices.get(device)
        if phone is None or button not in BUTTONS:
            raise Refused(Fault.INVALID_PARAMETER_VALUE)
        if phone.connected or button == "plug":
            BUTTONS[button](self.model, phone, text, now)

    def ring_in(self, caller: str, device: str, *, now: float) -> None:
        """Somebody calls from outside."""
        number = canonical(caller)
        self.model.meet(number, keep=device)
        self.model.lift(number, now)
        self.model.dial(number, device, now)


def _hold(model: CallModel, phone: Device, text: str, now: float) -> None:
    for call in model.of(phone.id):
        if call.parties[phone.id] == CONNECTED:
            model.ask(messages.HoldCall(call.at(phone.id)), now)
            return


def _retrieve(model: CallModel, phone: Device, text: str, now: float) -> None:
    for call in model.of(phone.id):
        if call.parties[phone.id] == HELD:
            model.ask(messages.RetrieveCall(call.at(phone.id)), now)
            return


def _deflect(model: CallModel, phone: Device, text: str, now: float) -> None:
    for call in model.of(phone.id):
        if call.parties[phone.id] == ALERTING:
            model.ask(messages.DeflectCall(call.at(phone.id), text), now)
            return


def _busy(busy: bool) -> "Button":
    def press(model: CallModel, phone: Device, text: str, now: float) -> None:
        phone.busy = busy

    return press


def _dnd(on: bool) -> "Button":
    return lambda model, phone, text, now: _set(model, messages.SetDoNotDisturb(phone.id, on), now)


def _forward(on: bool) -> "Button":
    return lambda model, phone, text, now: _set(
        model, messages.SetForwarding(phone.id, on, messages.ForwardingType.IMMEDIATE, text or None), now
    )


def _set(model: CallModel, request: messages.Request, now: float) -> None:
    model.ask(request, now)


def _unplug(model: CallModel, phone: Device, text: str, now: float) -> None:
    model.withdraw(phone.id)
    phone.connected = False


def _plug(model: CallModel, phone: Device, text: str, now: float) -> None:
    phone.connected = True


Button = Callable[[CallModel, Device, str, float], None]

BUTTONS: Final[dict[str, Button]] = {
    "off hook": lambda model, phone, text, now: model.lift(phone.id, now),
    "dial": lambda model, phone, text, now: model.dial(phone.id, text, now),
    "hang up": lambda model, phone, text, now: model.hang_up(phone.id),
    "hold": _hold,
    "retrieve": _retrieve,
    "deflect": _deflect,
    "busy": _busy(True),
    "free": _busy(False),
    "do not disturb": _dnd(True),
    "disturb": _dnd(False),
    "forward": _forward(True),
    "do not forward": _forward(False),
    "unplug": _unplug,
    "plug": _plug,
}
"What a phone's user can do; `off hook` answers a call that rings."

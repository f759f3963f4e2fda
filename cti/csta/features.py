"""What a device does with calls that are offered to it: it rings, forwards, refuses, or is busy (ECMA-269 features)."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from cti.csta.messages import Cause, ForwardingType

DEFAULT_RINGS: Final = 4
"Rings before a call is forwarded for want of an answer, where SetForwarding names no number: about twenty seconds."

MOST_RINGS: Final = 20
"Rings that may be asked for: callers give up earlier."


@dataclass(frozen=True, slots=True)
class Forwarding:
    """One forwarding of a device, in force or only kept."""

    on: bool
    to: str
    rings: int = DEFAULT_RINGS


class MayCall(StrEnum):
    """Whom a device may call, forward to, and bring into its calls."""

    ANYONE = "anyone"
    OURS = "ours"
    "Lines and users of this system."
    NOBODY = "nobody"


@dataclass(slots=True)
class Device:
    """A telephone, as the switching function knows it."""

    id: str
    takes_calls: bool = True
    "False for what can only call, as a door phone."
    inside: bool = True
    "False for who is no line of the switch."
    ours: bool = True
    "False for who is only reached through the network."
    may_call: MayCall = MayCall.ANYONE
    connected: bool = True
    "The phone is there."
    busy: bool = False
    "Its user has made it busy."
    do_not_disturb: bool = False
    forwardings: dict[ForwardingType, Forwarding] = field(default_factory=dict)

    def forwards(self, kinds: tuple[ForwardingType, ...]) -> Forwarding | None:
        """The first of these forwardings that is in force."""
        return next((one for kind in kinds if (one := self.forwardings.get(kind)) is not None and one.on), None)


class DeviceState(NamedTuple):
    """How a device is, as far as those care who watch its owner."""

    in_call: bool
    "It takes part in a call that is more than ringing."
    do_not_disturb: bool


Kinds = dict[bool, tuple[ForwardingType, ...]]

IMMEDIATE: Final[Kinds] = {
    True: (ForwardingType.IMMEDIATE_INT, ForwardingType.IMMEDIATE),
    False: (ForwardingType.IMMEDIATE_EXT, ForwardingType.IMMEDIATE),
}
"Caller inside or not -> the forwardings that count, the special one first."

DND: Final[Kinds] = {
    True: (ForwardingType.DND_INT, ForwardingType.DND),
    False: (ForwardingType.DND_EXT, ForwardingType.DND),
}
BUSY: Final[Kinds] = {
    True: (ForwardingType.BUSY_INT, ForwardingType.BUSY),
    False: (ForwardingType.BUSY_EXT, ForwardingType.BUSY),
}
NO_ANSWER: Final[Kinds] = {
    True: (ForwardingType.NO_ANSWER_INT, ForwardingType.NO_ANSWER),
    False: (ForwardingType.NO_ANSWER_EXT, ForwardingType.NO_ANSWER),
}


@dataclass(frozen=True, slots=True)
class Rings:
    """The call rings at the device."""


@dataclass(frozen=True, slots=True)
class Diverts:
    """The call goes on to another device."""

    to: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class Fails:
    """The call goes no further."""

    cause: Cause


def offered(device: Device, *, inside: bool, occupied: bool) -> Rings | Diverts | Fails:
    """What becomes of a call from `inside` the switch, or not, at a device that is `occupied` with others, or not."""
    if (found := device.forwards(IMMEDIATE[inside])) is not None:
        return Diverts(found.to, Cause.FORWARD_IMMEDIATE)
    if not device.takes_calls:
        return Fails(Cause.DESTINATION_NOT_OBTAINABLE)
    if not device.connected:
        return Fails(Cause.DESTINATION_OUT_OF_ORDER)
    if device.do_not_disturb:
        if (found := device.forwards(DND[inside])) is not None:
            return Diverts(found.to, Cause.FORWARD)
        return Fails(Cause.DO_NOT_DISTURB)
    if device.busy or occupied:
        if (found := device.forwards(BUSY[inside])) is not None:
            return Diverts(found.to, Cause.FORWARD_BUSY)
        return Fails(Cause.BUSY)
    return Rings()

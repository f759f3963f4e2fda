"""A telephone system: devices, the services that programs ask for (`services`), and what people do at their phones."""

from collections.abc import Iterable
from typing import Final

from cti.csta import messages as m
from cti.csta.calls import ALERTING, FAILED, HELD, INITIATED, Calls
from cti.csta.devices import BadDevice, canonical
from cti.csta.errors import Fault, Refused
from cti.csta.features import Device
from cti.csta.messages import Cause, ConnectionID
from cti.csta.services import SERVICES, Found, Named

STRANGERS: Final = 1_000
"Numbers outside of the switch that are remembered before those are forgotten that nothing refers to."


class CallModel(Calls):
    """Calls, and the services and phones that work on them."""

    def __init__(self, prefix: str) -> None:
        """`prefix` begins every call id and tells this run from others."""
        super().__init__(prefix)
        self._strangers: set[str] = set()
        "Devices outside of the switch."
        self._room = STRANGERS

    def ask(self, request: m.Request, now: float) -> m.Response:
        """Carry out a service; raises Refused, and then nothing has changed."""
        service = SERVICES.get(type(request))
        if service is None:
            raise Refused(Fault.SERVICE_NOT_SUPPORTED)
        found = tuple(self._find(getattr(request, named.field), named) for named in service.named)
        if len({one.device for one in found}) > 1:
            raise Refused(Fault.INVALID_HELD_DEVICE_IDENTIFIER)
        for named, one in zip(service.named, found, strict=True):
            if one.call.parties[one.device] not in named.states:
                raise Refused(named.wrong)
        for holds, fault in service.conditions:
            if not holds(self, found):
                raise Refused(fault)
        return service.act(self, request, found, now)

    def _find(self, connection: ConnectionID, named: Named) -> Found:
        if connection.device_id is None:
            raise Refused(named.stranger)
        device = self.known(connection.device_id, named.stranger)
        if connection.call_id is None:
            only = self.of(device)
            if len(only) != 1:
                raise Refused(named.unknown)
            return Found(only[0], device)
        call = self.calls.get(connection.call_id)
        if call is None:
            raise Refused(named.unknown)
        if device not in call.parties:
            raise Refused(named.stranger)
        return Found(call, device)

    # What people do at a phone

    def lift(self, device: str, now: float) -> None:
        """Lift the handset: answer, begin the call that MakeCall has prepared, or wait for a number."""
        for call in self.of(device):
            if call.parties[device] == ALERTING:
                self.answer(call, device)
                return
            if call.prompted:
                self.originate(call, now)
                return
        if not self.engaged(device):
            self.begin(self.new_call(device, "", Cause.NEW_CALL), device, now)

    def dial(self, device: str, text: str, now: float) -> None:
        """Dial with the handset lifted; a number that nobody has is heard, not refused."""
        call = next((one for one in self.of(device) if one.parties[device] == INITIATED), None)
        if call is None or call.prompted:
            return
        try:
            call.called = canonical(text)
        except BadDevice:
            call.called = "".join(filter(str.isprintable, text))  # no other character can be told in XML
            self.misdialled(call, Cause.INVALID_NUMBER_FORMAT)
            return
        if call.called not in self.devices or call.called == device:
            self.misdialled(call, Cause.NUMBER_UNALLOCATED)
        elif not self.may_call(device, call.called):
            self.misdialled(call, Cause.DESTINATION_NOT_OBTAINABLE)
        else:
            self.originate(call, now)

    def hang_up(self, device: str) -> None:
        """Put the handset down: what is not on hold is over, and a ringing call is refused."""
        for call in self.of(device):
            state = call.parties[device]
            if state != HELD and (state != FAILED or len(call.parties) == 1):
                self.drop(call, device, Cause.NORMAL_CLEARING)
                return

    # Devices

    def provision(self, devices: Iterable[Device]) -> None:
        """These are the devices of the switch; those that are there already keep their calls and features."""
        wanted = {device.id: device for device in devices}
        for gone in [one.id for one in self.devices.values() if one.inside and one.id not in wanted]:
            self.remove(gone)
        for device in wanted.values():
            self.add(device)

    def remove(self, device: str) -> None:
        """The device is not of this switch any more."""
        self.withdraw(device)
        self.devices.pop(device, None)
        self._strangers.discard(device)

    def add(self, device: Device) -> None:
        """A device of this switch; one that is there keeps its state and its features."""
        known = self.devices.setdefault(device.id, Device(device.id))
        known.inside, known.ours = True, True
        known.takes_calls, known.may_call = device.takes_calls, device.may_call
        self._strangers.discard(device.id)

    def meet(self, device: str, *, ours: bool = False, keep: str = "") -> None:
        """Who is no line is to take part, as a user of ours or not; of too many, idle ones but `keep` are forgotten."""
        if device in self.devices:
            return
        if len(self._strangers) >= self._room:
            wanted = {one.to for phone in self.devices.values() for one in phone.forwardings.values()} | {keep}
            for idle in [one for one in self._strangers if one not in wanted and not self.of(one)]:
                self.remove(idle)
            self._room = STRANGERS + len(self._strangers)
        self.devices[device] = Device(device, inside=False, ours=ours)
        self._strangers.add(device)

"""Several switching functions behind one seam: each line is on one of them (R-CTI-01)."""

from collections import deque
from collections.abc import Collection, Iterable

from cti.csta import messages
from cti.csta.calls import News
from cti.csta.devices import canonical
from cti.csta.features import Device, DeviceState
from cti.csta.services import SERVICES
from cti.switch import SimulatedSwitch
from sipedge.b2bua.sip_switch import SipSwitch


class Switches:
    """The simulated switch, and the phones that are registered here; events of both keep their order."""

    def __init__(self, simulated: SimulatedSwitch, sip: SipSwitch) -> None:
        self.simulated = simulated
        self.sip = sip
        self.news: deque[News] = simulated.news
        sip.tell_in(self.news)

    def provision(self, devices: Iterable[Device]) -> None:
        """Each switch gets its own; which are whose, the SIP switch has been told before."""
        every: Collection[Device] = tuple(devices)
        phones = self.sip.directory.lines.by_device
        self.simulated.provision([one for one in every if one.id not in phones])
        self.sip.provision([one for one in every if one.id in phones])

    def ask(self, request: messages.Request, now: float) -> messages.Response:
        """The switch of the device that the request is for, which the gateway has found to be a line."""
        field, _ = SERVICES[type(request)].controlled[0]
        named = getattr(request, field)
        text = named.device_id if isinstance(named, messages.ConnectionID) else named
        return self._of(canonical(text)).ask(request, now)

    def state(self, device: str) -> DeviceState:
        """As its switch has it."""
        return self._of(device).state(device)

    def _of(self, device: str) -> SimulatedSwitch | SipSwitch:
        return self.sip if device in self.sip.directory.lines.by_device else self.simulated

    def next_deadline(self) -> float | None:
        """Of the simulated one; the other has a clock of its own."""
        return self.simulated.next_deadline()

    def timeout(self, now: float) -> None:
        """Do what is due."""
        self.simulated.timeout(now)

    def beat(self, now: float) -> bool:
        """Phones that are registered here are as far as this process."""
        return self.simulated.beat(now)

"""Several switching functions behind one seam: each line is on one of them (R-CTI-01)."""

from collections import deque
from collections.abc import Collection, Iterable

from cti.csta import messages
from cti.csta.calls import News
from cti.csta.devices import BadDevice, canonical
from cti.csta.features import Device
from cti.gateway import CONTROLLED
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
        phones = self.sip.lines.by_device
        self.simulated.provision([one for one in every if one.id not in phones])
        self.sip.provision([one for one in every if one.id in phones])

    def ask(self, request: messages.Request, now: float) -> messages.Response:
        """The switch of the device that the request is for."""
        named = getattr(request, CONTROLLED[type(request)][0][0])
        text = named.device_id if isinstance(named, messages.ConnectionID) else named
        try:
            device = canonical(text or "")
        except BadDevice:
            device = ""
        if device in self.sip.lines.by_device:
            return self.sip.ask(request, now)
        return self.simulated.ask(request, now)

    def next_deadline(self) -> float | None:
        """Of the simulated one; the other has a clock of its own."""
        return self.simulated.next_deadline()

    def timeout(self, now: float) -> None:
        """Do what is due."""
        self.simulated.timeout(now)

    def beat(self, now: float) -> bool:
        """Phones that are registered here are as far as this process."""
        return self.simulated.beat(now)

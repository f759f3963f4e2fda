"""Programs at a gateway over the simulated switch: what they send and what they are sent, as messages."""

from collections.abc import Iterable

from cti.associations import Association, Identity
from cti.csta import messages as m
from cti.csta.codec import ED3, Document, decode, encode
from cti.csta.errors import Fault, named
from cti.csta.features import Device
from cti.gateway import Gateway, Options
from cti.switch import SimulatedSwitch
from tests.cti.office import DOOR, PHONES

LINES = [*map(Device, PHONES), Device(DOOR, takes_calls=False)]


class Desk:
    """One program."""

    def __init__(self, site: "Site", association: Association) -> None:
        self.site = site
        self.association = association
        self.namespace = ED3
        self.received: list[tuple[m.Message, object]] = []
        "Messages with the number of the request that they answer, or None."
        self.asked = 0

    def send(self, body: bytes) -> None:
        self.asked += 1
        self.site.gateway.receive(self.association, body, self.asked, self.site.now)
        self.site.deliver()

    def ask(self, request: m.Message) -> m.Message:
        """The answer, which comes before anything that the request has caused."""
        before = len(self.received)
        self.send(encode(request, self.namespace))
        answer, number = self.received.pop(before)
        assert number == self.asked
        assert all(number is None for _, number in self.received[before:]), "one answer only"
        return answer

    def watch(self, device: str, left_out: Iterable[str] = ()) -> str:
        answer = self.ask(m.MonitorStart(m.DeviceObject(device), frozenset(left_out) or None))
        assert isinstance(answer, m.MonitorStartResponse)
        return answer.monitor_cross_ref_id

    def told(self) -> list[m.Message]:
        """What came unasked since the last look."""
        found = [message for message, number in self.received if number is None]
        self.received.clear()
        return found

    def names(self) -> list[str]:
        return [type(message).__name__.removesuffix("Event") for message in self.told()]


def fault(answer: m.Message) -> Fault | None:
    """The error that an answer is."""
    assert isinstance(answer, m.CSTAErrorCode), answer
    return named(answer.value)


class Site:
    """A gateway, its switch and those who are connected."""

    def __init__(self) -> None:
        self.now = 0.0
        self.switch = SimulatedSwitch("c")
        ids = iter(range(1, 10_000))
        self.gateway = Gateway(self.switch, Options(), lambda: f"s{next(ids)}", self.now)
        self.gateway.provision(LINES, Options())
        self.desks: dict[str, Desk] = {}
        self.documents: list[Document] = []

    def desk(self, *devices: str, everything: bool = False, known: bool = True) -> Desk:
        identity = Identity("ann", frozenset(devices), everything) if known else None
        association = self.gateway.open(identity, self.now)
        self.desks[association.id] = Desk(self, association)
        return self.desks[association.id]

    def press(self, device: str, button: str, text: str = "") -> None:
        self.switch.press(device, button, text, now=self.now)
        self.gateway.carry()
        self.deliver()

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.gateway.timeout(self.now)
        self.deliver()

    def deliver(self) -> None:
        while self.gateway.transmissions:
            one = self.gateway.transmissions.popleft()
            document = decode(one.document)
            self.documents.append(document)
            self.desks[one.association.id].received.append((document.message, one.tag))

"""A simulated switch with a few phones, the situations that tests begin in, and what was told, in a line each."""

import pytest

from cti.csta import messages as m
from cti.csta.calls import News
from cti.csta.errors import Fault, Refused
from cti.csta.features import Device
from cti.csta.messages import AutoOriginate, Cause, ConnectionID, ConsultOptions, ForwardingType
from cti.switch import SimulatedSwitch

PHONES = ("2001", "2002", "2003", "2004", "2005")
DOOR = "2090"
"Can call, cannot be called."


class Office:
    """Phones 2001 to 2005, a door phone, and a clock that is moved by hand."""

    def __init__(self) -> None:
        self.switch = SimulatedSwitch("c")
        self.switch.provision([*map(Device, PHONES), Device(DOOR, takes_calls=False)])
        self.now = 0.0

    def ask(self, request: m.Request) -> m.Response:
        return self.switch.ask(request, self.now)

    def refused(self, request: m.Request) -> Fault:
        """The error of a request; nothing has changed by it."""
        before = repr((self.switch.model.calls, self.switch.model.devices, self.switch.news))
        with pytest.raises(Refused) as caught:
            self.ask(request)
        assert repr((self.switch.model.calls, self.switch.model.devices, self.switch.news)) == before
        return caught.value.fault

    def press(self, device: str, button: str, text: str = "") -> None:
        self.switch.press(device, button, text, now=self.now)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.switch.timeout(self.now)

    def news(self) -> list[News]:
        found = list(self.switch.news)
        self.switch.news.clear()
        return found

    def told(self, device: str | None = None) -> list[str]:
        """What was told to the monitors of a device, or of all, since the last look."""
        return [line(one) for one in self.news() if device in (None, one.device)]

    def state(self, call: str, device: str) -> str:
        found = self.switch.model.calls.get(call)
        return found.parties.get(device, m.ConnectionState.NULL).value if found is not None else "null"

    # Situations

    def ringing(self, caller: str = "2001", called: str = "2002") -> str:
        """The call rings at the second device."""
        answer = self.ask(m.MakeCall(caller, called, AutoOriginate.DO_NOT_PROMPT))
        assert isinstance(answer, m.MakeCallResponse) and answer.calling_device.call_id
        self.news()
        return answer.calling_device.call_id

    def talking(self, caller: str = "2001", called: str = "2002") -> str:
        call = self.ringing(caller, called)
        self.ask(m.AnswerCall(ConnectionID(call, called)))
        self.news()
        return call

    def consulting(
        self, to: str = "2003", *, answered: bool = True, options: ConsultOptions | None = None
    ) -> list[str]:
        """2001 has 2002 on hold and has called somebody else; both call ids."""
        held = self.talking()
        answer = self.ask(m.ConsultationCall(ConnectionID(held, "2001"), to, options))
        assert isinstance(answer, m.ConsultationCallResponse) and answer.initiated_call.call_id
        if answered:
            self.ask(m.AnswerCall(ConnectionID(answer.initiated_call.call_id, to)))
        self.news()
        return [held, answer.initiated_call.call_id]

    def forward(self, device: str, to: str, kind: ForwardingType = ForwardingType.IMMEDIATE, rings: int = 4) -> None:
        self.ask(m.SetForwarding(device, True, kind, to, rings))
        self.news()


def line(news: News) -> str:
    """`2001 Delivered c1/2002 connected newCall`: whose monitor, what, which connection, its own state, why."""
    event = news.event
    words = [news.device, type(event).__name__.removesuffix("Event")]
    connection = next((one for name in event.__slots__ if isinstance(one := getattr(event, name), ConnectionID)), None)
    if connection is not None:
        words.append(f"{connection.call_id}/{connection.device_id}")
    state = getattr(event, "local_connection_info", None)
    cause = getattr(event, "cause", None)
    words += [state.value] if state is not None else []
    words += [cause.value] if isinstance(cause, Cause) else []
    return " ".join(words)

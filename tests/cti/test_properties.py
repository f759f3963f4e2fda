"""Whatever people and programs do, in any order: calls and events stay consistent (R-CTI-02, R-CTI-03, R-CTI-05)."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cti.csta import messages as m
from cti.csta.calls import ENGAGED, TALKING, News
from cti.csta.errors import Refused
from cti.csta.features import Device
from cti.csta.messages import ConnectionID, ConnectionState
from cti.switch import BUTTONS
from tests.cti.office import DOOR, PHONES, Office

DEVICES = st.sampled_from([*PHONES, DOOR])
NUMBERS = st.sampled_from([*PHONES, DOOR, "999", "+14085550100", "x"])
INITIATED, FAILED, NULL = ConnectionState.INITIATED, ConnectionState.FAILED, ConnectionState.NULL

ONE: dict[type[m.Request], Any] = {
    m.AnswerCall: lambda draw: (),
    m.ClearConnection: lambda draw: (),
    m.HoldCall: lambda draw: (),
    m.RetrieveCall: lambda draw: (),
    m.DeflectCall: lambda draw: (draw(NUMBERS),),
    m.ConsultationCall: lambda draw: (draw(NUMBERS),),
    m.SingleStepTransferCall: lambda draw: (draw(NUMBERS),),
    m.GenerateDigits: lambda draw: ("1#",),
}
TWO = (m.TransferCall, m.ConferenceCall, m.AlternateCall, m.ReconnectCall)


class Telephones(RuleBasedStateMachine):
    """An office in which anything is tried; a program that only hears the events follows it."""

    def __init__(self) -> None:
        super().__init__()
        self.office = Office()
        self.model = self.office.switch.model
        self.live: set[str] = set()
        self.ended: set[str] = set()
        self.followed: dict[str, dict[str, ConnectionState]] = {}
        "Device -> its connections, as the events tell."

    def ask(self, request: m.Request) -> None:
        before = repr((self.model.calls, self.model.devices))
        try:
            self.office.ask(request)
        except Refused:
            assert repr((self.model.calls, self.model.devices)) == before and not self.model.news

    @rule(caller=DEVICES, called=NUMBERS, prompt=st.sampled_from(m.AutoOriginate))
    def make_call(self, caller: str, called: str, prompt: m.AutoOriginate) -> None:
        self.ask(m.MakeCall(caller, called, prompt))

    @precondition(lambda self: self.model.calls)
    @rule(data=st.data(), service=st.sampled_from(list(ONE)))
    def one(self, data: Any, service: Any) -> None:
        self.ask(service(data.draw(st.sampled_from(self.connections())), *ONE[service](data.draw)))

    @precondition(lambda self: len(self.model.calls) > 1)
    @rule(data=st.data(), service=st.sampled_from(TWO))
    def two(self, data: Any, service: Any) -> None:
        held = [one for one in self.connections() if self.state(one) is ConnectionState.HELD] or self.connections()
        chosen = data.draw(st.sampled_from(held))
        same = [one for one in self.connections() if one.device_id == chosen.device_id]
        self.ask(service(held_call=chosen, active_call=data.draw(st.sampled_from(same))))

    @rule(device=DEVICES, kind=st.sampled_from(m.ForwardingType), to=NUMBERS, on=st.booleans())
    def forward(self, device: str, kind: m.ForwardingType, to: str, on: bool) -> None:
        self.ask(m.SetForwarding(device, on, kind, to, 2))

    @rule(device=DEVICES, button=st.sampled_from(list(BUTTONS)), number=NUMBERS)
    def press(self, device: str, button: str, number: str) -> None:
        try:
            self.office.press(device, button, number)
        except Refused:
            assert not self.model.news

    @rule(device=DEVICES)
    def ring_in(self, device: str) -> None:
        self.office.switch.ring_in("+14085550100", device, now=self.office.now)

    @rule(seconds=st.sampled_from([1.0, 10.0, 31.0, 200.0]))
    def wait(self, seconds: float) -> None:
        self.office.wait(seconds)
        deadline = self.model.next_deadline()
        assert deadline is None or deadline > self.office.now

    @rule(device=st.sampled_from(PHONES))
    def replace_line(self, device: str) -> None:
        wanted = [Device(one, takes_calls=one != DOOR) for one in (*PHONES, DOOR)]
        self.office.switch.provision([one for one in wanted if one.id != device])
        self.follow()
        self.office.switch.provision(wanted)

    def connections(self) -> list[ConnectionID]:
        return [call.at(device) for call in self.model.calls.values() for device in call.parties]

    def state(self, connection: ConnectionID) -> ConnectionState:
        return self.model.calls[connection.call_id or ""].parties[connection.device_id or ""]

    @invariant()
    def calls_are_sound(self) -> None:
        for call in self.model.calls.values():
            states = list(call.parties.values())
            assert set(call.parties) <= set(self.model.devices), "no connection without a device"
            assert NULL not in states and set(call.deadlines) <= set(call.parties)
            if len(states) == 1:
                assert states[0] in (INITIATED, FAILED)
            else:
                assert INITIATED not in states and not TALKING.isdisjoint(states)
                assert FAILED not in states or len(states) == 2
        for device in self.model.devices:
            states = [call.parties[device] for call in self.model.of(device)]
            assert sum(state in ENGAGED for state in states) <= 1

    @invariant()
    def ids_are_used_once(self) -> None:
        calls = set(self.model.calls)
        assert calls.isdisjoint(self.ended)
        self.ended |= self.live - calls
        self.live = calls

    @invariant()
    def events_tell_all(self) -> None:
        self.follow()
        for device in self.model.devices:
            states = {call.id: call.parties[device] for call in self.model.of(device)}
            told = {id: state for id, state in states.items() if state is not INITIATED}
            assert self.followed.get(device, {}) == told

    def follow(self) -> None:
        for news in self.office.news():
            self.hear(news)

    def hear(self, news: News) -> None:
        """What a program makes of an event."""
        event, mine = news.event, self.followed.setdefault(news.device, {})
        if isinstance(event, m.DoNotDisturbEvent | m.ForwardingEvent | m.ServiceCompletionFailureEvent):
            return
        state = event.local_connection_info  # type: ignore[attr-defined]
        if isinstance(event, m.TransferedEvent | m.ConferencedEvent):
            items = getattr(event, "transferred_connections", None) or event.conference_connections
            for old in (event.primary_old_call, event.secondary_old_call):
                if old is not None:
                    mine.pop(old.call_id or "", None)
            id = items[0].new_connection.call_id
        else:
            id = next(one.call_id for name in event.__slots__ if isinstance(one := getattr(event, name), ConnectionID))
        assert id not in self.ended, "no event for a call that is over"
        if state is NULL:
            mine.pop(id, None)
        else:
            mine[id] = state


TestTelephones = Telephones.TestCase
TestTelephones.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

"""Whatever people and programs do, in any order: calls and events stay consistent (R-CTI-02, R-CTI-03, R-CTI-05)."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cti.csta import messages as m
from cti.csta.calls import ENGAGED, TALKING, News
from cti.csta.errors import Refused
from cti.csta.features import Device
from cti.csta.messages import ConnectionID, ConnectionState
from cti.csta.services import SERVICES
from cti.switch import BUTTONS
from tests.cti.office import DOOR, PHONES, Office

NUMBERS = (*PHONES, DOOR, "999", "+14085550100", "x")
INITIATED, FAILED, NULL = ConnectionState.INITIATED, ConnectionState.FAILED, ConnectionState.NULL

ONE: dict[Any, bool] = {
    m.AnswerCall: False,
    m.ClearConnection: False,
    m.HoldCall: False,
    m.RetrieveCall: False,
    m.DeflectCall: True,
    m.ConsultationCall: True,
    m.SingleStepTransferCall: True,
    m.GenerateDigits: True,
}
"Services that name one connection; True: and a number."
TWO: tuple[Any, ...] = (m.TransferCall, m.ConferenceCall, m.AlternateCall, m.ReconnectCall)


class Telephones:
    """An office in which anything is tried; a program that only hears the events follows it."""

    def __init__(self) -> None:
        self.office = Office()
        self.model = self.office.switch.model
        self.live: set[str] = set()
        self.ended: set[str] = set()
        self.followed: dict[str, dict[str, ConnectionState]] = {}
        "Device -> its connections, as the events tell."

    def ask(self, request: m.Request) -> None:
        self.follow()
        before = repr((self.model.calls, self.model.devices))
        try:
            self.office.ask(request)
        except Refused:
            assert repr((self.model.calls, self.model.devices)) == before and not self.model.news

    # What is tried; each takes three numbers, and makes of them what it needs

    def make_call(self, a: int, b: int, c: int) -> None:
        prompt = list(m.AutoOriginate)[c % 2]
        self.ask(m.MakeCall(NUMBERS[a % 7], NUMBERS[b % len(NUMBERS)], prompt))

    def talk(self, a: int, b: int, c: int) -> None:
        """A call that is answered: what most services begin with."""
        free = self.free()
        caller = free.pop(a % len(free))
        called = free[b % len(free)] if free else caller
        self.ask(m.MakeCall(caller, called, m.AutoOriginate.DO_NOT_PROMPT))
        self.ask(m.AnswerCall(ConnectionID(None, called)))

    def sensible(self, a: int, b: int, c: int) -> None:
        """A service that the state of a connection allows, with a number that can be called."""
        if connections := self.connections():
            chosen = connections[a % len(connections)]
            allowed = [one for one in ONE if self.state(chosen) in SERVICES[one].named[0].states]
            service = allowed[b % len(allowed)]
            if service is m.ClearConnection and c % 2:  # else there is never more than a beginning
                service = allowed[0]
            self.ask(service(chosen, *self.number(service, self.free(), c)))

    def one(self, a: int, b: int, c: int) -> None:
        """Any service."""
        if connections := self.connections():
            service = list(ONE)[b % len(ONE)]
            self.ask(service(connections[a % len(connections)], *self.number(service, NUMBERS, c)))

    def number(self, service: Any, numbers: Sequence[str], c: int) -> tuple[str, ...]:
        if not ONE[service]:
            return ()
        return ("1#",) if service is m.GenerateDigits else (numbers[c % len(numbers)],)

    def two(self, a: int, b: int, c: int) -> None:
        """A service for two calls of a device that has one on hold."""
        held = [one for one in self.connections() if self.state(one) is ConnectionState.HELD]
        if held:
            chosen = held[a % len(held)]
            same = [one for one in self.connections() if one.device_id == chosen.device_id and one != chosen] or [
                chosen
            ]
            self.ask(TWO[b % 4](held_call=chosen, active_call=same[c % len(same)]))

    def forward(self, a: int, b: int, c: int) -> None:
        kinds = list(m.ForwardingType)
        self.ask(m.SetForwarding(NUMBERS[a % 5], c % 2 == 0, kinds[b % len(kinds)], NUMBERS[c % len(NUMBERS)], 2))

    def press(self, a: int, b: int, c: int) -> None:
        """A button that is offered does something, or its number leads nowhere; others do nothing."""
        self.follow()
        device, button = NUMBERS[a % 6], list(BUTTONS)[b % len(BUTTONS)]
        offered = button in self.office.switch.buttons(device)
        before = repr((self.model.calls, self.model.devices))
        try:
            self.office.press(device, button, NUMBERS[c % len(NUMBERS)])
        except Refused:
            assert not self.model.news and repr((self.model.calls, self.model.devices)) == before
            return
        changed = bool(self.model.news) or repr((self.model.calls, self.model.devices)) != before
        assert offered == changed or (offered and button == "forward"), "it may be forwarded there already"

    def ring_in(self, a: int, b: int, c: int) -> None:
        with suppress(Refused):
            self.office.switch.ring_in("+14085550100", NUMBERS[a % 6], now=self.office.now)

    def wait(self, a: int, b: int, c: int) -> None:
        self.office.wait((1.0, 10.0, 31.0, 200.0)[a % 4])
        deadline = self.model.next_deadline()
        assert deadline is None or deadline > self.office.now

    def replace_line(self, a: int, b: int, c: int) -> None:
        wanted = [Device(one, takes_calls=one != DOOR) for one in (*PHONES, DOOR)]
        self.office.switch.provision([one for one in wanted if one.id != NUMBERS[a % 5]])
        self.follow()
        self.office.switch.provision(wanted)

    # What holds at any time

    def free(self) -> list[str]:
        return [one for one in PHONES if not self.model.occupied(one)] or list(PHONES)

    def connections(self) -> list[ConnectionID]:
        return [call.at(device) for call in self.model.calls.values() for device in call.parties]

    def state(self, connection: ConnectionID) -> ConnectionState:
        return self.model.calls[connection.call_id or ""].parties[connection.device_id or ""]

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
            assert {call.id for call in self.model.of(device)} == {
                call.id for call in self.model.calls.values() if device in call.parties
            }
        deadlines = [when for call in self.model.calls.values() for when in call.deadlines.values()]
        assert self.model.next_deadline() == min(deadlines, default=None)

    def ids_are_used_once(self) -> None:
        calls = set(self.model.calls)
        assert calls.isdisjoint(self.ended)
        self.ended |= self.live - calls
        self.live = calls

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


A = Telephones
USUAL = (A.talk,) * 3 + (A.sensible,) * 8 + (A.two,) * 5
UNUSUAL = (A.make_call, A.one, A.one, A.forward, A.press, A.press, A.ring_in, A.wait, A.replace_line)
STEPS = st.tuples(st.sampled_from(USUAL + UNUSUAL), *[st.integers(0, 999)] * 3)


@given(st.lists(STEPS, min_size=20, max_size=60))
@settings(max_examples=200)
def test_whatever_is_tried(steps: list[Any]) -> None:
    """No connection without a device, no id used twice, no event for a call that is over, and events tell all."""
    telephones = Telephones()
    for do, a, b, c in steps:
        do(telephones, a, b, c)
        telephones.events_tell_all()
        telephones.ids_are_used_once()
        telephones.calls_are_sound()

"""Calls and the devices in them: how a call begins, reaches a device, fails and ends, and who hears of it.

A connection is a device's part in a call, in one of the six states (T-CTI-4); a device that is in no call is in Null.
Each event goes to every device that has a connection in the call, or had one until this event, together with the
state of that device's own connection after it. Nothing here knows the time: it is handed in, and deadlines are kept.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from cti.csta import features
from cti.csta.devices import BadDevice, canonical
from cti.csta.errors import Fault, Refused
from cti.csta.features import Device, DeviceState, Diverts, Fails, MayCall
from cti.csta.messages import (
    Absent,
    Cause,
    ConnectionClearedEvent,
    ConnectionID,
    ConnectionState,
    ConsultOptions,
    DeliveredEvent,
    DivertedEvent,
    EstablishedEvent,
    Event,
    FailedEvent,
    HeldEvent,
    Leg,
    OriginatedEvent,
    Party,
    RetrievedEvent,
    ServiceCompletionFailureEvent,
)

RING: Final = 5.0
"Seconds from one ring to the next."

RING_LIMIT: Final = 180.0
"Seconds after which nobody will answer any more (RFC 3261 allows an INVITE three minutes)."

PROMPT_LIMIT: Final = 30.0
"Seconds in which a caller lifts the handset, or dials: after that the phone was left off the hook."

MAX_HOPS: Final = 8
"Forwardings of one call: more look like a loop to the caller."

ALERTING: Final = ConnectionState.ALERTING
CONNECTED: Final = ConnectionState.CONNECTED
FAILED: Final = ConnectionState.FAILED
HELD: Final = ConnectionState.HELD
INITIATED: Final = ConnectionState.INITIATED
NULL: Final = ConnectionState.NULL

TALKING: Final = frozenset({CONNECTED, HELD})
"States of those for whom a call goes on."

ENGAGED: Final = frozenset({CONNECTED, INITIATED, ALERTING})
"States of which a device has one connection at most."


@dataclass(slots=True)
class Call:
    """Devices that are connected, or are about to be."""

    id: str
    calling: str
    called: str
    cause: Cause
    "Why it was begun."
    parties: dict[str, ConnectionState] = field(default_factory=dict)
    deadlines: dict[str, float] = field(default_factory=dict)
    "Until when a device may ring, or may wait for its user."
    redirected: str | None = None
    "The device that has sent the call on last."
    options: ConsultOptions = ConsultOptions.UNRESTRICTED
    unforwarded: set[str] = field(default_factory=set)
    "Devices that ring to the end: they do not forward what nobody answers, or could not."
    untold: dict[str, Cause] = field(default_factory=dict)
    "Devices that the call has reached, of which nobody has been told yet that they ring; and why it went there."
    prompted: bool = False
    "MakeCall has begun it, and waits for the handset."
    digits: str = ""
    "What was sent by GenerateDigits, the newest last."
    since: float | None = None
    "When it was begun; where calls were joined, the first of them."

    def others(self, device: str) -> list[str]:
        """The parties beside a device."""
        return [party for party in self.parties if party != device]

    def established(self, device: str) -> bool:
        """There is somebody whom the device is connected with."""
        return any(self.parties[party] in TALKING for party in self.others(device))

    def at(self, device: str) -> ConnectionID:
        """The connection of a device, by its identifier."""
        return ConnectionID(self.id, device)

    @property
    def last_redirection(self) -> Party:
        """For events."""
        return Absent.NOT_REQUIRED if self.redirected is None else self.redirected


@dataclass(frozen=True, slots=True)
class News:
    """An event for those who monitor a device."""

    device: str
    event: Event


@dataclass(frozen=True, slots=True)
class Route:
    """Where a call for a device ends."""

    hops: tuple[tuple[str, str, Cause], ...]
    "Devices that send it on, and where to."
    target: str
    failure: Cause | None


class Calls:
    """All calls of one switching function."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._number = 0
        self.devices: dict[str, Device] = {}
        self.calls: dict[str, Call] = {}
        self.news: deque[News] = deque()
        "What has happened, oldest first; whoever carries it away empties it."
        self._of: dict[str, dict[str, Call]] = {}
        "Device -> the calls that it is in, by id."
        self._due: list[tuple[float, str, str]] = []
        "Heap of deadlines with call and device; those that do not count any more are passed over."

    # Who is in what

    def known(self, text: str, fault: Fault) -> str:
        """A device of the switch by any of its spellings; raises Refused."""
        with suppress(BadDevice):
            if (device := canonical(text)) in self.devices:
                return device
        raise Refused(fault)

    def of(self, device: str) -> list[Call]:
        """The calls of a device."""
        return list(self._of.get(device, {}).values())

    def may_call(self, device: str, target: str) -> bool:
        """An administrator lets the one call the other."""
        allowed = self.devices[device].may_call
        return allowed is MayCall.ANYONE or (allowed is MayCall.OURS and self.devices[target].ours)

    def state(self, device: str) -> DeviceState:
        """How a device is; neither, for one that is unknown."""
        known = self.devices.get(device)
        talks = any(call.parties[device] in TALKING for call in self.of(device))
        return DeviceState(talks, known is not None and known.do_not_disturb)

    def occupied(self, device: str) -> bool:
        """It takes part in a call; that others hear its busy tone does not count."""
        return any(len(call.parties) == 1 or call.parties[device] != FAILED for call in self.of(device))

    def engaged(self, device: str, beside: Call | None = None) -> bool:
        """It has a connection that is not on hold, in another call than `beside`."""
        return any(
            call is not beside and (call.parties[device] in ENGAGED or len(call.parties) == 1)
            for call in self.of(device)
        )

    def new_call(self, calling: str, called: str, cause: Cause) -> Call:
        """A call without parties; its id was never used before."""
        self._number += 1
        call = Call(f"{self._prefix}{self._number}", calling, called, cause)
        self.calls[call.id] = call
        return call

    def enter(self, call: Call, device: str, state: ConnectionState, until: float | None = None) -> None:
        """The device is in the call, in this state; `until` when it may ring, or may wait for its user."""
        call.parties[device] = state
        self._of.setdefault(device, {})[call.id] = call
        if state != ALERTING:
            call.untold.pop(device, None)
        if until is None:
            call.deadlines.pop(device, None)
        else:
            call.deadlines[device] = until
            heapq.heappush(self._due, (until, call.id, device))

    def leave(self, call: Call, device: str) -> None:
        """The device is not in the call any more, if it ever was."""
        for of_call in (call.parties, call.deadlines, call.untold):
            of_call.pop(device, None)
        mine = self._of.get(device, {})
        mine.pop(call.id, None)
        if not mine:
            self._of.pop(device, None)

    def end(self, call: Call) -> None:
        """There is no such call any more."""
        for device in list(call.parties):
            self.leave(call, device)
        del self.calls[call.id]

    def merge(self, joined: Call, call: Call) -> None:
        """The parties of a call go over into another one, as they are; the call is gone."""
        joined.untold |= call.untold
        joined.unforwarded |= call.unforwarded
        joined.since = min((one for one in (joined.since, call.since) if one is not None), default=None)
        for device, state in call.parties.items():
            self.enter(joined, device, state, call.deadlines.get(device))
        self.end(call)

    def tell(self, call: Call, make: Callable[[ConnectionState], Event], gone: Iterable[str] = ()) -> None:
        """An event for those who were in the call and for those who are."""
        for device in dict.fromkeys((*gone, *call.parties)):
            self.news.append(News(device, make(call.parties.get(device, NULL))))

    # How a call begins, and reaches a device

    def begin(self, call: Call, device: str, now: float) -> None:
        """The device waits for its user, to dial or to lift the handset."""
        call.since = now
        self.enter(call, device, INITIATED, now + PROMPT_LIMIT)

    def originate(self, call: Call, now: float) -> None:
        """The caller is connected, and the call is offered to whom it is for."""
        if call.since is None:
            call.since = now
        self._originated(call)
        self.offer(call, self.route(call, call.called), call.cause, now)

    def misdialled(self, call: Call, cause: Cause) -> None:
        """The caller is connected, and hears that nobody has this number."""
        self._originated(call)
        self._fail(call, call.calling, cause)

    def _originated(self, call: Call) -> None:
        self.enter(call, call.calling, CONNECTED)
        call.prompted = False
        self.tell(
            call,
            lambda state: OriginatedEvent(call.at(call.calling), call.calling, call.called, call.cause, state),
        )

    def route(self, call: Call, target: str) -> Route:
        """Where the call would end if it were offered to a device; nothing changes."""
        inside = self.inside(call)
        hops: list[tuple[str, str, Cause]] = []
        while True:
            outcome = features.offered(self.devices[target], inside=inside, occupied=self.occupied(target))
            if not isinstance(outcome, Diverts):
                return Route(tuple(hops), target, outcome.cause if isinstance(outcome, Fails) else None)
            taken = outcome.to in call.parties or any(outcome.to == device for device, _, _ in hops)
            if taken or len(hops) == MAX_HOPS or not self._may_forward(target, outcome.to):
                return Route(tuple(hops), target, Cause.DESTINATION_NOT_OBTAINABLE)
            hops.append((target, outcome.to, outcome.cause))
            target = outcome.to

    def offer(self, call: Call, route: Route, cause: Cause, now: float) -> None:
        """Send the call along its route: it rings at the end, or fails there."""
        for device, to, why in route.hops:
            self.divert(call, device, to, why)
            cause = why
        if route.failure is not None:
            self._fail(call, route.target, route.failure)
        else:
            self._alert(call, route.target, cause, now)

    def divert(self, call: Call, device: str, to: str, cause: Cause) -> None:
        """A device sends the call on."""
        self.leave(call, device)
        self.tell(
            call,
            lambda state: DivertedEvent(
                call.at(device), device, to, call.last_redirection, cause, call.calling, call.called, state
            ),
            gone=(device,),
        )
        call.redirected = device

    def forward(
        self, call: Call, device: str, forwarding: features.Forwarding | None, cause: Cause, now: float
    ) -> bool:
        """A device that the call has reached sends it on, if it can ring there; whether it does."""
        if forwarding is None or forwarding.to in call.parties or not self._may_forward(device, forwarding.to):
            return False
        route = self.route(call, forwarding.to)
        if route.failure is None:
            self.divert(call, device, forwarding.to, cause)
            self.offer(call, route, cause, now)
        return route.failure is None

    def _may_forward(self, device: str, to: str) -> bool:
        """It could when the forwarding was set; since then lines may be gone, and rights."""
        return to in self.devices and self.may_call(device, to)

    def inside(self, call: Call) -> bool:
        """The caller is a device of this switch."""
        caller = self.devices.get(call.calling)
        return caller is not None and caller.inside

    def _alert(self, call: Call, device: str, cause: Cause, now: float) -> None:
        forwarding = self._unanswered(call, device)
        self.enter(call, device, ALERTING, now + (forwarding.rings * RING if forwarding is not None else RING_LIMIT))
        if forwarding is None:
            call.unforwarded.add(device)
        call.untold[device] = cause
        self.reach(call, device)

    def reach(self, call: Call, device: str) -> None:
        """The call is at a device that is to ring: without real phones it rings."""
        self.rings(call, device)

    def rings(self, call: Call, device: str) -> None:
        """The device rings."""
        cause = call.untold.pop(device, None)
        if cause is None:
            return
        self.tell(
            call,
            lambda state: DeliveredEvent(
                call.at(device), device, call.calling, call.called, call.last_redirection, cause, state
            ),
        )

    def _unanswered(self, call: Call, device: str) -> features.Forwarding | None:
        return self.devices[device].forwards(features.NO_ANSWER[self.inside(call)])

    def _fail(self, call: Call, device: str, cause: Cause) -> None:
        self.enter(call, device, FAILED)
        self.tell(
            call,
            lambda state: FailedEvent(
                call.at(device), device, call.calling, call.called, call.last_redirection, cause, state
            ),
        )

    # How it goes on, and ends

    def answer(self, call: Call, device: str) -> None:
        """The device answers."""
        self.enter(call, device, CONNECTED)
        self.tell(
            call,
            lambda state: EstablishedEvent(
                call.at(device), device, call.calling, call.called, call.last_redirection, Cause.NORMAL, state
            ),
        )

    def hold(self, call: Call, device: str, cause: Cause) -> None:
        """The device puts the call on hold."""
        self.enter(call, device, HELD)
        self.tell(call, lambda state: HeldEvent(call.at(device), device, cause, state))

    def retrieve(self, call: Call, device: str, cause: Cause) -> None:
        """The device takes it back."""
        self.enter(call, device, CONNECTED)
        self.tell(call, lambda state: RetrievedEvent(call.at(device), device, cause, state))

    def drop(self, call: Call, device: str, cause: Cause) -> None:
        """The device leaves; without anybody to talk to the others leave as well, one after the other."""
        while True:
            self.leave(call, device)
            self._cleared(call, device, cause)
            parties = list(call.parties)
            if len(parties) > 1 and any(state in TALKING for state in call.parties.values()):
                return
            if not parties:
                self.end(call)
                return
            device = parties[0]

    def _cleared(self, call: Call, device: str, cause: Cause) -> None:
        self.tell(call, lambda state: ConnectionClearedEvent(call.at(device), device, cause, state), gone=(device,))

    def incomplete(self, call: Call, device: str, cause: Cause) -> None:
        """A service that the device was promised comes to nothing; what holds now goes with the news."""
        leg = Leg(device, call.at(device), call.parties[device])
        self.news.append(News(device, ServiceCompletionFailureEvent(leg, cause)))

    def withdraw(self, device: str) -> None:
        """The device leaves all its calls."""
        for call in self.of(device):
            if device in call.parties:
                self.drop(call, device, Cause.NORMAL_CLEARING)

    # What runs out

    def next_deadline(self) -> float | None:
        """When `timeout` has something to do."""
        while self._due:
            when, id, device = self._due[0]
            call = self.calls.get(id)
            if call is not None and call.deadlines.get(device) == when:
                return when
            heapq.heappop(self._due)
        return None

    def timeout(self, now: float) -> None:
        """Do what is due: send on what nobody answers, give up what nobody will."""
        while (when := self.next_deadline()) is not None and when <= now:
            _, id, device = heapq.heappop(self._due)
            call = self.calls[id]
            if call.parties[device] == INITIATED:
                self._left_waiting(call, device)
            else:
                self._left_ringing(call, device, now)

    def _left_waiting(self, call: Call, device: str) -> None:
        if call.prompted:
            self.incomplete(call, device, Cause.TIMEOUT)
            self.drop(call, device, Cause.TIMEOUT)
        else:
            self._fail(call, device, Cause.TIMEOUT)

    def _left_ringing(self, call: Call, device: str, now: float) -> None:
        if device not in call.unforwarded:
            call.unforwarded.add(device)
            self.enter(call, device, ALERTING, now + RING_LIMIT)
            self.forward(call, device, self._unanswered(call, device), Cause.FORWARD_NO_ANSWER, now)
        elif len(call.parties) == 2:
            self._fail(call, device, Cause.CALL_NOT_ANSWERED)
        else:
            self.drop(call, device, Cause.CALL_NOT_ANSWERED)

"""Calls and the devices in them: how a call begins, reaches a device, fails and ends, and who hears of it.

A connection is a device's part in a call, in one of the six states (T-CTI-4); a device that is in no call is in Null.
Each event goes to every device that has a connection in the call, or had one until this event, together with the
state of that device's own connection after it. Nothing here knows the time: it is handed in, and deadlines are kept.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from cti.csta import features
from cti.csta.features import Device, Diverts, Fails
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
    prompted: bool = False
    "MakeCall has begun it, and waits for the handset."
    digits: str = ""
    "What was sent by GenerateDigits, the newest last."

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

    # Who is in what

    def of(self, device: str) -> list[Call]:
        """The calls of a device."""
        return [call for call in self.calls.values() if device in call.parties]

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

    def tell(self, call: Call, make: Callable[[ConnectionState], Event], gone: Iterable[str] = ()) -> None:
        """An event for those who were in the call and for those who are."""
        for device in dict.fromkeys((*gone, *call.parties)):
            self.news.append(News(device, make(call.parties.get(device, NULL))))

    # How a call begins, and reaches a device

    def begin(self, call: Call, device: str, now: float) -> None:
        """The device waits for its user, to dial or to lift the handset."""
        call.parties[device] = INITIATED
        call.deadlines[device] = now + PROMPT_LIMIT

    def originate(self, call: Call, now: float) -> None:
        """The caller is connected, and the call is offered to whom it is for."""
        self._originated(call)
        self.offer(call, self.route(call, call.called), call.cause, now)

    def misdialled(self, call: Call, cause: Cause) -> None:
        """The caller is connected, and hears that nobody has this number."""
        self._originated(call)
        self._fail(call, call.calling, cause)

    def _originated(self, call: Call) -> None:
        call.parties[call.calling] = CONNECTED
        call.deadlines.pop(call.calling, None)
        call.prompted = False
        self.tell(
            call,
            lambda state: OriginatedEvent(call.at(call.calling), call.calling, call.called, call.cause, state),
        )

    def route(self, call: Call, target: str) -> Route:
        """Where the call would end if it were offered to a device; nothing changes."""
        caller = self.devices.get(call.calling)
        inside = caller is not None and caller.inside
        hops: list[tuple[str, str, Cause]] = []
        while True:
            outcome = features.offered(self.devices[target], inside=inside, occupied=self.occupied(target))
            if not isinstance(outcome, Diverts):
                return Route(tuple(hops), target, outcome.cause if isinstance(outcome, Fails) else None)
            taken = outcome.to in call.parties or any(outcome.to == device for device, _, _ in hops)
            if outcome.to not in self.devices or taken or len(hops) == MAX_HOPS:
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
        call.parties.pop(device, None)
        call.deadlines.pop(device, None)
        self.tell(
            call,
            lambda state: DivertedEvent(
                call.at(device), device, to, call.last_redirection, cause, call.calling, call.called, state
            ),
            gone=(device,),
        )
        call.redirected = device

    def _alert(self, call: Call, device: str, cause: Cause, now: float) -> None:
        call.parties[device] = ALERTING
        forwarding = self._unanswered(call, device)
        call.deadlines[device] = now + (forwarding.rings * RING if forwarding is not None else RING_LIMIT)
        if forwarding is None:
            call.unforwarded.add(device)
        self.tell(
            call,
            lambda state: DeliveredEvent(
                call.at(device), device, call.calling, call.called, call.last_redirection, cause, state
            ),
        )

    def _unanswered(self, call: Call, device: str) -> features.Forwarding | None:
        caller = self.devices.get(call.calling)
        return self.devices[device].forwards(features.NO_ANSWER[caller is not None and caller.inside])

    def _fail(self, call: Call, device: str, cause: Cause) -> None:
        call.parties[device] = FAILED
        call.deadlines.pop(device, None)
        self.tell(
            call,
            lambda state: FailedEvent(
                call.at(device), device, call.calling, call.called, call.last_redirection, cause, state
            ),
        )

    # How it goes on, and ends

    def answer(self, call: Call, device: str) -> None:
        """The device answers."""
        call.parties[device] = CONNECTED
        call.deadlines.pop(device, None)
        self.tell(
            call,
            lambda state: EstablishedEvent(
                call.at(device), device, call.calling, call.called, call.last_redirection, Cause.NORMAL, state
            ),
        )

    def hold(self, call: Call, device: str, cause: Cause) -> None:
        """The device puts the call on hold."""
        call.parties[device] = HELD
        self.tell(call, lambda state: HeldEvent(call.at(device), device, cause, state))

    def retrieve(self, call: Call, device: str, cause: Cause) -> None:
        """The device takes it back."""
        call.parties[device] = CONNECTED
        self.tell(call, lambda state: RetrievedEvent(call.at(device), device, cause, state))

    def drop(self, call: Call, device: str, cause: Cause) -> None:
        """The device leaves; without anybody to talk to the others leave as well, one after the other."""
        while True:
            del call.parties[device]
            call.deadlines.pop(device, None)
            self._cleared(call, device, cause)
            parties = list(call.parties)
            if len(parties) > 1 and any(state in TALKING for state in call.parties.values()):
                return
            if not parties:
                del self.calls[call.id]
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
        return min((when for call in self.calls.values() for when in call.deadlines.values()), default=None)

    def timeout(self, now: float) -> None:
        """Do what is due: send on what nobody answers, give up what nobody will."""
        for call in list(self.calls.values()):
            for device, when in list(call.deadlines.items()):
                if when <= now and call.deadlines.get(device) == when:
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
            call.deadlines[device] = now + RING_LIMIT
            forwarding = self._unanswered(call, device)
            if forwarding is not None and forwarding.to in self.devices and forwarding.to not in call.parties:
                route = self.route(call, forwarding.to)
                if route.failure is None:
                    self.divert(call, device, forwarding.to, Cause.FORWARD_NO_ANSWER)
                    self.offer(call, route, Cause.FORWARD_NO_ANSWER, now)
        elif len(call.parties) == 2:
            self._fail(call, device, Cause.CALL_NOT_ANSWERED)
        else:
            self.drop(call, device, Cause.CALL_NOT_ANSWERED)

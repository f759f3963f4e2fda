"""The 17 services on calls: what each asks of the connections it names, and what it does (T-CTI-2, T-CTI-5).

`SERVICES` has one row for each service. The connections that a request names are looked up in the order of the row;
the first that is unknown, of the wrong device or in the wrong state decides the error, and nothing changes. Then the
row's function makes the transition and tells those concerned. A positive answer says that the service was accepted:
what fails later is told by ServiceCompletionFailure.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from cti.csta import messages as m
from cti.csta.calls import (
    ALERTING,
    CONNECTED,
    FAILED,
    HELD,
    INITIATED,
    Call,
    Calls,
    News,
)
from cti.csta.errors import Fault, Refused
from cti.csta.features import DEFAULT_RINGS, MOST_RINGS, Forwarding
from cti.csta.messages import Cause, ConnectionListItem, ConnectionState, ConsultOptions

MAX_PARTIES: Final = 16
"Devices in one call: a conference that people can follow."

KEPT_DIGITS: Final = 64
"Digits of a call that are remembered; also the most that one request may send."

_DIGITS: Final = re.compile(rf"[0-9A-Da-d*#,]{{1,{KEPT_DIGITS}}}", re.ASCII)
"A comma is a pause."

ANY_STATE: Final = frozenset(ConnectionState)


class Found(NamedTuple):
    """A connection that a request has named."""

    call: Call
    device: str


@dataclass(frozen=True, slots=True)
class Named:
    """A connection that a service names."""

    field: str
    states: frozenset[ConnectionState]
    unknown: Fault = Fault.INVALID_CONNECTION_IDENTIFIER
    "No such call."
    stranger: Fault = Fault.INVALID_CONNECTION_IDENTIFIER
    "The device is unknown, or not in the call."
    wrong: Fault = Fault.INVALID_CONNECTION_STATE
    "It is in another state."


Condition: TypeAlias = Callable[[Calls, tuple[Found, ...]], bool]
Action: TypeAlias = Callable[[Calls, Any, tuple[Found, ...], float], m.Response]


@dataclass(frozen=True, slots=True)
class Service:
    """One row of the table."""

    named: tuple[Named, ...]
    conditions: tuple[tuple[Condition, Fault], ...]
    "What else has to hold, and the error when it does not."
    act: Action
    device: tuple[tuple[str, Fault], ...] = ()
    "Where no connection is named: the field that names a device, and the error for one that is unknown."

    @property
    def controlled(self) -> tuple[tuple[str, Fault], ...]:
        """The fields that name what the user has to control, and the error where that is unknown."""
        return self.device or tuple((named.field, named.stranger) for named in self.named)


# Conditions


def _somebody_there(calls: Calls, found: tuple[Found, ...]) -> bool:
    """The last connection named is in a call that somebody else has answered."""
    return found[-1].call.established(found[-1].device)


def _nothing_else_active(calls: Calls, found: tuple[Found, ...]) -> bool:
    """The device has nothing but held calls beside the last connection named."""
    return not calls.engaged(found[-1].device, beside=found[-1].call)


def _nobody_failed(calls: Calls, found: tuple[Found, ...]) -> bool:
    """There is no busy tone in what is to be joined."""
    return all(FAILED not in one.call.parties.values() for one in found)


def _somebody_remains(calls: Calls, found: tuple[Found, ...]) -> bool:
    """Of those who will be joined, one at least is there already."""
    return any(one.call.established(one.device) for one in found)


def _may_be_joined(*options: ConsultOptions) -> Condition:
    """The consultation was not made for something else."""
    return lambda calls, found: found[1].call.options in (ConsultOptions.UNRESTRICTED, *options)


def _room(calls: Calls, found: tuple[Found, ...]) -> bool:
    return sum(len(one.call.parties) for one in found) <= MAX_PARTIES


# What the services do


def _make_call(calls: Calls, request: m.MakeCall, found: tuple[Found, ...], now: float) -> m.Response:
    """Originated and Delivered at once, or when the handset is lifted; Failed when it cannot ring there."""
    calling = calls.known(request.calling_device, Fault.INVALID_CALLING_DEVICE_IDENTIFIER)
    if not calls.devices[calling].connected:
        raise Refused(Fault.INVALID_CALLING_DEVICE_IDENTIFIER)
    fault = Fault.INVALID_CALLED_DEVICE_IDENTIFIER
    called = _target(calls, calling, request.called_directory_number, {calling}, fault, fault)
    waiting = [call for call in calls.of(calling) if call.parties[calling] == INITIATED and not call.prompted]
    if not waiting and calls.occupied(calling):
        raise Refused(Fault.INVALID_CONNECTION_STATE)
    call = waiting[0] if waiting else calls.new_call(calling, called, Cause.NEW_CALL)
    call.called = called
    if waiting or request.auto_originate is m.AutoOriginate.DO_NOT_PROMPT:
        calls.originate(call, now)
    else:
        calls.begin(call, calling, now)
        call.prompted = True
    return m.MakeCallResponse(call.at(calling))


def _answer(calls: Calls, request: m.AnswerCall, found: tuple[Found, ...], now: float) -> m.Response:
    """Established."""
    calls.answer(*found[0])
    return m.AnswerCallResponse()


def _clear(calls: Calls, request: m.ClearConnection, found: tuple[Found, ...], now: float) -> m.Response:
    """ConnectionCleared; a call of two ends, and each hears of its own part as well."""
    calls.drop(*found[0], Cause.NORMAL_CLEARING)
    return m.ClearConnectionResponse()


def _deflect(calls: Calls, request: m.DeflectCall, found: tuple[Found, ...], now: float) -> m.Response:
    """Diverted, then Delivered at the new device; the call keeps its id."""
    call, device = found[0]
    target = _target(calls, device, request.new_destination, call.parties)
    route = calls.route(call, target)
    if route.failure is not None:
        calls.incomplete(call, device, route.failure)
    else:
        calls.divert(call, device, target, Cause.REDIRECTED)
        calls.offer(call, route, Cause.REDIRECTED, now)
    return m.DeflectCallResponse()


def _hold(calls: Calls, request: m.HoldCall, found: tuple[Found, ...], now: float) -> m.Response:
    """Held."""
    calls.hold(*found[0], Cause.NORMAL)
    return m.HoldCallResponse()


def _retrieve(calls: Calls, request: m.RetrieveCall, found: tuple[Found, ...], now: float) -> m.Response:
    """Retrieved."""
    calls.retrieve(*found[0], Cause.NORMAL)
    return m.RetrieveCallResponse()


def _consult(calls: Calls, request: m.ConsultationCall, found: tuple[Found, ...], now: float) -> m.Response:
    """Held in the first call; Originated and Delivered, or Failed, in the second."""
    call, device = found[0]
    target = _target(calls, device, request.consulted_device, call.parties)
    calls.hold(call, device, Cause.CONSULTATION)
    second = calls.new_call(device, target, Cause.CONSULTATION)
    second.options = request.consult_options or ConsultOptions.UNRESTRICTED
    calls.originate(second, now)
    return m.ConsultationCallResponse(second.at(device))


def _single_step(calls: Calls, request: m.SingleStepTransferCall, found: tuple[Found, ...], now: float) -> m.Response:
    """Transfered, then Delivered at the new device; if it cannot ring there, everything stays as it is."""
    call, device = found[0]
    target = _target(calls, device, request.transferred_to, call.parties)
    route = calls.route(call, target)
    others = call.others(device)
    joined = calls.new_call(others[0], target, Cause.SINGLE_STEP_TRANSFER)
    items = _moved(joined, [(call, other) for other in others])
    items = (*items, ConnectionListItem(joined.at(route.target), None, route.target))
    answer = m.SingleStepTransferCallResponse(joined.at(route.target), items)
    if route.failure is not None:
        calls.end(joined)
        calls.incomplete(call, device, route.failure)
        return answer
    calls.merge(joined, call)
    calls.leave(joined, device)
    calls.tell(
        joined,
        lambda state: m.TransferedEvent(
            call.at(device), device, route.target, items, Cause.SINGLE_STEP_TRANSFER, None, state
        ),
        gone=(device,),
    )
    calls.offer(joined, route, Cause.SINGLE_STEP_TRANSFER, now)
    return answer


def _transfer(calls: Calls, request: m.TransferCall, found: tuple[Found, ...], now: float) -> m.Response:
    """Transfered, once, to all of both calls."""
    (held, device), (active, _) = found
    held_others, active_others = held.others(device), active.others(device)
    added = active_others[0]
    joined = calls.new_call(held_others[0], added, Cause.TRANSFER)
    items = _moved(joined, [(held, one) for one in held_others] + [(active, one) for one in active_others])
    calls.merge(joined, held)
    calls.merge(joined, active)
    calls.leave(joined, device)
    calls.tell(
        joined,
        lambda state: m.TransferedEvent(
            held.at(device), device, added, items, Cause.TRANSFER, active.at(device), state
        ),
        gone=(device,),
    )
    return m.TransferCallResponse(joined.at(added), items)


def _conference(calls: Calls, request: m.ConferenceCall, found: tuple[Found, ...], now: float) -> m.Response:
    """Conferenced, once, to all of both calls."""
    (held, device), (active, _) = found
    added = active.others(device)[0]
    joined = calls.new_call(held.calling, held.called, Cause.CONFERENCE)
    pairs = [(held, one) for one in held.parties] + [(active, one) for one in active.others(device)]
    items = _moved(joined, pairs)
    calls.merge(joined, held)
    calls.merge(joined, active)
    calls.enter(joined, device, CONNECTED)
    calls.tell(
        joined,
        lambda state: m.ConferencedEvent(
            held.at(device), device, added, items, Cause.CONFERENCE, active.at(device), state
        ),
    )
    return m.ConferenceCallResponse(joined.at(device), items)


def _alternate(calls: Calls, request: m.AlternateCall, found: tuple[Found, ...], now: float) -> m.Response:
    """Held in the one call, Retrieved in the other."""
    held, active = found
    calls.hold(*active, Cause.ALTERNATE)
    calls.retrieve(*held, Cause.ALTERNATE)
    return m.AlternateCallResponse()


def _reconnect(calls: Calls, request: m.ReconnectCall, found: tuple[Found, ...], now: float) -> m.Response:
    """ConnectionCleared in the one call, Retrieved in the other."""
    held, active = found
    calls.drop(*active, Cause.NORMAL_CLEARING)
    calls.retrieve(*held, Cause.NORMAL)
    return m.ReconnectCallResponse()


def _digits(calls: Calls, request: m.GenerateDigits, found: tuple[Found, ...], now: float) -> m.Response:
    """None of the guide's events."""
    if not _DIGITS.fullmatch(request.characters_to_send):
        raise Refused(Fault.INVALID_PARAMETER_VALUE)
    call = found[0].call
    call.digits = (call.digits + request.characters_to_send)[-KEPT_DIGITS:]
    return m.GenerateDigitsResponse()


def _set_forwarding(calls: Calls, request: m.SetForwarding, found: tuple[Found, ...], now: float) -> m.Response:
    """Forwarding, if it is not so already; without a destination the one that was given last counts."""
    device = calls.devices[calls.known(request.device, Fault.INVALID_PARAMETER_VALUE)]
    kind = request.forwarding_type or m.ForwardingType.IMMEDIATE
    before = device.forwardings.get(kind)
    if request.ring_count is not None and not 1 <= request.ring_count <= MOST_RINGS:
        raise Refused(Fault.INVALID_PARAMETER_VALUE)
    if request.forward_dn is not None:
        fault = Fault.INVALID_FORWARDING_DESTINATION
        to = _target(calls, device.id, request.forward_dn, {device.id}, fault, fault)
    elif before is not None:
        to = before.to
    elif request.activate_forward:
        raise Refused(Fault.INVALID_FORWARDING_DESTINATION)
    else:
        return m.SetForwardingResponse()
    rings = request.ring_count or (before.rings if before is not None else DEFAULT_RINGS)
    after = Forwarding(request.activate_forward, to, rings)
    device.forwardings[kind] = after
    if after != before and (after.on or (before is not None and before.on)):
        event = m.ForwardingEvent(device.id, after.on, kind, after.to, _rings(kind, after))
        calls.news.append(News(device.id, event))
    return m.SetForwardingResponse()


def _set_dnd(calls: Calls, request: m.SetDoNotDisturb, found: tuple[Found, ...], now: float) -> m.Response:
    """DoNotDisturb, if it is not so already."""
    device = calls.devices[calls.known(request.device, Fault.INVALID_PARAMETER_VALUE)]
    if device.do_not_disturb != request.do_not_disturb_on:
        device.do_not_disturb = request.do_not_disturb_on
        calls.news.append(News(device.id, m.DoNotDisturbEvent(device.id, device.do_not_disturb)))
    return m.SetDoNotDisturbResponse()


def _get_forwarding(calls: Calls, request: m.GetForwarding, found: tuple[Found, ...], now: float) -> m.Response:
    """What was ever set, in force or not; at least that nothing is."""
    device = calls.devices[calls.known(request.device, Fault.INVALID_PARAMETER_VALUE)]
    items = tuple(
        m.ForwardListItem(kind, one.on, one.to, _rings(kind, one)) for kind, one in device.forwardings.items()
    )
    return m.GetForwardingResponse(items or (m.ForwardListItem(m.ForwardingType.IMMEDIATE, False),))


def _get_dnd(calls: Calls, request: m.GetDoNotDisturb, found: tuple[Found, ...], now: float) -> m.Response:
    device = calls.devices[calls.known(request.device, Fault.INVALID_PARAMETER_VALUE)]
    return m.GetDoNotDisturbResponse(device.do_not_disturb)


# What several of them need


def _rings(kind: m.ForwardingType, forwarding: Forwarding) -> int | None:
    """Only a call that nobody answers has rings to count."""
    no_answer = (m.ForwardingType.NO_ANSWER, m.ForwardingType.NO_ANSWER_INT, m.ForwardingType.NO_ANSWER_EXT)
    return forwarding.rings if kind in no_answer else None


def _target(
    calls: Calls,
    device: str,
    text: str,
    taken: "dict[str, ConnectionState] | set[str]",
    fault: Fault = Fault.INVALID_DESTINATION,
    object_fault: Fault = Fault.INVALID_DESTINATION_DEVICE_OBJECT,
) -> str:
    """Whom the device may call, and who is not one of those that take part already."""
    target = calls.known(text, fault)
    if target in taken or not calls.may_call(device, target):
        raise Refused(fault)
    if not calls.devices[target].takes_calls:
        raise Refused(object_fault)
    return target


def _moved(joined: Call, pairs: list[tuple[Call, str]]) -> tuple[ConnectionListItem, ...]:
    """Old and new connections of those who go on."""
    return tuple(ConnectionListItem(joined.at(device), call.at(device), device) for call, device in pairs)


_HELD_CALL: Final = Named(
    "held_call",
    frozenset({HELD}),
    unknown=Fault.NO_HELD_CALL,
    stranger=Fault.INVALID_HELD_DEVICE_IDENTIFIER,
    wrong=Fault.INVALID_HELD_DEVICE_STATE,
)
_ACTIVE_CALL: Final = Named("active_call", frozenset({CONNECTED}))
_STATE: Final = Fault.INVALID_CONNECTION_STATE
_CALLING: Final = (("calling_device", Fault.INVALID_CALLING_DEVICE_IDENTIFIER),)
_DEVICE: Final = (("device", Fault.INVALID_PARAMETER_VALUE),)
_JOINING: Final = ((_nobody_failed, _STATE), (_somebody_remains, _STATE))

SERVICES: Final[dict[type[m.Request], Service]] = {
    m.MakeCall: Service((), (), _make_call, _CALLING),
    m.AnswerCall: Service(
        (
            Named(
                "call_to_be_answered",
                frozenset({ALERTING}),
                unknown=Fault.NO_CALL_TO_ANSWER,
                stranger=Fault.NO_CALL_TO_ANSWER,
                wrong=Fault.NO_CALL_TO_ANSWER,
            ),
        ),
        ((_nothing_else_active, _STATE),),
        _answer,
    ),
    m.ClearConnection: Service(
        (
            Named(
                "connection_to_be_cleared",
                ANY_STATE,
                unknown=Fault.NO_CONNECTION_TO_CLEAR,
                stranger=Fault.NO_CONNECTION_TO_CLEAR,
            ),
        ),
        (),
        _clear,
    ),
    m.DeflectCall: Service(
        (Named("call_to_be_diverted", frozenset({ALERTING}), stranger=Fault.INVALID_DIVERTING_DEVICE_IDENTIFIER),),
        (),
        _deflect,
    ),
    m.HoldCall: Service((Named("call_to_be_held", frozenset({CONNECTED})),), ((_somebody_there, _STATE),), _hold),
    m.RetrieveCall: Service(
        (Named("call_to_be_retrieved", frozenset({HELD}), wrong=Fault.NO_HELD_CALL),),
        ((_nothing_else_active, _STATE),),
        _retrieve,
    ),
    m.ConsultationCall: Service(
        (Named("existing_call", frozenset({CONNECTED})),), ((_somebody_there, _STATE),), _consult
    ),
    m.SingleStepTransferCall: Service((_ACTIVE_CALL,), ((_somebody_there, _STATE),), _single_step),
    m.TransferCall: Service(
        (_HELD_CALL, _ACTIVE_CALL),
        (*_JOINING, (_may_be_joined(ConsultOptions.TRANSFER_ONLY), _STATE)),
        _transfer,
    ),
    m.ConferenceCall: Service(
        (_HELD_CALL, _ACTIVE_CALL),
        (
            *_JOINING,
            (_may_be_joined(ConsultOptions.CONFERENCE_ONLY), _STATE),
            (_room, Fault.CONFERENCE_MEMBER_LIMIT_EXCEEDED),
        ),
        _conference,
    ),
    m.AlternateCall: Service((_HELD_CALL, _ACTIVE_CALL), ((_somebody_there, _STATE),), _alternate),
    m.ReconnectCall: Service(
        (_HELD_CALL, Named("active_call", frozenset({ALERTING, CONNECTED, FAILED, INITIATED}))),
        ((_nothing_else_active, _STATE),),
        _reconnect,
    ),
    m.GenerateDigits: Service((Named("connection_to_send_digits", frozenset({CONNECTED})),), (), _digits),
    m.SetForwarding: Service((), (), _set_forwarding, _DEVICE),
    m.SetDoNotDisturb: Service((), (), _set_dnd, _DEVICE),
    m.GetForwarding: Service((), (), _get_forwarding, _DEVICE),
    m.GetDoNotDisturb: Service((), (), _get_dnd, _DEVICE),
}
"The 17 services."

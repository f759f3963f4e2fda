"""The CTI gateway: who is connected, who monitors what, and in which order answers and events leave (R-CTI-01 to -06).

Documents and the time go in; documents come out in `transmissions`, in the order in which they have to be sent: one
answer to each request, after it the events that the request has caused, each one and none merged with another. No
socket is known here: an association may be a SIP dialog or a TCP connection (D-36).
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from cti.associations import Association, Ended, Identity, LogIn, Monitor, TooManyAssociations, Transmission
from cti.csta import kinds, messages
from cti.csta.codec import ED3, SESSION, BadDocument, decode, edition, encode
from cti.csta.devices import BadDevice, canonical
from cti.csta.errors import Fault, Refused, wire
from cti.csta.features import Device
from cti.csta.messages import ConnectionID, CSTAErrorCode, Message, Request, Response, Status
from cti.csta.services import SERVICES
from cti.csta.spelling import respelt
from cti.switch import Switch

MAX_ASSOCIATIONS: Final = 5_000
"Associations at one time: every desk of a large site has one."

MAX_MONITORS: Final = 1_000
"Monitors of one association: the screen of a whole call centre; what is beyond that is a client that leaks."

MAX_ON_DEVICE: Final = 100
"Monitors of one device that one user has: each event is told to every one of them, in some 80 microseconds."

LOGIN_LIMIT: Final = 30.0
"Seconds in which a client without a session has to log in."

MAX_ATTEMPTS: Final = 3
"Wrong passwords of one connection; guessing costs a new one each time."

SHORTEST_SESSION: Final = 30
"Seconds: a client that asks for less would do nothing but ask."

FILTER_NAMES: Final[dict[type[messages.Event], str]] = {
    messages.ConnectionClearedEvent: "connectionCleared",
    messages.DeliveredEvent: "delivered",
    messages.EstablishedEvent: "established",
    messages.DivertedEvent: "diverted",
    messages.FailedEvent: "failed",
    messages.HeldEvent: "held",
    messages.RetrievedEvent: "retrieved",
    messages.TransferedEvent: "transferred",
    messages.OriginatedEvent: "originated",
    messages.ConferencedEvent: "conferenced",
    messages.DoNotDisturbEvent: "doNotDisturb",
    messages.ForwardingEvent: "forwarding",
    messages.ServiceCompletionFailureEvent: "serviceCompletionFailure",
}
"The 13 events (T-CTI-1), by their names in a monitor filter and in supportedEvents."


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator has set."""

    session_timer: int = 1810
    "Seconds that a session lasts without being renewed (D-36)."
    heartbeat: int = 8
    "Seconds between two looks at the switching function (D-36)."


class Gateway:
    """All associations, over one switching function."""

    def __init__(self, switch: Switch, options: Options, new_id: Callable[[], str], now: float) -> None:
        self.switch = switch
        self.options = options
        self.status = Status.NORMAL if switch.beat(now) else Status.DISABLED
        self.transmissions: deque[Transmission] = deque()
        self.logins: deque[LogIn] = deque()
        self.ended: deque[Ended] = deque()
        self.lines: frozenset[str] = frozenset()
        self.touched: set[str] = set()
        "Devices that something has happened at; whoever makes presence of it takes them out."
        self.events = 0
        "Sent so far."
        self._new_id = new_id
        self._associations: dict[str, Association] = {}
        self._monitors: dict[str, dict[tuple[str, str], Monitor]] = {}
        "Device -> its monitors in the order in which they were started, by association and reference."
        self._next_beat = now + options.heartbeat

    # Associations

    def open(self, identity: Identity | None, now: float) -> Association:
        """A client has connected: as somebody, or to log in; raises TooManyAssociations."""
        if len(self._associations) >= MAX_ASSOCIATIONS:
            raise TooManyAssociations
        limit = LOGIN_LIMIT if identity is None else self.options.session_timer
        association = Association(self._new_id(), identity, now, now + limit)
        self._associations[association.id] = association
        return association

    def renew(self, association: Association, now: float, lasts: int | None = None) -> None:
        """The client is still there, for `lasts` seconds or the session timer's."""
        if association.identity is not None:
            association.expires_at = now + (lasts or self.options.session_timer)

    def close(self, association: Association) -> None:
        """The client is gone: its monitors go, the calls stay."""
        if self._associations.pop(association.id, None) is not None:
            for monitor in list(association.monitors.values()):
                self._forget(association, monitor)

    def end(self, association: Association, reason: str) -> None:
        """The gateway has had enough of it."""
        if association.id in self._associations:
            self.close(association)
            self.ended.append(Ended(association, reason))

    def associations(self) -> list[Association]:
        """Those that are connected."""
        return list(self._associations.values())

    def association(self, id: str) -> Association | None:
        """The one with this id, as long as it is connected."""
        return self._associations.get(id)

    # What an administrator says

    def provision(self, devices: Collection[Device], options: Options) -> None:
        """The lines and settings that there are now; calls of lines that are gone end."""
        self.options = options
        self.lines = frozenset(device.id for device in devices)
        self.switch.provision(devices)
        self.carry()
        for association in self.associations():
            self._withdraw(association)

    def authorise(self, association: Association, identity: Identity) -> None:
        """What the user may do has changed; monitors that it may not have any more are stopped."""
        association.identity = identity
        self._withdraw(association)

    def _withdraw(self, association: Association) -> None:
        for monitor in list(association.monitors.values()):
            if not self._may(association, monitor.device):
                self._forget(association, monitor)
                self._send(association, messages.MonitorStop(monitor.reference))

    # Time

    def next_deadline(self) -> float:
        """When `timeout` has something to do."""
        deadline = self.switch.next_deadline()
        return self._next_beat if deadline is None else min(self._next_beat, deadline)

    def timeout(self, now: float) -> None:
        """Do what is due: phones that ring, and with each heartbeat sessions that were not renewed."""
        self.switch.timeout(now)
        self.carry()
        if now >= self._next_beat:
            self._next_beat = now + self.options.heartbeat
            for association in self.associations():
                if association.expires_at <= now:
                    self.end(association, "the session was not renewed")
            self._beat(now)

    def _beat(self, now: float) -> None:
        status = Status.NORMAL if self.switch.beat(now) else Status.DISABLED
        if status is not self.status:
            self.status = status
            for association in self._associations.values():
                if association.identity is not None:
                    self._send(association, messages.SystemStatus(status))

    # Requests

    def receive(self, association: Association, body: bytes, tag: Any, now: float) -> None:
        """A document from the client; its answer, and then what it has caused, join the transmissions."""
        if association.id not in self._associations:
            return
        try:
            document = decode(body)
        except BadDocument as error:
            self._send(association, refusal(error.fault), tag, error.namespace)
            return
        if isinstance(document.message, Response):
            return  # to something that the gateway has sent
        if document.namespace != SESSION:
            association.namespace = document.namespace
        try:
            if not isinstance(document.message, Request):
                raise Refused(Fault.SERVICE_NOT_SUPPORTED)
            answer = self._answer(association, document.message, tag, now)
        except Refused as refused:
            answer = refusal(refused.fault)
        if answer is not None:
            self._send(association, answer, tag)
        self.carry()

    def _answer(self, association: Association, request: Request, tag: Any, now: float) -> Response | None:
        own = _OWN.get(type(request))
        if own is not None:
            answer: Response | None = own(self, association, request, tag, now)
            return answer
        service = SERVICES.get(type(request))
        if association.identity is None or service is None:
            raise Refused(Fault.SERVICE_NOT_SUPPORTED)
        for name, fault in service.controlled:  # somebody else's device is answered as one that is not there
            self._controlled(association, getattr(request, name), fault)
        return self.switch.ask(request, now)

    def _controlled(self, association: Association, named: str | ConnectionID, fault: Fault) -> None:
        """The device has to be one of the user's; its spelling is kept for answers and events."""
        text = named.device_id if isinstance(named, ConnectionID) else named
        try:
            device = canonical(text or "")
        except BadDevice:
            raise Refused(fault) from None
        if not self._may(association, device):
            raise Refused(fault)
        association.spellings[device] = text or ""

    def _may(self, association: Association, device: str) -> bool:
        identity = association.identity
        return identity is not None and device in self.lines and (identity.all_devices or device in identity.devices)

    # Events

    def carry(self) -> None:
        """Hand what has happened at the switch to those who monitor it."""
        while self.switch.news:
            news = self.switch.news.popleft()
            self.touched.add(news.device)
            name = FILTER_NAMES[type(news.event)]
            for (id, reference), monitor in self._monitors.get(news.device, {}).items():
                if name not in monitor.left_out:
                    self.events += 1
                    self._send(self._associations[id], replace(news.event, monitor_cross_ref_id=reference))

    def _send(self, association: Association, message: Message, tag: Any = None, namespace: str = "") -> None:
        document = encode(respelt(message, association.spellings), namespace or association.namespace)
        self.transmissions.append(Transmission(association, document, tag))

    def _forget(self, association: Association, monitor: Monitor) -> None:
        del association.monitors[monitor.reference]
        of_device = self._monitors[monitor.device]
        del of_device[association.id, monitor.reference]
        if not of_device:
            del self._monitors[monitor.device]

    # System services (T-CTI-3)

    def _system_status(
        self, association: Association, request: messages.RequestSystemStatus, tag: Any, now: float
    ) -> Response:
        _logged_in(association)
        self.renew(association, now)
        return messages.RequestSystemStatusResponse(self.status)

    def _features(self, association: Association, request: messages.GetCSTAFeatures, tag: Any, now: float) -> Response:
        _logged_in(association)
        return messages.GetCSTAFeaturesResponse(_names(kinds.SERVICES.values()), _names(kinds.EVENTS.values()))

    def _monitor_start(
        self, association: Association, request: messages.MonitorStart, tag: Any, now: float
    ) -> Response:
        _logged_in(association)
        if not isinstance(request.monitor_object, messages.DeviceObject):
            raise Refused(Fault.INVALID_MONITOR_OBJECT_TYPE)
        if request.monitor_type is messages.MonitorType.CALL:
            raise Refused(Fault.INVALID_PARAMETER_VALUE)
        self._controlled(association, request.monitor_object.device, Fault.INVALID_MONITOR_OBJECT_TYPE)
        device = canonical(request.monitor_object.device)
        if len(association.monitors) >= MAX_MONITORS or self._watching(association, device) >= MAX_ON_DEVICE:
            raise Refused(Fault.OBJECT_MONITOR_LIMIT_EXCEEDED)
        association.references += 1
        left_out = request.requested_monitor_filter or frozenset()
        monitor = Monitor(f"{association.references:08x}", device, left_out)
        association.monitors[monitor.reference] = monitor
        self._monitors.setdefault(monitor.device, {})[association.id, monitor.reference] = monitor
        return messages.MonitorStartResponse(monitor.reference, left_out or None, True)

    def _watching(self, association: Association, device: str) -> int:
        """How many monitors of the device this user has, in all associations."""
        user, others = association.identity, (self._associations[id] for id, _ in self._monitors.get(device, ()))
        return sum(user is not None and one.identity is not None and one.identity.name == user.name for one in others)

    def _monitor_stop(self, association: Association, request: messages.MonitorStop, tag: Any, now: float) -> Response:
        _logged_in(association)
        monitor = association.monitors.get(request.monitor_cross_ref_id)
        if monitor is None:
            raise Refused(Fault.INVALID_CROSS_REFERENCE_IDENTIFIER)
        self._forget(association, monitor)
        return messages.MonitorStopResponse()

    # Application sessions (ECMA-354)

    def _start_session(
        self, association: Association, request: messages.StartApplicationSession, tag: Any, now: float
    ) -> Response | None:
        version = next((one for one in request.requested_protocol_versions if edition(one)), None)
        if version is None:
            return messages.StartApplicationSessionNegResponse("requestedProtocolVersionNotSupported")
        if association.identity is not None or association.logging_in:
            return messages.StartApplicationSessionNegResponse("invalidApplicationInfo")
        association.logging_in = True
        info = request.application_info
        name = info.user_name or info.application_id
        duration = request.requested_session_duration
        self.logins.append(LogIn(association, name, info.password or "", version, duration, tag))
        return None

    def decide(self, login: LogIn, identity: Identity | None, now: float) -> None:
        """Answer a log-in: as this user, or not."""
        association = login.association
        if association.id not in self._associations:
            return
        association.logging_in = False
        if identity is None:
            self._send(association, messages.StartApplicationSessionNegResponse("invalidApplicationInfo"), login.tag)
            association.attempts += 1
            if association.attempts >= MAX_ATTEMPTS:
                self.end(association, "too many wrong passwords")
            return
        association.identity = identity
        association.namespace = edition(login.version) or ED3
        lasts = self._lasting(association, login.duration, now)
        self._send(
            association, messages.StartApplicationSessionPosResponse(association.id, login.version, lasts), login.tag
        )

    def _lasting(self, association: Association, asked: int | None, now: float) -> int:
        lasts = max(SHORTEST_SESSION, min(asked or self.options.session_timer, self.options.session_timer))
        association.expires_at = now + lasts
        return lasts

    def _reset_session(
        self, association: Association, request: messages.ResetApplicationSessionTimer, tag: Any, now: float
    ) -> Response:
        if association.identity is None or request.session_id != association.id:
            return messages.ResetApplicationSessionTimerNegResponse("invalidSessionID")
        lasts = self._lasting(association, request.requested_session_duration, now)
        return messages.ResetApplicationSessionTimerPosResponse(lasts)

    def _stop_session(
        self, association: Association, request: messages.StopApplicationSession, tag: Any, now: float
    ) -> Response | None:
        if association.identity is None or request.session_id != association.id:
            return messages.StopApplicationSessionNegResponse("invalidSessionID")
        self._send(association, messages.StopApplicationSessionPosResponse(), tag)
        self.end(association, "logged out")
        return None


_OWN: Final[dict[type[Request], Callable[[Gateway, Association, Any, Any, float], Response | None]]] = {
    messages.RequestSystemStatus: Gateway._system_status,
    messages.GetCSTAFeatures: Gateway._features,
    messages.MonitorStart: Gateway._monitor_start,
    messages.MonitorStop: Gateway._monitor_stop,
    messages.StartApplicationSession: Gateway._start_session,
    messages.ResetApplicationSessionTimer: Gateway._reset_session,
    messages.StopApplicationSession: Gateway._stop_session,
}
"What the gateway answers by itself; all other services are the switching function's."


def refusal(fault: Fault) -> CSTAErrorCode:
    """The answer that an error has on the wire (D-37)."""
    return CSTAErrorCode(*wire(fault))


def _logged_in(association: Association) -> None:
    if association.identity is None:
        raise Refused(Fault.SERVICE_NOT_SUPPORTED)


def _names(groups: Iterable[tuple[str, ...]]) -> frozenset[str]:
    return frozenset(name for group in groups for name in group)

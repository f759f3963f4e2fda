"""The SIP switching function: services of the CTI gateway on phones that are registered here (seam: `cti.switch`).

The call model says what should be: who is in which call, and in which state. `look` makes the phones so, after every
service and after everything that a phone does: it rings what is to ring, hangs up what is in no call any more, and
leaves the media to `control`. So each service is written once, in the model.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import structlog

from cti.csta import messages
from cti.csta.calls import ALERTING, CONNECTED, HELD, TALKING, Call, News
from cti.csta.devices import canonical
from cti.csta.errors import Fault, Refused
from cti.csta.features import Device, DeviceState
from cti.csta.messages import Cause
from sipedge import dispatch
from sipedge.b2bua import digits, phonelink, sdp
from sipedge.b2bua.answers import Answer, Gone, Rejected
from sipedge.b2bua.control import Control, Mixed
from sipedge.b2bua.directory import Directory, self_named
from sipedge.b2bua.leg import Leg
from sipedge.b2bua.lines import LineFacts
from sipedge.b2bua.mixer import Ports
from sipedge.b2bua.model import SipModel
from sipedge.b2bua.participants import Participants
from sipedge.b2bua.ringing import Ringing
from sipedge.b2bua.rings import Ring
from sipedge.b2bua.transfers import Transfers
from sipedge.handlers.relay import check_hops
from sipedge.sip.errors import SipError
from sipedge.sip.message import Request, Response

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

FAREWELL: Final = 2.0
"Seconds that the phones have to hear of the end when the edge stops."

MAX_CALLS: Final = 100
"Of one user's phones at a time: a small exchange behind a line has fewer; each call takes dialogs that others need."

STATUSES: Final = {
    Cause.BUSY: (486, None),
    Cause.CALL_NOT_ANSWERED: (480, "Nobody Answers"),
    Cause.DO_NOT_DISTURB: (480, "Do Not Disturb"),
    Cause.DESTINATION_OUT_OF_ORDER: (480, None),
    Cause.NUMBER_UNALLOCATED: (404, None),
    Cause.INVALID_NUMBER_FORMAT: (484, None),
}
"Why the call has failed -> what the caller's phone is told; anything else is 404."


class SipSwitch:
    """All calls of this edge that go through the switching function."""

    def __init__(self, edge: "Edge", ports: Ports, prefix: str) -> None:
        """`prefix` begins every call id and tells this run from others."""
        self._edge = edge
        self.model = SipModel(prefix, self)
        self.directory = Directory(edge, self.model)
        self.news: deque[News] = self.model.news
        self.heard: Callable[[], None] = lambda: None
        "Called when there may be news."
        self.participants = Participants(self.model)
        self._transfers = Transfers(edge.legs, self.model, self.directory, self.participants)
        self.control = Control(edge, ports, self.participants.wanted, self._media_failed)
        self._ringing = Ringing(edge, self)
        self.offering: dict[Leg, Leg] = {}
        "Phones that will answer the offer of another one."
        self._failed: deque[tuple[Call, Cause]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    # The seam

    def provision(self, devices: Iterable[Device]) -> None:
        """These are the lines; calls of those that are gone end."""
        self.model.provision(devices)
        self.look()

    def ask(self, request: messages.Request, now: float) -> messages.Response:
        """Accept a service or raise Refused; what comes of it is told by events."""
        for field in ("called_directory_number", "consulted_device", "new_destination", "transferred_to", "forward_dn"):
            if text := getattr(request, field, None):
                self.directory.admit(text)
        response = self.model.ask(request, now)
        if isinstance(request, messages.MakeCall) and isinstance(response, messages.MakeCallResponse):
            if request.auto_originate is messages.AutoOriginate.DO_NOT_PROMPT:
                self._ringing.unprompted.add(response.calling_device.call_id or "")
        elif isinstance(request, messages.GenerateDigits):
            self._edge.background(self._dial(request))
        self._edge.loop.call_soon(self.look)  # the answer goes out before anything happens
        return response

    def tell_in(self, news: deque[News]) -> None:
        """Events go to this queue, which others fill as well."""
        self.news = self.model.news = news

    def state(self, device: str) -> DeviceState:
        """As the call model has it."""
        return self.model.state(device)

    async def stop(self) -> None:
        """End all calls: nobody else could."""
        self._ringing.cancel()
        for leg in self.participants:
            leg.hang_up(503)
        if len(self.participants):
            await asyncio.sleep(FAREWELL)

    # Calls that phones make

    def takes(self, call: dispatch.Call) -> bool:
        """A call from or to one of the lines; all others are the proxy's."""
        lines, request, passage = self.directory.lines, call.request, call.passage
        if not lines.by_device or request.method != "INVITE" or passage.ticket or call.caller.guest:
            return False
        caller = call.caller.persona
        if caller is not None and caller.id in lines.by_persona:
            return True  # no Route and no tag that a phone makes up leads around the rights of its line
        if request.to.tag is not None or passage.routes:
            return False
        called = self.directory.called(request)
        return called is not None and called in lines.by_device

    async def handle(self, call: dispatch.Call) -> None:
        """A phone calls: the model says what becomes of it; raises SipError, also 481 for a dialog that is none."""
        request = call.request
        check_hops(call)
        if request.to.tag is not None:
            raise SipError(481)
        dispatch.check_extensions(request)
        called = self.directory.called(request)
        device = self.directory.calling(call, called)
        if call.caller.persona is not None and len(self.participants.at(device)) >= MAX_CALLS:
            raise SipError(486, "Too Many Calls")
        leg = self._edge.legs.take(self, device, request, call.flow, call.transaction)
        self._edge.respond(call.transaction, request.respond(100))
        if called is None or called == device or not self.directory.admit(called):
            leg.say(404)
            return
        if not self.model.may_call(device, called):
            leg.say(403)
            return
        self._ringing.names[leg] = self_named(request, call.caller.aor)
        new = self.model.new_call(device, called, Cause.NEW_CALL)
        self.participants.join(leg, new)
        self.model.originated(new, self._edge.loop.time())
        self.look()

    # Making the phones what the model says

    def look(self) -> None:
        """Something has changed."""
        self._settle()
        calls, devices = self.model.changed()
        over = self.participants.follow(devices)
        self._ringing.follow(devices)
        for call in calls:
            for device in list(call.parties):
                self._ringing.start(call, device)
        for leg in over:
            self._drop(leg)
            leg.hang_up()
        self.control.look(leg for device in devices for leg in self.participants.at(device))
        self._set_timer()
        self.heard()

    def _settle(self) -> None:
        """Callers whose call has failed hear of it; the call is over unless a program has made it beside another."""
        while self._failed:
            call, cause = self._failed.popleft()
            if call.id not in self.model.calls:
                continue
            status, reason = STATUSES.get(cause, (404, None))
            for device in [one for one, state in call.parties.items() if state in TALKING]:
                leg = self.participants.of(call, device)
                waits = leg is not None and leg.incoming
                if leg is not None and waits:
                    leg.say(status, reason=reason)
                over = waits or len(self.model.of(device)) == 1
                if over and device in call.parties and call.id in self.model.calls:
                    self.model.drop(call, device, cause)

    def _drop(self, leg: Leg) -> None:
        self.participants.drop(leg)
        self.offering.pop(leg, None)
        self._ringing.names.pop(leg, None)
        self.control.forget(leg)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        deadline = self.model.next_deadline()
        self._timer = self._edge.loop.call_at(deadline, self._due) if deadline is not None else None

    def _due(self) -> None:
        self._timer = None
        self.model.timeout(self._edge.loop.time())
        self.look()

    # What the model asks of the phones

    def present(self, call: Call) -> bool:
        """One of the caller's phones is in a call."""
        return any(leg.up for leg in self.participants.at(call.calling))

    def pick_up(self, call: Call, device: str) -> None:
        """By the link to the phone, else by NOTIFY where it has said that it listens to that."""
        line, ring = self.directory.line(device), self._ringing.at(call, device)
        if ring is None:
            raise Refused(Fault.NO_CALL_TO_ANSWER)
        if line is None or (line.link is None and not ring.talks):
            raise Refused(Fault.SERVICE_NOT_SUPPORTED)
        self._edge.background(self._pick_up(call, ring, line))

    async def _pick_up(self, call: Call, ring: Ring, line: LineFacts) -> None:
        if line.link is not None:
            taken = await phonelink.command(line.link, "accept")
        else:
            headers = [("Event", "talk"), ("Subscription-State", "active")]
            taken = any([await leg.ask_early("NOTIFY", headers) < 300 for leg in list(ring.legs)])
        if not taken and call.parties.get(ring.device) == ALERTING and call.id in self.model.calls:
            self.model.incomplete(call, ring.device, Cause.DESTINATION_OUT_OF_ORDER)
            self.look()

    def failed(self, call: Call, device: str, cause: Cause) -> None:
        """The caller hears of it at the next look."""
        self._failed.append((call, cause))

    # What phones do

    def rings(self, leg: Leg, response: Response) -> None:
        """A provisional answer."""
        self._ringing.provisional(leg, response)

    async def offers(self, leg: Leg, offer: bytes) -> Answer:
        """A phone holds, retrieves, or changes its media: those who hear it have to agree."""
        media, partner = self.control.media(leg), self.participants.partner(leg)
        if isinstance(media, Mixed):
            return Answer(200, leg.description.local)
        if partner is None:
            return Answer(200, sdp.silent(offer) if offer else sdp.with_direction(leg.description.local, sdp.INACTIVE))
        call, other = partner
        if leg.turn.locked() or other.turn.locked():
            return Answer(491)
        async with leg.turn, other.turn:
            try:
                answer = await other.renew(offer, patient=False)
            except Rejected as refused:
                return Answer(refused.status)
            except Gone:
                return Answer(480)
            if not offer:
                self.offering[leg] = other
            else:
                self._note_hold(leg, call, sdp.holds(offer))
            for one in (leg, other):
                self.control.agreed(one, self.participants.wanted(one))
        self.look()
        return Answer(200, answer)

    def _note_hold(self, leg: Leg, call: Call, held: bool) -> None:
        state = call.parties.get(leg.device)
        if held and state == CONNECTED:
            self.participants.holding.add(leg)
            self.model.hold(call, leg.device, Cause.NORMAL)
        elif not held and state == HELD:
            self.participants.holding.discard(leg)
            self.model.retrieve(call, leg.device, Cause.NORMAL)

    def confirms(self, leg: Leg, answer: bytes) -> None:
        """The answer to an offer that was made for it by another phone."""
        other = self.offering.pop(leg, None)
        if other is not None:
            other.confirm(answer or sdp.silent(other.description.remote))

    async def informs(self, leg: Leg, request: Request) -> int:
        """Digits of a phone go to those whom it hears."""
        partner = self.participants.partner(leg)
        if partner is None:
            return 200
        kind = request.get("Content-Type")
        return await partner[1].ask("INFO", [("Content-Type", kind)] if kind else [], request.body)

    def refers(self, leg: Leg, request: Request) -> None:
        """The phone's transfer button; it hears of the outcome before its call ends."""
        self._transfers.carry_out(leg, request, self._edge.loop.time())
        self._edge.loop.call_soon(self.look)

    def hung_up(self, leg: Leg) -> None:
        """The phone is in no call any more."""
        mine = self.participants.calls(leg)
        self._drop(leg)
        for call in mine:
            if leg.device in call.parties and call.id in self.model.calls:
                self.model.drop(call, leg.device, Cause.NORMAL_CLEARING)
        self.look()

    def _media_failed(self, leg: Leg, status: int) -> None:
        """The phones could not be joined as a service has promised."""
        call = self.participants.active(leg)
        log.warning("a phone does not take its media", device=leg.device, status=status)
        if call is not None:
            self.model.incomplete(call, leg.device, Cause.DESTINATION_NOT_OBTAINABLE)
            self.heard()

    async def _dial(self, request: messages.GenerateDigits) -> None:
        """Digits to all others of the call, one after the other."""
        connection = request.connection_to_send_digits
        device = canonical(connection.device_id or "")
        mine = [call for call in self.model.of(device) if connection.call_id in (None, call.id)]
        for call in mine[:1]:
            legs = [leg for other in call.others(device) if (leg := self.participants.of(call, other)) is not None]
            if not await digits.send(legs, request.characters_to_send) and device in call.parties:
                self.model.incomplete(call, device, Cause.DESTINATION_NOT_OBTAINABLE)
                self.heard()

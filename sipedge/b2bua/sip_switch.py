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
from cti.csta.calls import ALERTING, CONNECTED, HELD, INITIATED, TALKING, Call, News
from cti.csta.devices import BadDevice, canonical
from cti.csta.errors import Fault, Refused
from cti.csta.features import Device
from cti.csta.messages import Cause
from provisioning.policy import PersonaFacts
from provisioning.uri import Aor, BadUri, SipUri, TelUri
from sipedge import dispatch, resolve
from sipedge.b2bua import phonelink, sdp
from sipedge.b2bua.control import Control, Media, Mixed, Silent, With
from sipedge.b2bua.legs import RELAYED_INFO, Answer, Gone, Leg, Rejected
from sipedge.b2bua.lines import LineFacts, Lines
from sipedge.b2bua.mixer import Ports
from sipedge.b2bua.model import SipModel
from sipedge.b2bua.presence import LineStates
from sipedge.b2bua.rings import AUTO_ANSWER, Caller, Ring
from sipedge.handlers.relay import check_hops
from sipedge.resolve import Target
from sipedge.sip.errors import SipError
from sipedge.sip.headers import NameAddr
from sipedge.sip.message import Request, Response
from sipedge.trust import hides_identity

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

TONE: Final = 160
"Milliseconds of a digit."

PAUSE: Final = 1.0
"Seconds of a comma among digits."

FAREWELL: Final = 2.0
"Seconds that the phones have to hear of the end when the edge stops."

ANONYMOUS: Final = "sip:anonymous@anonymous.invalid"
"Who does not want to be named (RFC 3323 4.1)."

CAUSES: Final = {
    404: Cause.NUMBER_UNALLOCATED,
    408: Cause.DESTINATION_OUT_OF_ORDER,
    410: Cause.NUMBER_UNALLOCATED,
    480: Cause.DESTINATION_OUT_OF_ORDER,
    486: Cause.BUSY,
    503: Cause.DESTINATION_OUT_OF_ORDER,
    600: Cause.BUSY,
    603: Cause.CALL_NOT_ANSWERED,
}
"What a phone or server has said -> why the call has failed; anything else is destNotObtainable."

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
        self.lines = Lines()
        self.model = SipModel(prefix, self)
        self.news: deque[News] = self.model.news
        self.heard: Callable[[], None] = lambda: None
        "Called when there may be news, or when a line may be in another state."
        self.control = Control(edge, ports, self._wanted, self._media_failed)
        self._legs: dict[Leg, set[str]] = {}
        "Phones that take part, and the calls they take part in."
        self._rings: dict[tuple[str, str], Ring] = {}
        self._ring_of: dict[Leg, Ring] = {}
        self._holding: set[Leg] = set()
        "Phones whose users hold a call by a button of the phone."
        self._offering: dict[Leg, Leg] = {}
        "Phones that will answer the offer of another one."
        self._names: dict[str, Caller] = {}
        "What callers from outside are called."
        self._failed: deque[tuple[Call, Cause]] = deque()
        self._unprompted: set[str] = set()
        "Calls whose caller need not lift the handset."
        self._timer: asyncio.TimerHandle | None = None
        self._states = LineStates(edge)
        self._touched: set[str] = set()
        "Lines whose owners may be in another state now."
        self.dnd_is_presence = False
        "A line's Do Not Disturb is told to those who watch its owner."

    async def keep(self) -> None:
        """Renew what the lines say of their owners, for as long as the edge runs."""
        await self._states.keep()

    # The seam

    def provision(self, devices: Iterable[Device]) -> None:
        """These are all devices; the call model keeps what it knows of them."""
        wanted = {device.id: device for device in devices}
        for gone in [one.id for one in self.model.devices.values() if one.inside and one.id not in wanted]:
            self.model.remove(gone)
        for device in wanted.values():
            self.model.add(device)
        self.look()

    def ask(self, request: messages.Request, now: float) -> messages.Response:
        """Accept a service or raise Refused; what comes of it is told by events."""
        for field in ("called_directory_number", "consulted_device", "new_destination", "transferred_to", "forward_dn"):
            if text := getattr(request, field, None):
                self._admit(text)
        response = self.model.ask(request, self._edge.loop.time())
        if isinstance(request, messages.MakeCall) and isinstance(response, messages.MakeCallResponse):
            if request.auto_originate is messages.AutoOriginate.DO_NOT_PROMPT:
                self._unprompted.add(response.calling_device.call_id or "")
        elif isinstance(request, messages.SetDoNotDisturb):
            self._touched.add(canonical(request.device))
        elif isinstance(request, messages.GenerateDigits):
            self._edge.background(self._dial(request))
        self._edge.loop.call_soon(self.look)  # the answer goes out before anything happens
        return response

    def tell_in(self, news: deque[News]) -> None:
        """Events go to this queue, which others fill as well."""
        self.news = self.model.news = news

    def next_deadline(self) -> float | None:
        """None: the switch looks at its own clock."""
        return None

    def timeout(self, now: float) -> None:
        """Nothing is left to others."""

    def beat(self, now: float) -> bool:
        """It is this very process."""
        return True

    def in_call(self, device: str) -> bool:
        """The device takes part in a call that is more than ringing."""
        return any(call.parties[device] in TALKING for call in self.model.of(device))

    async def stop(self) -> None:
        """End all calls: nobody else could."""
        for ring in list(self._rings.values()):
            ring.cancel()
        for leg in list(self._legs):
            leg.hang_up(503)
        if self._legs:
            await asyncio.sleep(FAREWELL)

    # Calls that phones make

    def takes(self, call: dispatch.Call) -> bool:
        """A call from or to one of the lines; all others are the proxy's."""
        if not self.lines.by_device or call.request.method != "INVITE" or call.request.to.tag is not None:
            return False
        if call.passage.flow is not None or call.passage.routes or call.caller.guest:
            return False
        caller = call.caller.persona
        if caller is not None and caller.id in self.lines.by_persona:
            return True
        called = self._called(call.request)
        return called is not None and called in self.lines.by_device

    async def handle(self, call: dispatch.Call) -> None:
        """A phone calls: the model says what becomes of it; raises SipError."""
        request = call.request
        check_hops(call)
        dispatch.check_extensions(request)
        device = self._calling(call)
        called = self._called(request)
        leg = self._edge.legs.take(self, device, request, call.flow, call.transaction)
        self._edge.respond(call.transaction, request.respond(100))
        if device not in self.model.devices:
            self.model.add(Device(device, inside=False))
        if called is None or called == device or not self._admit(called):
            leg.say(404)
            return
        self._names[device] = _caller(request, call.caller.aor)
        new = self.model.new_call(device, called, Cause.NEW_CALL)
        self._legs[leg] = {new.id}
        self.model.originated(new, self._edge.loop.time())
        self.look()

    def _calling(self, call: dispatch.Call) -> str:
        persona = call.caller.persona
        line = self.lines.by_persona.get(persona.id) if persona is not None else None
        if line is not None:
            return line.device
        return str(persona.aor if persona is not None else call.caller.aor or ANONYMOUS)

    def _called(self, request: Request) -> str | None:
        """The device that the Request-URI means: a line by its number or its owner's address, else the address."""
        uri = request.uri
        try:
            if isinstance(uri, TelUri):
                return canonical(f"tel:{uri.number}")
            if not isinstance(uri, SipUri) or not uri.user:
                return None
            persona = self._edge.policy.resolve(Aor.of(uri))
            if persona is not None:
                line = self.lines.by_persona.get(persona.id)
                return line.device if line is not None else canonical(str(persona.aor))
            if self._edge.here(uri) and (number := canonical(uri.user.partition(";")[0])) in self.lines.by_device:
                return number
            return canonical(str(Aor.of(uri)))
        except (BadDevice, BadUri):
            return None

    # Who can be called

    def _admit(self, text: str) -> bool:
        """A destination that is no line may be called as well: another user, a number that a route leads to."""
        try:
            device = canonical(text)
        except BadDevice:
            return False
        line = self._line_of(device)
        if device in self.model.devices or line is not None:
            return True
        if self._persona(device) is None and not self._abroad(device):
            return False
        for idle in [one.id for one in self.model.devices.values() if not one.inside and not self._needed(one.id)]:
            self.model.remove(idle)
            self._names.pop(idle, None)
        self.model.add(Device(device, inside=False))
        return True

    def _needed(self, device: str) -> bool:
        return bool(self.model.of(device)) or any(
            forwarding.to == device for one in self.model.devices.values() for forwarding in one.forwardings.values()
        )

    def _line_of(self, device: str) -> LineFacts | None:
        return self.lines.by_device.get(device)

    def _persona(self, device: str) -> PersonaFacts | None:
        """The user behind a device: the owner of the line, or of the address; a number may be a user's name."""
        policy = self._edge.policy
        line = self._line_of(device)
        if line is not None:
            return policy.personas.get(line.persona_id)
        if device.startswith("sip:"):
            return policy.resolve(Aor(device))
        found = (policy.resolve(Aor(f"sip:{device}@{domain}")) for domain in policy.domains)
        return next((one for one in found if one is not None), None)

    def _abroad(self, device: str) -> bool:
        policy = self._edge.policy
        if device.startswith("sip:"):
            host = Aor(device).host
            return not policy.serves(host) and policy.may_reach(host)
        return any(True for _ in policy.static_routes(device, ""))

    async def _targets(self, device: str) -> list[Target]:
        edge = self._edge
        persona = self._persona(device)
        if persona is not None:
            uri = SipUri.parse(str(persona.aor))
            return resolve.of_bindings(edge.registrar.of(persona.id, edge.now()), uri) if persona.enabled else []
        uri_text = device if device.startswith("sip:") else f"tel:{device}"
        return await resolve.elsewhere(uri_text, edge.policy, edge.locator)

    def _address(self, device: str) -> str:
        """The address of a device for From and To."""
        persona = self._persona(device)
        if persona is not None:
            return str(persona.aor)
        return device if device.startswith("sip:") else f"tel:{device}"

    def _caller(self, device: str) -> Caller:
        known = self._names.get(device)
        if known is not None:
            return known
        persona = self._persona(device)
        address = self._address(device)
        name = "".join(one for one in persona.name if one.isprintable() and one not in '"\\') if persona else ""
        return Caller(f'"{name}" <{address}>' if name else f"<{address}>", address)

    # Making the phones what the model says

    def look(self) -> None:
        """Something has changed."""
        self._settle()
        self._follow()
        for call in list(self.model.calls.values()):
            for device, state in list(call.parties.items()):
                if state == ALERTING or (state == INITIATED and call.prompted):
                    self._start_ring(call, device)
        for leg in [one for one, calls in self._legs.items() if not calls]:
            self._drop(leg)
            leg.hang_up()
        self.control.look(self._legs)
        self._set_timer()
        self._touched |= self._states.devices.union(*(call.parties for call in self.model.calls.values()))
        while self._touched:
            line, device = self._line_of(name := self._touched.pop()), self.model.devices.get(name)
            if line is not None:
                dnd = self.dnd_is_presence and device is not None and device.do_not_disturb
                self._states.say(line, in_call=self.in_call(name), dnd=dnd)
        self.heard()

    def _settle(self) -> None:
        """Callers whose call has failed hear of it, unless they have somebody to go back to."""
        while self._failed:
            call, cause = self._failed.popleft()
            if call.id not in self.model.calls:
                continue
            status, reason = STATUSES.get(cause, (404, None))
            for device in [one for one, state in call.parties.items() if state in TALKING]:
                leg = self._leg(call, device)
                if leg is not None and leg.incoming:
                    leg.say(status, reason=reason)
                if len(self.model.of(device)) == 1 and device in call.parties and call.id in self.model.calls:
                    self.model.drop(call, device, cause)

    def _follow(self) -> None:
        """Legs and rings go with their devices when calls are joined."""
        calls = self.model.calls
        for leg, mine in self._legs.items():
            mine -= {id for id in mine if id not in calls or leg.device not in calls[id].parties}
        for call in calls.values():
            for device, state in call.parties.items():
                if state in TALKING and self._leg(call, device) is None:
                    mine = [leg for leg in self._legs if leg.device == device]
                    for leg in sorted(mine, key=lambda leg: len(self._legs[leg]))[:1]:
                        self._legs[leg].add(call.id)
        for key, ring in list(self._rings.items()):
            if not self._rings_for(calls.get(ring.call_id), ring.device):
                heir = next((one for one in calls.values() if self._rings_for(one, ring.device)), None)
                del self._rings[key]
                if heir is None or (heir.id, ring.device) in self._rings:
                    ring.cancel()
                else:
                    ring.call_id = heir.id
                    self._rings[heir.id, ring.device] = ring

    @staticmethod
    def _rings_for(call: Call | None, device: str) -> bool:
        state = call.parties.get(device) if call is not None else None
        return state == ALERTING or (call is not None and state == INITIATED and call.prompted)

    def _leg(self, call: Call, device: str) -> Leg | None:
        return next((leg for leg, calls in self._legs.items() if leg.device == device and call.id in calls), None)

    def _drop(self, leg: Leg) -> None:
        self._legs.pop(leg, None)
        self._holding.discard(leg)
        self._offering.pop(leg, None)
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

    # Ringing

    def _start_ring(self, call: Call, device: str) -> None:
        if (call.id, device) in self._rings:
            return
        talking = sorted(call.others(device), key=lambda one: one != call.calling)
        found = (self._leg(call, one) for one in talking if call.parties[one] in TALKING)
        caller = next((leg for leg in found if leg is not None), None)
        offer = b""
        if caller is not None:
            offer = sdp.with_direction(caller.remote, sdp.SENDRECV) if caller.up else caller.remote
        ring = self._rings[call.id, device] = Ring(call.id, device, caller, offer)
        self._edge.background(self._ring(ring, call))

    async def _ring(self, ring: Ring, call: Call) -> None:
        if call.parties.get(ring.device) == INITIATED:  # its own user wants to call somebody
            named = call.called
            headers = AUTO_ANSWER if call.id in self._unprompted else ()
        else:
            named, headers = call.calling, ()
        caller = self._caller(named)
        try:
            targets = await self._targets(ring.device)
        except SipError as error:
            leg, answer = None, Answer(error.status)
        else:

            def began(leg: Leg) -> None:
                self._ring_of[leg] = ring

            leg, answer = await ring.run(
                self._edge.legs, self, targets, caller, self._address(ring.device), headers, began
            )
        for one in [one for one, of in self._ring_of.items() if of is ring]:
            del self._ring_of[one]
        now = self.model.calls.get(ring.call_id)
        if ring.cancelled or now is None or not self._rings_for(now, ring.device):
            if leg is not None:
                leg.hang_up()
        elif leg is None:
            self._rings.pop((now.id, ring.device), None)
            self._not_answered(now, ring.device, CAUSES.get(answer.status, Cause.DESTINATION_NOT_OBTAINABLE))
        else:
            self._rings.pop((now.id, ring.device), None)
            self._legs[leg] = {now.id}
            self._ring_answered(now, ring, leg, answer.body)
        self.look()

    def _not_answered(self, call: Call, device: str, cause: Cause) -> None:
        if call.parties[device] == INITIATED:  # MakeCall, at the caller's own phone
            self.model.incomplete(call, device, cause)
            self.model.drop(call, device, cause)
        else:
            self.model.refused(call, device, cause, self._edge.loop.time())

    def _ring_answered(self, call: Call, ring: Ring, leg: Leg, said: bytes) -> None:
        if call.parties[ring.device] == INITIATED:
            self._unprompted.discard(call.id)
            leg.confirm(sdp.silent(said))
            self.control.agreed(leg, Silent(sdp.INACTIVE))
            self.model.originated(call, self._edge.loop.time())
            return
        caller = ring.caller
        if caller is not None and caller.incoming:
            caller.say(200, said)
            self.control.agreed(caller, With(leg))
            if not ring.offer:
                self._offering[caller] = leg
                self._edge.background(self._pass_answer(caller))
        elif not ring.offer:
            leg.confirm(sdp.silent(said))
        if caller is not None and ring.offer:
            self.control.agreed(leg, With(caller))
        else:
            self.control.agreed(leg, With(caller) if caller is not None and caller.up else Silent(sdp.INACTIVE))
        self.model.answered(call, ring.device)

    async def _pass_answer(self, leg: Leg) -> None:
        """The ACK of one who has called without an offer holds the answer to the other's."""
        try:
            self.confirms(leg, await leg.confirmation())
        except Gone:
            pass  # its user knows

    # What the model asks of the phones

    def present(self, call: Call) -> bool:
        """One of the caller's phones is in a call."""
        return any(leg.device == call.calling and leg.up for leg in self._legs)

    def pick_up(self, call: Call, device: str) -> None:
        """By the link to the phone, else by NOTIFY where it has said that it listens to that."""
        line, ring = self._line_of(device), self._rings.get((call.id, device))
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
        """A provisional answer: the caller's phone hears what this one says."""
        ring = self._ring_of.get(leg)
        call = self.model.calls.get(ring.call_id) if ring is not None else None
        if ring is None or call is None or ring.cancelled:
            return
        events = {one.strip().lower() for one in response.get_all("Allow-Events")}
        ring.talks = ring.talks or "talk" in events
        if call.parties.get(ring.device) == INITIATED:
            line = self._line_of(ring.device)
            if call.id in self._unprompted and line is not None and line.link is not None:
                self._unprompted.discard(call.id)
                self._edge.background(phonelink.command(line.link, "accept"))
            return
        if ring.caller is not None and ring.caller.incoming:
            early = response.body if response.get("Content-Type") == "application/sdp" else b""
            ring.caller.say(response.status, early, response.reason)
        self.model.rings(call, ring.device)
        self.heard()

    async def offers(self, leg: Leg, offer: bytes) -> Answer:
        """A phone holds, retrieves, or changes its media: those who hear it have to agree."""
        media, partner = self.control.media(leg), self._partner(leg)
        if isinstance(media, Mixed):
            return Answer(200, leg.local)
        if partner is None:
            return Answer(200, sdp.silent(offer) if offer else sdp.with_direction(leg.local, sdp.INACTIVE))
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
                self._offering[leg] = other
            else:
                self._note_hold(leg, call, sdp.holds(offer))
            for one in (leg, other):
                self.control.agreed(one, self._wanted(one))
        self.look()
        return Answer(200, answer)

    def _note_hold(self, leg: Leg, call: Call, held: bool) -> None:
        state = call.parties.get(leg.device)
        if held and state == CONNECTED:
            self._holding.add(leg)
            self.model.hold(call, leg.device, Cause.NORMAL)
        elif not held and state == HELD:
            self._holding.discard(leg)
            self.model.retrieve(call, leg.device, Cause.NORMAL)

    def confirms(self, leg: Leg, answer: bytes) -> None:
        """The answer to an offer that was made for it by another phone."""
        other = self._offering.pop(leg, None)
        if other is not None:
            other.confirm(answer or sdp.silent(other.remote))

    async def informs(self, leg: Leg, request: Request) -> int:
        """Digits of a phone go to those whom it hears."""
        partner = self._partner(leg)
        if partner is None:
            return 200
        kind = request.get("Content-Type")
        return await partner[1].ask("INFO", [("Content-Type", kind)] if kind else [], request.body)

    def hung_up(self, leg: Leg) -> None:
        """The phone is in no call any more."""
        mine = self._legs.get(leg, set())
        self._drop(leg)
        for call in [self.model.calls[id] for id in mine if id in self.model.calls]:
            if leg.device in call.parties and call.id in self.model.calls:
                self.model.drop(call, leg.device, Cause.NORMAL_CLEARING)
        self.look()

    # Who hears whom

    def _active(self, leg: Leg) -> Call | None:
        """The call that the phone hears."""
        mine = [self.model.calls[id] for id in self._legs.get(leg, ()) if id in self.model.calls]
        return next((call for call in mine if call.parties.get(leg.device) == CONNECTED), None)

    def _wanted(self, leg: Leg) -> Media:
        """What a phone should hear, as the model has it."""
        call = self._active(leg)
        if call is None:
            return Silent(sdp.INACTIVE)
        others = [one for one in call.others(leg.device) if call.parties[one] in TALKING]
        if len(others) > 1:
            return Mixed(call.id)
        if not others:
            return Silent(sdp.INACTIVE)
        if call.parties[others[0]] == HELD:
            return Silent(sdp.SENDONLY)
        other = self._leg(call, others[0])
        return With(other) if other is not None and other.up else Silent(sdp.INACTIVE)

    def _partner(self, leg: Leg) -> tuple[Call, Leg] | None:
        """The only other phone of the call that this one hears, or holds by its own button."""
        call = self._active(leg)
        if call is None and leg in self._holding:
            mine = (self.model.calls.get(id) for id in self._legs.get(leg, ()))
            call = next((one for one in mine if one is not None), None)
        if call is None:
            return None
        others = [one for one in call.others(leg.device) if call.parties[one] in TALKING]
        other = self._leg(call, others[0]) if len(others) == 1 else None
        held_by_other = bool(others) and call.parties[others[0]] == HELD and other not in self._holding
        return None if other is None or not other.up or held_by_other else (call, other)

    def _media_failed(self, leg: Leg, status: int) -> None:
        """The phones could not be joined as a service has promised."""
        call = self._active(leg)
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
            legs = [leg for other in call.others(device) if (leg := self._leg(call, other)) is not None]
            for digit in request.characters_to_send.upper():
                if digit == ",":
                    await asyncio.sleep(PAUSE)
                    continue
                body = f"Signal={digit}\r\nDuration={TONE}\r\n".encode()
                said = [await leg.ask("INFO", [("Content-Type", RELAYED_INFO)], body) for leg in legs]
                if any(status >= 300 for status in said) and call.id in self.model.calls:
                    self.model.incomplete(call, device, Cause.DESTINATION_NOT_OBTAINABLE)
                    self.heard()
                    return


def _caller(request: Request, asserted: Aor | None) -> Caller:
    """How a caller is called towards the phones."""
    if hides_identity(request):
        return Caller(f'"Anonymous" <{ANONYMOUS}>', "")
    from_ = request.from_
    address = str(asserted) if asserted is not None else from_.uri_text
    return Caller(str(NameAddr(from_.display, address)), str(asserted or ""))

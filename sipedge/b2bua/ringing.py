"""Which devices ring, for which calls, and what becomes of it (`rings` has one of them)."""

from collections.abc import Set
from typing import TYPE_CHECKING, Final

from cti.csta.calls import ALERTING, INITIATED, TALKING, Call
from cti.csta.messages import Cause
from sipedge.b2bua import phonelink, sdp
from sipedge.b2bua.answers import Answer, Gone
from sipedge.b2bua.control import Silent, With
from sipedge.b2bua.leg import Leg
from sipedge.b2bua.rings import AUTO_ANSWER, Caller, Ring
from sipedge.sip.errors import SipError
from sipedge.sip.message import Response

if TYPE_CHECKING:
    from sipedge.b2bua.sip_switch import SipSwitch
    from sipedge.worker import Edge

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


class Ringing:
    """Everything that rings at the switching function."""

    def __init__(self, edge: "Edge", switch: "SipSwitch") -> None:
        self._edge = edge
        self._switch = switch
        self._rings: dict[tuple[str, str], Ring] = {}
        "By call and device."
        self._ring_of: dict[Leg, Ring] = {}
        self.names: dict[Leg, Caller] = {}
        "How callers want to be called."
        self.unprompted: set[str] = set()
        "Calls whose caller need not lift the handset."

    def at(self, call: Call, device: str) -> Ring | None:
        """The ring of a device for a call."""
        return self._rings.get((call.id, device))

    def cancel(self) -> None:
        """Nothing is to ring any more."""
        for ring in list(self._rings.values()):
            ring.cancel()

    def follow(self, devices: Set[str]) -> None:
        """Rings go with their devices when calls are joined."""
        self.unprompted &= self._switch.model.calls.keys()
        for key, ring in [(key, ring) for key, ring in self._rings.items() if ring.device in devices]:
            if not self._wants(self._switch.model.calls.get(ring.call_id), ring.device):
                heir = next((one for one in self._switch.model.of(ring.device) if self._wants(one, ring.device)), None)
                del self._rings[key]
                if heir is None or (heir.id, ring.device) in self._rings:
                    ring.cancel()
                else:
                    ring.call_id = heir.id
                    self._rings[heir.id, ring.device] = ring

    @staticmethod
    def _wants(call: Call | None, device: str) -> bool:
        state = call.parties.get(device) if call is not None else None
        return state == ALERTING or (call is not None and state == INITIATED and call.prompted)

    def start(self, call: Call, device: str) -> None:
        """The device is to ring for this call, if it does not yet."""
        if (call.id, device) in self._rings or not self._wants(call, device):
            return
        talking = sorted(call.others(device), key=lambda one: one != call.calling)
        found = (self._switch.participants.of(call, one) for one in talking if call.parties[one] in TALKING)
        caller = next((leg for leg in found if leg is not None), None)
        offer = b""
        if caller is not None:
            offer = (
                sdp.with_direction(caller.description.remote, sdp.SENDRECV) if caller.up else caller.description.remote
            )
        ring = self._rings[call.id, device] = Ring(call.id, device, caller, offer)
        self._edge.background(self._ring(ring, call))

    async def _ring(self, ring: Ring, call: Call) -> None:
        switch = self._switch
        if call.parties.get(ring.device) == INITIATED:  # its own user wants to call somebody
            caller = switch.directory.name(call.called)
            headers = AUTO_ANSWER if call.id in self.unprompted else ()
        else:
            calling = switch.participants.of(call, call.calling)
            said = self.names.get(calling) if calling is not None else None
            caller, headers = said or switch.directory.name(call.calling), ()
        try:
            targets = await switch.directory.targets(ring.device)
        except SipError as error:
            leg, answer = None, Answer(error.status)
        else:

            def began(leg: Leg) -> None:
                self._ring_of[leg] = ring

            leg, answer = await ring.run(
                self._edge.legs,
                switch,
                targets,
                caller,
                switch.directory.address(ring.device),
                headers,
                began,
            )
        for one in [one for one, of in self._ring_of.items() if of is ring]:
            del self._ring_of[one]
        now = switch.model.calls.get(ring.call_id)
        if ring.cancelled or now is None or not self._wants(now, ring.device):
            if leg is not None:
                leg.hang_up()
        elif leg is None:
            self._rings.pop((now.id, ring.device), None)
            self._not_answered(now, ring.device, CAUSES.get(answer.status, Cause.DESTINATION_NOT_OBTAINABLE))
        else:
            self._rings.pop((now.id, ring.device), None)
            switch.participants.join(leg, now)
            self._ring_answered(now, ring, leg, answer.body)
        switch.look()

    def _not_answered(self, call: Call, device: str, cause: Cause) -> None:
        if call.parties[device] == INITIATED:  # MakeCall, at the caller's own phone
            self._switch.model.incomplete(call, device, cause)
            self._switch.model.drop(call, device, cause)
        else:
            self._switch.model.refused(call, device, cause, self._edge.loop.time())

    def _ring_answered(self, call: Call, ring: Ring, leg: Leg, said: bytes) -> None:
        if call.parties[ring.device] == INITIATED:
            self.unprompted.discard(call.id)
            leg.confirm(sdp.silent(said))
            self._switch.control.agreed(leg, Silent(sdp.INACTIVE))
            self._switch.model.originated(call, self._edge.loop.time())
            return
        caller = ring.caller
        if caller is not None and caller.incoming:
            caller.say(200, said)
            self._switch.control.agreed(caller, With(leg))
            if not ring.offer:
                self._switch.offering[caller] = leg
                self._edge.background(self._pass_answer(caller))
        elif not ring.offer:
            leg.confirm(sdp.silent(said))
        if caller is not None and ring.offer:
            self._switch.control.agreed(leg, With(caller))
        else:
            self._switch.control.agreed(leg, With(caller) if caller is not None and caller.up else Silent(sdp.INACTIVE))
        self._switch.model.answered(call, ring.device)

    async def _pass_answer(self, leg: Leg) -> None:
        """The ACK of one who has called without an offer holds the answer to the other's."""
        try:
            self._switch.confirms(leg, await leg.confirmation())
        except Gone:
            pass  # its user knows

    def provisional(self, leg: Leg, response: Response) -> None:
        """A provisional answer: the caller's phone hears what this one says."""
        ring = self._ring_of.get(leg)
        call = self._switch.model.calls.get(ring.call_id) if ring is not None else None
        if ring is None or call is None or ring.cancelled:
            return
        events = {one.strip().lower() for one in response.get_all("Allow-Events")}
        ring.talks = ring.talks or "talk" in events
        if call.parties.get(ring.device) == INITIATED:
            line = self._switch.directory.line(ring.device)
            if call.id in self.unprompted and line is not None and line.link is not None:
                self.unprompted.discard(call.id)
                self._edge.background(phonelink.command(line.link, "accept"))
            return
        if ring.caller is not None and ring.caller.incoming:
            early = response.body if response.get("Content-Type") == "application/sdp" else b""
            ring.caller.say(response.status, early, response.reason)
        self._switch.model.rings(call, ring.device)
        self._switch.heard()

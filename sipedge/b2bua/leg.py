"""One INVITE dialog between us and a phone, whoever has begun it (RFC 3261 sections 12 to 15, RFC 3264, RFC 4028).

A leg knows its phone and nothing of calls: whoever owns it (`LegUser`) is told what the phone does, and says what the
leg is to do. Descriptions of media are the phones' own; the leg numbers them as one session of ours.
"""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sipedge.b2bua import refer, sdp
from sipedge.b2bua.accepted import Accepted
from sipedge.b2bua.answers import Answer, Gone, Rejected, RetryLater
from sipedge.b2bua.description import SDP, Description, is_sdp
from sipedge.b2bua.invite import Invite
from sipedge.b2bua.leg_user import LegUser
from sipedge.b2bua.phone_dialog import PhoneDialog
from sipedge.b2bua.watch import Watch, session_headers
from sipedge.resolve import Target
from sipedge.sip.dialog import Dialog
from sipedge.sip.errors import SipError
from sipedge.sip.message import Request, Response
from sipedge.sip.stack import GIVE_UP, ClientTransaction
from sipedge.sip.timers import T1
from sipedge.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from sipedge.b2bua.legs import Legs
    from sipedge.dispatch import Call


ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, REFER"
"What a phone may send within its dialog."

ATTEMPTS = 4
"Times that a re-INVITE is sent while the phone has one of its own under way (491)."


class Leg:
    """One dialog. `ended` is true from the moment that nothing more is to be sent in it."""

    def __init__(self, legs: "Legs", user: LegUser, device: str, dialog: Dialog, tag: str) -> None:
        self._legs = legs
        self._edge = legs.edge
        self.user = user
        self.device = device
        "Whose phone it is, as the switching function calls it."
        self.dialog = dialog
        self.tag = tag
        self.phone = PhoneDialog(self._edge, dialog, tag)
        self.up = False
        "A 2xx has gone one way or the other."
        self.ended = False
        self.description = Description()
        self.turn = asyncio.Lock()
        "Held by whoever changes the media."
        self._invite: Invite | None = None
        self._early: Response | None = None
        "The provisional answer that has made an early dialog."
        self._asked: tuple[Request, ServerTransaction] | None = None
        "An INVITE of the phone that is not answered yet."
        self._idle = asyncio.Event()
        self._idle.set()
        self._accepted: Accepted | None = None
        "Our last 2xx."
        self._watch = Watch(self, self._edge.loop, legs.look_interval)

    # What both directions need

    @property
    def incoming(self) -> bool:
        """The phone has called, and has no final answer yet."""
        return self._asked is not None and not self.up

    def _tell(self, body: bytes) -> bytes:
        return self.description.tell(body, self.phone.host)

    # INVITEs of ours

    def call(self, target: Target, offer: bytes, headers: Sequence[tuple[str, str]] = ()) -> "asyncio.Future[Answer]":
        """Begin the dialog: the phone's final answer to come. An offer that is empty asks for the phone's own."""
        self.dialog.remote_target, self.dialog.route_set = target.uri, target.routes
        return self._send_invite(offer, headers).answer

    def _send_invite(self, offer: bytes, headers: Sequence[tuple[str, str]] = ()) -> Invite:
        more = [("Allow", ALLOW), *headers]
        if offer:
            more.append(("Content-Type", SDP))
        request = self.phone.build("INVITE", more, self._tell(offer))
        invite = Invite(self._edge.loop.create_future(), self.dialog.local_cseq, offer)
        self._invite = invite
        invite.transaction = self.phone.send(request, self, invite)
        return invite

    async def renew(self, offer: bytes, *, patient: bool = True) -> bytes:
        """re-INVITE: the phone's answer, or (without an offer) its offer, which `confirm` then answers.

        Raises Gone or Rejected. `patient`: try again when the phone has an INVITE of its own under way.
        """
        for attempt in range(ATTEMPTS):
            await self._idle.wait()
            if self._accepted is not None:
                await self.confirmation()
            if self.ended or await self.phone.reach() is None:
                self.vanished()
                raise Gone
            invite = self._send_invite(offer)
            try:
                answer = await asyncio.wait_for(asyncio.shield(invite.answer), GIVE_UP + T1)
            except TimeoutError:
                self._take_back(invite)
                answer = Answer(408)
            if answer.good:
                return answer.body
            if answer.status in (408, 481, 503):  # RFC 5057 5.1: the dialog is over
                self.vanished()
                raise Gone
            if answer.status != 491 or not patient or attempt == ATTEMPTS - 1:
                raise Rejected(answer.status)
            ours = self.dialog.call_id.startswith(self.tag)
            await asyncio.sleep(random.uniform(2.1, 4.0) if ours else random.uniform(0.0, 2.0))  # RFC 3261 14.1
        raise Rejected(491)

    def confirm(self, answer: bytes) -> None:
        """ACK of a 2xx that held the phone's offer."""
        invite = self._invite
        if invite is not None and invite.confirmed is None and invite.answer.done():
            self._acknowledge(invite, self._tell(answer))

    @property
    def unconfirmed(self) -> bool:
        """The phone waits for our answer to its offer."""
        return self._invite is not None and self._invite.unconfirmed

    def _acknowledge(self, invite: Invite, body: bytes) -> None:
        invite.confirmed = body
        headers = [("Content-Type", SDP)] if body else []
        self.phone.acknowledge(invite.number, headers, body)

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        """The stack: an answer to a request of ours."""
        asked = transaction.context
        if isinstance(asked, Invite):
            self._invite_answered(asked, response)
        elif asked is not None and response.status >= 200 and not asked.done():
            asked.set_result(response.status)

    def failed(self, transaction: ClientTransaction, status: int) -> None:
        """The stack: there will be no answer."""
        asked = transaction.context
        if isinstance(asked, Invite):
            if not asked.answer.done():
                if not self.up:
                    self.ended = True
                    self._forget()
                asked.answer.set_result(Answer(status))
        elif asked is not None and not asked.done():
            asked.set_result(status)

    def _invite_answered(self, invite: Invite, response: Response) -> None:
        if response.status < 200:
            first, invite.heard = not invite.heard, True
            if invite.cancelled:
                if first:
                    self._send_cancel(invite)  # RFC 3261 9.1: not before the phone has said anything
            elif not self.up and not self.ended and response.status > 100:
                self._early = response if response.to.tag else self._early
                self.user.rings(self, response)
            return
        if invite.answer.done():
            if response.status < 300:
                self._again(invite, response)
            return
        answer = Answer(response.status, response=response)
        if answer.good:
            try:
                self.dialog.answered(response)
            except SipError:
                answer = Answer(502)
            first, self.up = not self.up, True
            answer = answer._replace(body=self.description.hear(response, invite.offered))
            if invite.offered or invite.cancelled:
                self._acknowledge(invite, b"" if invite.offered else self._tell(sdp.silent(answer.body)))
            if (first and invite.cancelled) or not answer.good:
                self._edge.background(self._bye())
                answer = Answer(487)
            elif first:
                self._watch.start()
        elif not self.up:
            self.ended = True
            self._forget()
        invite.answer.set_result(answer)

    def _again(self, invite: Invite, response: Response) -> None:
        """The same 2xx once more is acknowledged once more; a second phone behind a fork is not needed."""
        if response.to.tag == self.dialog.remote_tag:
            if invite.confirmed is not None:
                self._acknowledge(invite, invite.confirmed)
            return
        with contextlib.suppress(SipError):
            other = self._beside(response)
            other._acknowledge(invite, b"")
            self._edge.background(other._bye())

    def _beside(self, response: Response) -> "Leg":
        """The dialog that an answer makes which is not the final one, or not the first; raises SipError."""
        mine = self.dialog
        address = response.to.uri_text
        spare = Dialog.to_peer(call_id=mine.call_id, local="", local_tag=self.tag, remote=address, flow=mine.flow)
        spare.local, spare.local_cseq = mine.local, mine.local_cseq
        spare.answered(response)
        return Leg(self._legs, self.user, self.device, spare, self.tag)

    def _take_back(self, invite: Invite) -> None:
        invite.cancelled = True
        if invite.heard:
            self._send_cancel(invite)

    def _send_cancel(self, invite: Invite) -> None:
        if invite.transaction is not None:
            self._edge.stack.cancel(invite.transaction, self._edge.loop.time(), user=self)
            self._edge.flush()

    # INVITEs of the phone

    def take(self, request: Request, transaction: ServerTransaction) -> None:
        """The INVITE that begins the dialog has come; raises SipError."""
        if request.body and not is_sdp(request):
            raise SipError(415)
        self._asked = request, transaction
        self._idle.clear()
        self._legs.asked[transaction.key] = self
        self.description.hear(request)

    def say(self, status: int, body: bytes = b"", reason: str | None = None) -> None:
        """Answer the phone's INVITE, provisionally or for good."""
        if self._asked is None:
            return
        request, transaction = self._asked
        headers = [("Allow", ALLOW)]
        if 100 < status < 300:
            headers.append(("Contact", self.phone.contact))
        if 200 <= status < 300:
            headers += session_headers(request)
        if body:
            headers.append(("Content-Type", SDP))
            body = self._tell(body)
        response = request.respond(status, reason, headers=headers, body=body, to_tag=self.tag)
        self._edge.respond(transaction, response)
        if status >= 200:
            self._asked = None
            self._idle.set()
            self._legs.asked.pop(transaction.key, None)
            if status < 300:
                self._watch.session(request)  # from here on, however long it has rung (RFC 4028 section 10)
                self._accept(transaction, response)
            elif not self.up:
                self._close()

    def _accept(self, transaction: ServerTransaction, response: Response) -> None:
        first, self.up = not self.up, True
        self._accepted = Accepted(self._edge, transaction, response)
        self._edge.background(self._see_acknowledged(self._accepted))
        if first:
            self._watch.start()

    async def _see_acknowledged(self, accepted: Accepted) -> None:
        if not await accepted.repeat():
            self.vanished()

    async def confirmation(self) -> bytes:
        """The body of the ACK to our last 2xx; raises Gone when it does not come."""
        if self._accepted is None:
            raise Gone
        return await self._accepted.body()

    def acknowledge(self, request: Request) -> None:
        """An ACK of the phone."""
        if self._accepted is not None and not self._accepted.settled:
            self._accepted.acknowledge(self.description.hear(request))

    def cancel(self) -> None:
        """The phone takes its INVITE back."""
        first = not self.up
        self.say(487)
        if first:
            self.user.hung_up(self)

    # Requests of the phone within the dialog

    def received(self, call: "Call") -> None:
        """Answer a request; what takes time is answered later. Raises SipError."""
        request = call.request
        if request.method in ("INVITE", "UPDATE"):
            if self._invite is not None and (not self._invite.answer.done() or self.unconfirmed):
                raise SipError(491)
            if self._asked is not None:
                raise RetryLater(random.randint(1, 10))  # RFC 3261 14.2
        self.dialog.receive(request)
        if self._edge.network.alive(call.flow):
            self.dialog.flow = call.flow
        self._watch.heard()
        if request.method == "INVITE":
            self._watch.session(request)
            self._asked = request, call.transaction
            self._idle.clear()
            self._legs.asked[call.transaction.key] = self
            self._edge.background(self._media_offered(request))
        elif request.method == "UPDATE":
            self._watch.session(request)
            self._edge.background(self._updated(call))
        elif request.method == "INFO":
            self._edge.background(self._informed(call))
        elif request.method == "REFER":
            self._referred(call)
        elif request.method == "BYE":
            self._answer(call, 200)
            if not self.ended:
                if self._asked is not None:
                    self.say(487)
                self._close()
                self.user.hung_up(self)
        elif request.method == "OPTIONS":
            self._answer(call, 200)
        else:
            raise SipError(405, "Method Not Allowed")

    def _answer(self, call: "Call", status: int, body: bytes = b"") -> None:
        headers = [("Allow", ALLOW)]
        if call.request.method == "UPDATE" and status < 300:
            headers += [("Contact", self.phone.contact), *session_headers(call.request)]
        if body:
            headers.append(("Content-Type", SDP))
            body = self._tell(body)
        self._edge.respond(call.transaction, call.request.respond(status, headers=headers, body=body))

    async def _media_offered(self, request: Request) -> None:
        answer = await self._judged(request)
        self.say(answer.status, answer.body if answer.good else b"")
        if answer.good and not request.body:
            with contextlib.suppress(Gone):
                self.user.confirms(self, await self.confirmation())

    async def _updated(self, call: "Call") -> None:
        answer = await self._judged(call.request) if call.request.body else Answer(200)
        self._answer(call, answer.status, answer.body if answer.good else b"")

    async def _judged(self, request: Request) -> Answer:
        if request.body and not is_sdp(request):
            return Answer(415)
        return await self.user.offers(self, self.description.hear(request))

    async def _informed(self, call: "Call") -> None:
        self._answer(call, await self.user.informs(self, call.request))

    def _referred(self, call: "Call") -> None:
        self.user.refers(self, call.request)
        self._answer(call, 202)
        if refer.is_told(call.request):
            self._edge.background(self.ask("NOTIFY", refer.outcome(call.request), refer.DONE))

    # Other requests of ours

    async def ask(self, method: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"") -> int:
        """Send a request in the dialog; the status of its answer, 408 or 503 when there is none."""
        if await self.phone.reach() is None:
            return 503
        answer: asyncio.Future[int] = self._edge.loop.create_future()
        self.phone.send(self.phone.build(method, headers, body), self, answer)
        return await answer

    async def ask_early(self, method: str, headers: Sequence[tuple[str, str]] = ()) -> int:
        """Send a request to a phone that rings, in its early dialog; 481 where there is none."""
        if self.up or self._early is None:
            return 481
        early = self._beside(self._early)
        self.dialog.local_cseq += 1
        return await early.ask(method, headers)

    def hang_up(self, status: int = 480, reason: str | None = None) -> None:
        """End the dialog as its state wants it: BYE, CANCEL, or `status` for an INVITE that was not answered."""
        if self.ended:
            return
        invite = self._invite
        if not self.up and invite is not None:
            self._close()
            if not invite.answer.done():
                self._take_back(invite)
                self._edge.loop.call_later(GIVE_UP, self._forget)
            return
        if not self.up:
            self.say(status, reason=reason)
            self._close()
            return
        if self._asked is not None:
            self.say(487)
        if invite is not None and not invite.answer.done():
            self._take_back(invite)
        elif self.unconfirmed and invite is not None:
            self._acknowledge(invite, self._tell(sdp.silent(self.description.remote)))
        self._close()
        self._edge.background(self._bye())

    async def _bye(self) -> None:
        """BYE, once the phone has acknowledged our 2xx (RFC 3261 section 15)."""
        if self._accepted is not None:
            await self._accepted.wait()
        await self.ask("BYE")
        self._forget()

    # What ends by itself

    def look_for_it(self) -> None:
        """Ask the phone whether it is there."""
        if not self.ended:
            self._edge.background(self._look_for_it())

    async def _look_for_it(self) -> None:
        if (self._invite is None or self._invite.answer.done()) and self._watch.gone(await self.ask("OPTIONS")):
            self.vanished()
        if not self.ended:
            self._watch.start()

    def vanished(self) -> None:
        """The phone is not there any more."""
        if not self.ended:
            self.hang_up()
            self.user.hung_up(self)

    def _close(self) -> None:
        """Nothing is expected of the phone any more."""
        self.ended = True
        self._watch.stop()
        if not self.up and self._invite is None:
            self._forget()
        elif self.up:
            self._edge.loop.call_later(GIVE_UP, self._forget)

    def _forget(self) -> None:
        self._legs.by_tag.pop(self.tag, None)

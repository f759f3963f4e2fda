"""The buddies of a log-in: a subscription to each, and what it has brought (R-IM-01, R-IM-03)."""

import contextlib
import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from presence.engine.composition import PLACEHOLDER_ID
from presence.engine.errors import DomainError
from presence.engine.reachability import Reachability
from presence.engine.reading import Shown, read
from provisioning.uri import Aor
from sipedge.messenger.connection import PRODUCT, Unanswered
from sipedge.sip.dialog import Dialog
from sipedge.sip.errors import SipError
from sipedge.sip.headers import SubscriptionState
from sipedge.sip.message import Request, Response

if TYPE_CHECKING:
    from sipedge.messenger.agent import Agent
    from sipedge.worker import Edge

REFRESH_AT = 0.8
"Part of the granted time after which something is refreshed."

RETRY = 10.0
"Seconds until something that failed is tried again."

LONGEST_RETRY = 300.0
"Seconds at most between two attempts."

REFUSED = "refused"
"State of a subscription whose presentity is not shown to the user."


@dataclass
class Buddy:
    """One subscription, and what it has brought."""

    uri: Aor
    dialog: Dialog | None = None
    shown: Shown | None = None
    state: str = "pending"
    "Of the subscription: pending, active, REFUSED, or why it has ended."
    since: datetime | None = None
    "When the state that is shown was first seen here."
    due: float = 0.0
    "Loop time of the next SUBSCRIBE."
    failures: int = 0

    def refuse(self) -> None:
        """Nothing is shown any more, whether there is nobody, or somebody who does not want to be seen (DESIGN 6)."""
        self.state, self.shown, self.since = REFUSED, None, None

    def fields(self) -> dict[str, Any]:
        """As it is passed on."""
        shown = self.shown
        return {
            "uri": self.uri,
            "state": (shown.state if shown is not None else Reachability.UNKNOWN).value,
            "subscription": self.state,
            "activities": list(shown.activities) if shown is not None else [],
            "note": shown.note if shown is not None else "",
            "since": self.since.isoformat() if self.since is not None else None,
            "devices": [
                {"open": one.open, "audio": one.audio, "video": one.video, "text": one.text, "idle": one.idle}
                for one in (shown.devices if shown is not None else ())
                if one.id != PLACEHOLDER_ID
            ],
        }


class Watching:
    """All subscriptions of one log-in."""

    def __init__(self, edge: "Edge", agent: "Agent") -> None:
        self._edge = edge
        self._agent = agent
        self._buddies: dict[Aor, Buddy] = {}
        self._by_call: dict[str, Buddy] = {}

    def __iter__(self) -> Iterator[Buddy]:
        return iter(list(self._buddies.values()))

    def look(self) -> None:
        """The user's lists may have changed: subscribe to who is new, leave who is gone (R-IM-01)."""
        policy = self._edge.policy
        wanted = {
            uri: None
            for found in policy.lists.values()
            if found.owner == self._agent.persona.id
            for uri in found.members
            if uri not in policy.lists
        }
        before = set(self._buddies)
        for uri in before - wanted.keys():
            buddy = self._buddies.pop(uri)
            if buddy.dialog is not None:
                self._edge.background(self._leave(buddy))
        for uri in list(wanted)[: policy.messenger.contacts]:
            if uri not in self._buddies:
                self._buddies[uri] = Buddy(uri)
        if self._buddies.keys() != before:
            self._agent.wake()
            self._edge.background(self._agent.tell({"type": "lists"}))

    async def _leave(self, buddy: Buddy) -> None:
        with contextlib.suppress(SipError, Unanswered, DomainError):
            await self.subscribe(buddy, 0)

    async def subscribe(self, buddy: Buddy, expires: int) -> None:
        """Begin, refresh or (without `expires`) end a subscription; what fails is tried again later."""
        dialog = buddy.dialog
        fresh = dialog is None
        if dialog is None:
            dialog = buddy.dialog = Dialog.to_peer(
                call_id=secrets.token_hex(12),
                local=self._agent.persona.aor,
                local_tag=secrets.token_hex(4),
                remote=buddy.uri,
                flow=self._agent.flow,
            )
            self._by_call[dialog.call_id] = buddy
        dialog.local_cseq += 1
        target, routes = dialog.target_and_routes()
        headers = [
            *(("Route", route) for route in routes),
            ("Max-Forwards", "70"),
            ("From", f"{dialog.local};tag={dialog.local_tag}"),
            ("To", dialog.remote),
            ("Call-ID", dialog.call_id),
            ("CSeq", f"{dialog.local_cseq} SUBSCRIBE"),
            ("Contact", self._agent.contact),
            ("Event", "presence"),
            ("Accept", "application/pidf+xml"),
            ("Expires", str(expires)),
            ("User-Agent", PRODUCT),
        ]
        try:
            response = await self._agent.ask("SUBSCRIBE", target, headers)
        except Unanswered as gone:
            response = None
            status = gone.status
        else:
            status = response.status
        now = self._edge.loop.time()
        if response is not None and status < 300:
            dialog.answered(response)
            buddy.failures = 0
            buddy.due = now + (response.expires or expires) * REFRESH_AT
            return
        if not expires:
            return
        self._forget_dialog(buddy)
        if status == 481 and not fresh:
            buddy.due = now
            return
        buddy.failures += 1
        buddy.due = now + min(RETRY * 2.0 ** min(buddy.failures, 10), LONGEST_RETRY)
        if status in (403, 404):
            buddy.refuse()
            await self._told(buddy)

    def _forget_dialog(self, buddy: Buddy) -> None:
        if buddy.dialog is not None:
            self._by_call.pop(buddy.dialog.call_id, None)
            buddy.dialog = None

    async def _told(self, buddy: Buddy) -> None:
        if buddy.uri in self._buddies:
            await self._agent.tell({"type": "presence", "buddy": buddy.fields()})

    def notified(self, request: Request) -> Response:
        """A NOTIFY has come; the answer to it."""
        buddy = self._by_call.get(request.call_id)
        if buddy is None or buddy.dialog is None:
            return request.respond(481)
        try:
            buddy.dialog.notified(request)
            state = SubscriptionState.parse(request.get("Subscription-State") or "")
            if request.body:
                shown = read(request.body)
                if buddy.shown is None or shown.state is not buddy.shown.state:
                    buddy.since = self._edge.now()
                buddy.shown = shown
        except SipError as error:
            return request.respond(error.status)
        except DomainError:
            return request.respond(400)
        buddy.state = state.state if state.state != "terminated" else state.reason or "terminated"
        if state.state == "terminated":
            self._forget_dialog(buddy)
            pause = random.random() * RETRY
            if buddy.state in ("rejected", "noresource"):
                buddy.refuse()
                pause = LONGEST_RETRY
            buddy.due = self._edge.loop.time() + pause
            self._agent.wake()
        self._edge.background(self._told(buddy))
        return request.respond(200)

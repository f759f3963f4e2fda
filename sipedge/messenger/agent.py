"""The user agent behind a log-in to the messenger: a SIMPLE client like any other (R-ARC-03, R-IM-01 to R-IM-06).

It registers, publishes and subscribes to each buddy, refreshes all of it while the log-in lasts, and ends it at the
log-out. What it is told it passes on to whoever shows it; a message counts as delivered when that one has confirmed
it, or, on a phone, when it is stored (D-34, DESIGN section 15).
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from presence.engine.errors import DomainError
from presence.engine.reading import read
from presence.store import Plan, Put, Remove
from provisioning.policy import PersonaFacts
from provisioning.uri import Aor, BadUri
from sipedge.messenger import own_state
from sipedge.messenger.connection import PRODUCT, Inside, Unanswered
from sipedge.messenger.watching import REFRESH_AT, RETRY, Watching
from sipedge.rows import INBOX, InboxRow
from sipedge.sip.errors import SipError
from sipedge.sip.message import Request
from sipedge.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

CONFIRMED_WITHIN = 4.0
"Seconds that a browser has to confirm a message; its sender waits for that."

AT_ONCE = 10
"Buddies that are subscribed to at the same time: a log-in is not a storm."

Tell = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class Published:
    """One publication of the agent's own."""

    tag: str = ""
    body: bytes = b""
    due: float = float("inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Agent(Inside):
    """One log-in."""

    def __init__(self, edge: "Edge", session: str, persona: PersonaFacts, kind: str, tell: Tell) -> None:
        super().__init__(edge, session)
        self.session = session
        self.persona = persona
        self.kind = kind
        self.alive_at = edge.loop.time()
        "Loop time when somebody last said that the log-in is in use."
        self.status = own_state.AUTOMATIC
        self.note = ""
        self.tell = tell
        "Passes on what is to be shown."
        self._presence = Published()
        self._override = Published()
        self._idle = False
        self._registered_due = 0.0
        self._cseq = 0
        self._register_call = secrets.token_hex(8)
        self._unconfirmed: dict[str, asyncio.Future[bool]] = {}
        self._ending = False
        self._due = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._watching = Watching(edge, self)
        self._tuple, self._person = f"m{session[:12]}", f"p{session[:12]}"
        self.contact = f"<sip:{persona.aor.user}@{self.sent_by};transport=web>"
        self._component = f"m{session[:12]}"
        "Names what it publishes: another edge finds it by this."

    # Log-in and log-out

    async def log_in(self) -> None:
        """Register and publish; buddies follow at once. Raises DomainError, SipError or Unanswered."""
        self._edge.network.connections.add(self)
        try:
            await self._register(self._edge.policy.expiry["register"].default)
            await self._take_up()
            await self._publish(self._presence, self._own(), self._expires("publish"))
        except BaseException:
            self.abort()
            raise
        self.look_at_buddies()
        self._task = self._edge.loop.create_task(self._keep())

    async def _take_up(self) -> None:
        """What this log-in had published when its edge stopped is changed, and in the end removed, as its own."""
        held = await self._edge.personas.get(self.persona.id)
        now = self._edge.now()
        for row in held.publications.values():
            if row.expires_at <= now:
                continue
            if f'id="{self._tuple}"'.encode() in row.body:
                self._presence.tag = row.entity_tag
            elif f'id="{self._person}"'.encode() in row.body:
                self._override.tag, self._override.body = row.entity_tag, row.body
                self._override.due = self._edge.loop.time()
                self.status = own_state.chosen(row.body)
                self.note = read(row.body).note

    async def log_out(self) -> None:
        """End everything (R-IM-04, R-IM-06); what cannot be ended runs out by itself."""
        if self._ending:
            return
        self._ending = True
        if self._task is not None:
            self._task.cancel()
        with contextlib.suppress(DomainError, SipError, Unanswered):
            await asyncio.gather(
                *(self._watching.subscribe(buddy, 0) for buddy in self._watching if buddy.dialog is not None),
                self._unpublish(self._override),
                self._unpublish(self._presence),
                return_exceptions=True,
            )
            await self._register(0)
        self.abort()

    # What the user does

    async def set_status(self, status: str, note: str) -> None:
        """Choose a state, or leave it to the platform again; raises SipError(400)."""
        if status not in own_state.STATUSES:
            raise SipError(400, "Unknown Status")
        self.status, self.note = status, note[:200]
        if status == own_state.AUTOMATIC and not note:
            await self._unpublish(self._override)
        else:
            chosen = own_state.override(self.persona.aor, self._person, self.status, self.note)
            await self._publish(self._override, chosen, self._expires("publish"))

    async def set_idle(self, idle: bool) -> None:
        """The user does something, or nothing, at the keyboard."""
        if idle != self._idle:
            self._idle = idle
            await self._publish(self._presence, self._own(), self._expires("publish"))

    async def send_message(self, to: str, text: str) -> dict[str, Any]:
        """Send a message; the row that is kept of it, with what it was answered. Raises SipError(400)."""
        try:
            target = Aor.parse(to)
        except BadUri:
            raise SipError(400, "Bad Address") from None
        headers = [*self._headers("MESSAGE", target), ("Content-Type", "text/plain;charset=UTF-8")]
        try:
            status = (await self.ask("MESSAGE", target, headers, text.encode("utf-8", "replace"))).status
        except Unanswered as gone:
            status = gone.status
        return await self._keep_message(target, text, outgoing=True, status=status)

    async def say_typing(self, to: str) -> None:
        """Tell somebody that a message is being written (RFC 3994)."""
        with contextlib.suppress(BadUri, Unanswered):
            target = Aor.parse(to)
            headers = [*self._headers("MESSAGE", target), ("Content-Type", "application/im-iscomposing+xml")]
            await self.ask("MESSAGE", target, headers, _COMPOSING)

    def confirm(self, message: str) -> None:
        """Somebody has shown a message to the user."""
        waiting = self._unconfirmed.pop(message, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(True)

    def snapshot(self) -> dict[str, Any]:
        """Everything that is shown: the user's own status, and the buddies."""
        return {
            "aor": self.persona.aor,
            "name": self.persona.name,
            "status": self.status,
            "note": self.note,
            "buddies": [buddy.fields() for buddy in self._watching],
        }

    def look_at_buddies(self) -> None:
        """The user's lists may have changed."""
        self._watching.look()

    # What comes in

    def requested(self, request: Request, transaction: ServerTransaction) -> None:
        """A NOTIFY or a MESSAGE."""
        if request.method == "NOTIFY":
            self.respond(transaction, self._watching.notified(request))
        elif request.method == "MESSAGE":
            self._edge.background(self._take_message(request, transaction))
        else:
            self.respond(transaction, request.respond(405, headers=[("Allow", "MESSAGE, NOTIFY")]))

    async def _take_message(self, request: Request, transaction: ServerTransaction) -> None:
        sender = _asserted(request)
        kind = (request.content_type or "").partition(";")[0].strip().lower()
        if kind == "application/im-iscomposing+xml":
            await self.tell({"type": "typing", "peer": sender, "active": b">active<" in request.body})
            self.respond(transaction, request.respond(200))
            return
        if kind != "text/plain":
            headers = [("Accept", "text/plain")]
            self.respond(transaction, request.respond(200 if kind == "message/imdn+xml" else 415, headers=headers))
            return
        text = request.body.decode("utf-8", "replace")
        try:
            message = await self._keep_message(sender, text, outgoing=False, status=200)
        except DomainError:
            self.respond(transaction, request.respond(480))
            return
        delivered = self.kind == "phone" or await self._confirmed(message)
        if not delivered:
            await self._drop_message(message)
        self.respond(transaction, request.respond(200 if delivered else 480))

    async def _confirmed(self, message: dict[str, Any]) -> bool:
        """Show it, and wait until somebody says that it was (DESIGN section 15)."""
        waiting: asyncio.Future[bool] = self._edge.loop.create_future()
        self._unconfirmed[message["id"]] = waiting
        await self.tell({"type": "message", "message": message})
        try:
            return await asyncio.wait_for(waiting, CONFIRMED_WITHIN)
        except TimeoutError:
            return False
        finally:
            self._unconfirmed.pop(message["id"], None)

    async def _keep_message(self, peer: Aor, text: str, *, outgoing: bool, status: int) -> dict[str, Any]:
        row = InboxRow(
            id=self._edge.new_id(),
            version=1,
            session_id=self.session,
            persona_id=self.persona.id,
            peer=peer,
            outgoing=outgoing,
            text=text.replace("\0", "\ufffd"),
            status=status,
            unread=not outgoing,
            created_at=self._edge.now(),
        )
        await self._edge.commit(Plan(self.persona.id, (Put(INBOX, row, None),)))
        return message_fields(row)

    async def _drop_message(self, message: dict[str, Any]) -> None:
        """Nobody has seen it; its sender is told so."""
        with contextlib.suppress(DomainError):
            await self._edge.commit(Plan(self.persona.id, (Remove(INBOX, int(message["id"], 16), 1),)))

    # What is said again and again

    def wake(self) -> None:
        """Something is due."""
        self._due.set()

    async def _keep(self) -> None:
        """Subscribe and refresh, whatever is due, while the log-in lasts (R-IM-03)."""
        loop = self._edge.loop
        while True:
            now = loop.time()
            self._due.clear()
            with contextlib.suppress(DomainError, SipError, Unanswered):
                if self._registered_due <= now:
                    await self._register(self._edge.policy.expiry["register"].default)
                for published in (self._presence, self._override):
                    if published.due <= now:
                        await self._publish(published, published.body, self._expires("publish"), again=True)
            due = [buddy for buddy in self._watching if buddy.due <= now][:AT_ONCE]
            duration = self._edge.policy.messenger.subscription_duration
            await asyncio.gather(*(self._watching.subscribe(buddy, duration) for buddy in due), return_exceptions=True)
            if due:
                continue
            moments = [self._registered_due, self._presence.due, self._override.due]
            moments += [buddy.due for buddy in self._watching]
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), max(0.1, min(moments) - loop.time()))

    async def _register(self, expires: int) -> None:
        self._registered_due = self._edge.loop.time() + RETRY
        aor = self.persona.aor
        headers = [
            *self._headers("REGISTER", aor, call_id=self._register_call),
            ("Contact", self.contact),
            ("Expires", str(expires)),
        ]
        response = await self.ask("REGISTER", f"sip:{aor.host}", headers)
        if response.status >= 300:
            raise SipError(response.status, response.reason)
        self._registered_due = self._edge.loop.time() + expires * REFRESH_AT

    async def _publish(self, published: Published, body: bytes, expires: int, *, again: bool = False) -> None:
        """Publish, change or refresh; raises SipError when it is refused."""
        async with published.lock:
            published.due = self._edge.loop.time() + RETRY
            published.body = body
            headers = [
                *self._headers("PUBLISH", self.persona.aor),
                ("Event", "presence"),
                ("Expires", str(expires)),
            ]
            if published.tag:
                headers.append(("SIP-If-Match", published.tag))
            refresh = again and bool(published.tag)
            if not refresh:
                headers.append(("Content-Type", "application/pidf+xml"))
            response = await self.ask("PUBLISH", self.persona.aor, headers, b"" if refresh else body)
            if response.status == 412:
                published.tag = ""
                published.due = self._edge.loop.time()
                self.wake()
                return
            if response.status >= 300:
                raise SipError(response.status, response.reason)
            published.tag = response.get("SIP-ETag") or ""
            published.due = self._edge.loop.time() + (response.expires or expires) * REFRESH_AT

    async def _unpublish(self, published: Published) -> None:
        async with published.lock:
            tag, published.tag, published.due = published.tag, "", float("inf")
            if tag:
                headers = [*self._headers("PUBLISH", self.persona.aor), ("Event", "presence")]
                headers += [("Expires", "0"), ("SIP-If-Match", tag)]
                await self.ask("PUBLISH", self.persona.aor, headers)

    def _own(self) -> bytes:
        return own_state.own(self.persona.aor, self._tuple, self.contact, idle=self._idle)

    def _expires(self, method: str) -> int:
        return self._edge.policy.expiry[method].default

    def _headers(self, method: str, to: str, *, call_id: str = "") -> list[tuple[str, str]]:
        self._cseq += 1
        return [
            ("Max-Forwards", "70"),
            ("From", f"<{self.persona.aor}>;tag={secrets.token_hex(4)}"),
            ("To", f"<{to}>"),
            ("Call-ID", call_id or secrets.token_hex(12)),
            ("CSeq", f"{self._cseq} {method}"),
            ("User-Agent", PRODUCT),
        ]


def message_fields(row: InboxRow) -> dict[str, Any]:
    """A message as it is passed on."""
    return {
        "id": f"{row.id:x}",
        "peer": row.peer,
        "outgoing": row.outgoing,
        "text": row.text,
        "status": row.status,
        "at": row.created_at.isoformat(),
        "unread": row.unread,
    }


def _asserted(request: Request) -> Aor:
    """Who has sent a message: the proxy says so (R-MSG-03)."""
    values = request.get_all("P-Asserted-Identity")
    text = values[0].strip("<> ") if values else str(request.from_.uri)
    try:
        return Aor.parse(text)
    except BadUri:
        return Aor("sip:anonymous@anonymous.invalid")


_COMPOSING = (
    b'<?xml version="1.0" encoding="UTF-8"?>\r\n<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing">'
    b"<state>active</state><refresh>60</refresh></isComposing>\r\n"
)

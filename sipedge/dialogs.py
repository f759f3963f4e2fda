"""Live subscriptions at this edge, of watchers and to foreign servers: the row, its SIP dialog, and what was said last.

The row is the truth that survives a restart; the dialog is kept in its `dialog` column as compact text. CSeq
numbers are reserved in blocks (`row.cseq` is the end of the block), so a NOTIFY costs no write and a restart
skips ahead, never back.
"""

import asyncio
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import structlog

from presence.access import sight
from presence.backend import Want
from presence.deadlines import Deadlines
from presence.engine import media
from presence.engine.authorization import Effect
from presence.engine.composition import Rendered
from presence.engine.filtering import View
from presence.personas import Personas
from presence.rows import BackendRow, SubscriptionRow
from presence.subscriptions import ACTIVE, PENDING
from provisioning.policy import Policy, ServerFacts, Settings
from provisioning.uri import Aor
from sipedge.sip.dialog import Dialog
from sipedge.sip.flow import Flow
from sipedge.sip.stack import ClientTransaction

log = structlog.get_logger(__name__)

CSEQ_BLOCK = 500
"NOTIFYs between two reservations: one extra write for so many, and 4 million restarts before 2**31."

ANY_STATE = "*"
"In Suppress-If-Match: whatever the state is (RFC 5839)."


class Content(NamedTuple):
    """What one NOTIFY says."""

    digest: str
    "Of everything that the watcher then knows; empty when it does not know all of it yet."
    headers: str
    "Header lines that belong to the body, each with its line end."
    body: bytes
    told: Any = None
    "What the form of subscription that made it wants to know again when it is sent."


class LiveSubscription:
    """One watcher's subscription to one presentity, while its dialog is with this edge."""

    __slots__ = (
        "_row", "behind", "cseq", "dialog", "digest", "farewell", "flow", "forced", "head", "moved", "not_before",
        "outstanding", "reason", "reserving", "strikes", "suppress", "tcp_flow", "view", "waiting",
    )  # fmt: skip

    def __init__(self, row: SubscriptionRow, dialog: Dialog, flow: Flow | None) -> None:
        self.row = row
        self.dialog = dialog
        self.view = View()
        "What the watcher may see (presence.access)."
        self.flow = flow
        "Where NOTIFYs go; None until it is looked up after a restart."
        self.tcp_flow: Flow | None = None
        "For NOTIFYs too large for a datagram, once the watcher was found to take TCP."
        self.cseq = dialog.local_cseq
        self.head: tuple[bytes, bytes] | None = None
        "The parts of a NOTIFY that do not change while flow and dialog stay as they are."
        self.outstanding: ClientTransaction | None = None
        self.forced = False
        "A NOTIFY is due even if the document is the same, as after a SUBSCRIBE (D-12)."
        self.behind = False
        "Its turn has come while a NOTIFY was out, or that does not say all: it is looked at again after the answer."
        self.digest = row.sent_digest
        "Of the document that was sent last; empty when it is not known what the watcher has."
        self.reason = ""
        "Why the subscription has ended; empty while it is alive (D-13)."
        self.farewell = False
        "Its last NOTIFY is out."
        self.moved = False
        "It was handed over to another edge, or is just being."
        self.reserving = False
        self.strikes = 0
        "NOTIFYs in a row that nobody answered."
        self.not_before = 0.0
        "The loop's time before which no further change is told (RFC 6446, lists)."
        self.waiting = False
        "Somebody will look again when that time has come."
        self.suppress = ""
        "The state that the watcher had when it subscribed; the first NOTIFY need not send it again (RFC 5839)."

    @property
    def row(self) -> SubscriptionRow:
        """The row, without the text of the dialog: that would be in memory twice."""
        return self._row

    @row.setter
    def row(self, row: SubscriptionRow) -> None:
        self._row = row._replace(dialog="")

    @property
    def ended(self) -> bool:
        """The next NOTIFY is the last one."""
        return bool(self.reason)

    @property
    def event(self) -> str:
        """The Event header of its NOTIFYs."""
        return f"presence;id={self.row.event_id}" if self.row.event_id else "presence"

    @property
    def keys(self) -> Iterable[int]:
        """The presentities whose changes concern it."""
        return (self.row.key,)

    def presentities(self) -> Iterable[tuple[int, Aor]]:
        """Key and address of each presentity that the watcher may see."""
        if self.row.state == PENDING or self.view.mask:
            return ()
        return ((self.row.key, Aor(self.row.uri)),)

    def remaining(self, now: datetime) -> int:
        """Seconds left, as Subscription-State says them."""
        return max(0, round((self.row.expires_at - now).total_seconds()))

    def record(self) -> SubscriptionRow:
        """The whole row, with what was sent to the watcher since it was written."""
        return self._row._replace(sent_digest=self.digest, dialog=self.dialog.dumps())

    def judged(self, policy: Policy) -> str:
        """Look again what the watcher may see under this policy; the reason for its end, if this ends it (D-13)."""
        row = self.row
        found = sight(policy, Aor(row.uri), Aor(row.watcher), row.user_agent)
        if found is None or (found[0].kind, found[0].key) != (row.kind, row.key):
            return "noresource"
        judgement = found[1]
        self.view = judgement.view
        state = PENDING if judgement.effect is Effect.CONFIRM else ACTIVE
        if state != row.state and judgement.effect is not Effect.BLOCK:
            self.row = row._replace(state=state)
            self.forced = True
        return "rejected" if judgement.effect is Effect.BLOCK else ""

    def touch(self, key: int) -> None:
        """A presentity has changed."""

    def missing(self, personas: Personas) -> list[int]:
        """Presentities that have to be in memory before anything can be told."""
        return [] if personas.holds(self.row.key) else [self.row.key]

    def due(self, personas: Personas, now: datetime) -> bool:
        """The watcher does not know the newest state."""
        rendered = self._rendered(personas, now)
        return rendered is not None and rendered.digest != self.digest

    def content(self, personas: Personas, now: datetime, room: int | None) -> Content | None:
        """What to tell now; `room` (bytes) is a wish that only lists can fulfil. None: nothing can be told."""
        rendered = self._rendered(personas, now)
        if rendered is None:
            return None
        head = f"SIP-ETag: {rendered.digest}\r\n"
        if self.forced and self.suppress in (rendered.digest, ANY_STATE):
            return Content(rendered.digest, head, b"")
        media_type = media.choose(self.row.accept or None)
        return Content(rendered.digest, f"{head}Content-Type: {media_type}\r\n", rendered.body)

    def about(self, content: Content | None) -> Iterable[int]:
        """The presentities of whom a NOTIFY with this content tells, by key."""
        return (self.row.key,)

    def sent(self, content: Content, loop_time: float, settings: Settings) -> None:
        """A NOTIFY with this content is on its way."""
        self.digest = content.digest
        self.suppress = ""
        if self.row.min_interval:
            self.not_before = loop_time + self.row.min_interval

    def knows(self, condition: str, personas: Personas, now: datetime) -> bool:
        """Whether the watcher, which says so by Suppress-If-Match, has the state and needs no NOTIFY (RFC 5839)."""
        rendered = self._rendered(personas, now)
        return rendered is not None and condition in (rendered.digest, ANY_STATE)

    def unknown(self) -> None:
        """What the watcher knows is not known any more."""
        self.digest = ""

    def refused(self) -> None:
        """The watcher did not take the last content, and would not take it again."""

    def _rendered(self, personas: Personas, now: datetime) -> Rendered | None:
        row = self.row
        return personas.document(row.key, row.uri, self.view, now, row.watcher, row.accept)


class LiveBackend:
    """One back-end subscription of this edge."""

    def __init__(self, row: BackendRow, want: Want, server: ServerFacts) -> None:
        self.row = row
        self.want = want
        self.server = server
        self.users: set[int] = set()
        "Front subscriptions by id that need it."
        self.dialog: Dialog | None = None
        self.addresses: frozenset[str] = frozenset()
        "IP addresses of the server, as of the last SUBSCRIBE (D-31)."
        self.outstanding: ClientTransaction | None = None
        self.min_expires = 0
        "Seconds that the server said it wants at least (423)."
        self.lock = asyncio.Lock()
        self.written = False
        "Its row is there."
        self.ended = False
        self.farewell = False
        "The server was told that it has ended."

    @classmethod
    def of_row(cls, row: BackendRow, server: ServerFacts) -> "LiveBackend":
        """One as its row says, in its dialog if that can be read."""
        want = Want(row.key, Aor(row.local), Aor(row.foreign), row.server_id, row.shared, Aor(row.watcher), row.accept)
        found = cls(row, want, server)
        found.written = True
        if row.dialog:
            try:
                found.dialog = Dialog.loads(row.dialog)
            except ValueError:
                log.error("a back-end subscription's dialog cannot be read", id=row.id)
        return found


class Subscriptions:
    """All live subscriptions of this edge, by id (our tag of the dialog) and by presentity."""

    def __init__(self) -> None:
        self._by_id: dict[int, LiveSubscription] = {}
        self._by_key: dict[int, dict[int, LiveSubscription]] = {}
        self.deadlines = Deadlines()
        "When each runs out."
        self.unwritten: dict[int, datetime] = {}
        "Subscriptions that were told something their row does not know yet, and since when; oldest first."

    def add(self, live: LiveSubscription) -> None:
        """Take in a subscription that has just been committed or loaded, or whose row has changed."""
        self._by_id[live.row.id] = live
        self.deadlines.set(live.row.id, live.row.expires_at)
        for key in live.keys:
            self._by_key.setdefault(key, {})[live.row.id] = live

    def remove(self, live: LiveSubscription) -> None:
        """Forget a subscription whose last NOTIFY is out or cannot be sent."""
        self._by_id.pop(live.row.id, None)
        self.deadlines.discard(live.row.id)
        self.unwritten.pop(live.row.id, None)
        self.unwatch(live, live.keys)

    def unwatch(self, live: LiveSubscription, keys: Iterable[int]) -> None:
        """A subscription is not concerned with these presentities any more."""
        for key in keys:
            mine = self._by_key.get(key)
            if mine is not None:
                mine.pop(live.row.id, None)
                if not mine:
                    del self._by_key[key]

    def told(self, live: LiveSubscription, now: datetime) -> None:
        """The watcher was sent something; the row will say so in a while."""
        if live.row.id in self._by_id:
            self.unwritten.setdefault(live.row.id, now)

    def written(self, live: LiveSubscription) -> None:
        """The row now says what the watcher was told last."""
        if live.row.sent_digest == live.digest:
            self.unwritten.pop(live.row.id, None)

    def get(self, subscription_id: int) -> LiveSubscription | None:
        """The subscription with this id."""
        return self._by_id.get(subscription_id)

    def of_tag(self, tag: str | None) -> LiveSubscription | None:
        """The subscription of a dialog, by our own tag."""
        try:
            return self._by_id.get(int(tag or "", 16))
        except ValueError:
            return None

    def watching(self, key: int) -> list[LiveSubscription]:
        """Everyone here who watches this presentity, in a list too."""
        return list(self._by_key.get(key, {}).values())

    def watches(self, key: int) -> bool:
        """Somebody here watches this presentity."""
        return key in self._by_key

    def watched(self) -> list[int]:
        """The presentities that somebody here watches."""
        return list(self._by_key)

    def __iter__(self) -> Iterator[LiveSubscription]:
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)


def tag_of(subscription_id: int) -> str:
    """Our tag of the dialog of a subscription: any edge finds the row by it."""
    return f"{subscription_id:x}"

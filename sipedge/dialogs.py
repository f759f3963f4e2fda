"""Live subscriptions at this edge: the row, its SIP dialog, and what the watcher was last told.

The row is the truth that survives a restart; the dialog is kept in its `dialog` column as compact text. CSeq
numbers are reserved in blocks (`row.cseq` is the end of the block), so a NOTIFY costs no write and a restart
skips ahead, never back.
"""

from collections.abc import Iterator
from datetime import datetime

from presence.deadlines import Deadlines
from presence.rows import SubscriptionRow
from sipedge.sip.dialog import Dialog
from sipedge.sip.flow import Flow
from sipedge.sip.stack import ClientTransaction

CSEQ_BLOCK = 500
"NOTIFYs between two reservations: one extra write for so many, and 4 million restarts before 2**31."


class LiveSubscription:
    """One watcher's subscription while its dialog is with this edge."""

    __slots__ = (
        "cseq", "dialog", "digest", "flow", "forced", "head", "outstanding", "reason",
        "reserving", "row", "strikes", "tcp_flow",
    )  # fmt: skip

    def __init__(self, row: SubscriptionRow, dialog: Dialog, flow: Flow | None) -> None:
        self.row = row
        self.dialog = dialog
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
        self.digest = row.sent_digest
        "Of the document that was sent last; empty when it is not known what the watcher has."
        self.reason = ""
        "Why the subscription has ended; empty while it is alive (D-13)."
        self.reserving = False
        self.strikes = 0
        "NOTIFYs in a row that nobody answered."

    @property
    def ended(self) -> bool:
        """The next NOTIFY is the last one."""
        return bool(self.reason)

    def remaining(self, now: datetime) -> int:
        """Seconds left, as Subscription-State says them."""
        return max(0, round((self.row.expires_at - now).total_seconds()))

    def record(self) -> SubscriptionRow:
        """The row with what was sent to the watcher since it was written."""
        return self.row._replace(sent_digest=self.digest)


class Subscriptions:
    """All live subscriptions of this edge, by id (our tag of the dialog) and by presentity."""

    def __init__(self) -> None:
        self._by_id: dict[int, LiveSubscription] = {}
        self._by_persona: dict[int, dict[int, LiveSubscription]] = {}
        self.deadlines = Deadlines()
        "When each runs out."
        self.unwritten: dict[int, datetime] = {}
        "Subscriptions that were told something their row does not know yet, and since when; oldest first."

    def add(self, live: LiveSubscription) -> None:
        """Take in a subscription that has just been committed or loaded, or whose row has changed."""
        self._by_id[live.row.id] = live
        self.deadlines.set(live.row.id, live.row.expires_at)
        self._by_persona.setdefault(live.row.persona_id, {})[live.row.id] = live

    def remove(self, live: LiveSubscription) -> None:
        """Forget a subscription whose last NOTIFY is out or cannot be sent."""
        self._by_id.pop(live.row.id, None)
        self.deadlines.discard(live.row.id)
        self.unwritten.pop(live.row.id, None)
        mine = self._by_persona.get(live.row.persona_id)
        if mine is not None:
            mine.pop(live.row.id, None)
            if not mine:
                del self._by_persona[live.row.persona_id]

    def told(self, live: LiveSubscription, digest: str, now: datetime) -> None:
        """The watcher was sent the document with this digest; the row will say so in a while."""
        live.digest = digest
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

    def watching(self, persona_id: int) -> list[LiveSubscription]:
        """Everyone here who watches this presentity."""
        return list(self._by_persona.get(persona_id, {}).values())

    def watches(self, persona_id: int) -> bool:
        """Somebody here watches this presentity."""
        return persona_id in self._by_persona

    def watched(self) -> list[int]:
        """The presentities that somebody here watches."""
        return list(self._by_persona)

    def __iter__(self) -> Iterator[LiveSubscription]:
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)


def tag_of(subscription_id: int) -> str:
    """Our tag of the dialog of a subscription: any edge finds the row by it."""
    return f"{subscription_id:x}"

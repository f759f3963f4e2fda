"""Live subscriptions of watchers that take partial documents (RFC 5263), and which kind of live form a row has."""

from datetime import datetime

from presence.engine import media, partial
from presence.personas import Personas
from presence.rows import LIST, SubscriptionRow
from provisioning.policy import Settings
from sipedge.dialogs import Content, LiveSubscription
from sipedge.lists import LiveList
from sipedge.sip.dialog import Dialog
from sipedge.sip.flow import Flow


class LivePartial(LiveSubscription):
    """A watcher that is told the whole document once, then what has changed."""

    __slots__ = ("_known", "_version")

    def __init__(self, row: SubscriptionRow, dialog: Dialog, flow: Flow | None) -> None:
        super().__init__(row, dialog, flow)
        self._known = b""
        "The document that the watcher has; empty when that is not known."
        self._version = 0

    def content(self, personas: Personas, now: datetime, room: int | None) -> Content | None:
        """The whole document after a SUBSCRIBE, at the end, and when in doubt; else the difference."""
        content = super().content(personas, now, room)
        if content is None or not content.body:
            return content
        body = None
        if self._known and not self.forced and not self.ended:
            body = partial.diff(self._known, content.body, self._version + 1)
        if body is None:
            body = partial.full(content.body, self._version + 1)
        headers = f"SIP-ETag: {content.digest}\r\nContent-Type: {media.PIDF_DIFF}\r\n"
        return content._replace(headers=headers, body=body, told=content.body)

    def sent(self, content: Content, loop_time: float, settings: Settings) -> None:
        """A NOTIFY with this content is on its way."""
        super().sent(content, loop_time, settings)
        if content.body:
            self._version += 1
            self._known = content.told

    def refused(self) -> None:
        """Differences have nothing to stand on: the next notification is the whole document."""
        self._known = b""

    def unknown(self) -> None:
        """What the watcher knows is not known any more."""
        super().unknown()
        self._known = b""


def live_of(row: SubscriptionRow, dialog: Dialog, flow: Flow | None) -> LiveSubscription:
    """The live form of a row."""
    if row.kind == LIST:
        return LiveList(row, dialog, flow)
    return (LivePartial if media.wants_partial(row.accept) else LiveSubscription)(row, dialog, flow)

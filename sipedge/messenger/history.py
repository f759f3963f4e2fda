"""The messages of one log-in: what was said, what is unread, and that all of it goes when the log-in does."""

from collections.abc import Iterable
from typing import Any

from presence import store
from presence.store import Plan, Put, Remove
from sipedge.messenger.agent import message_fields
from sipedge.models import MessengerMessage
from sipedge.rows import INBOX, InboxRow

AT_ONCE = 500
"Rows in one transaction: other writers live too."


def recent(session: str, most: int) -> list[dict[str, Any]]:
    """The newest messages, oldest first."""
    rows = MessengerMessage.objects.filter(session_id=session).order_by("-created_at", "-id")
    return [message_fields(row) for row in reversed(_rows(rows[:most]))]


def mark_read(session: str, peer: str) -> None:
    """The user has seen what somebody has sent."""
    rows = _rows(MessengerMessage.objects.filter(session_id=session, peer=peer, unread=True))
    _commit(
        Plan(row.persona_id, (Put(INBOX, row._replace(version=row.version + 1, unread=False), row.version),))
        for row in rows
    )


def forget(session: str) -> int:
    """Delete all of a log-in; their number."""
    return remove(MessengerMessage.objects.filter(session_id=session))


def surplus(session: str, most: int) -> Any:
    """The oldest messages beyond those that are kept."""
    rows = MessengerMessage.objects.filter(session_id=session).order_by("-created_at", "-id")
    return rows[most : most + AT_ONCE]


def remove(rows: Any) -> int:
    """Delete these rows; their number."""
    return _commit(Plan(row.persona_id, (Remove(INBOX, row.id, row.version),)) for row in _rows(rows))


def _rows(rows: Any) -> list[InboxRow]:
    return [InboxRow(*values) for values in rows.values_list(*InboxRow._fields)]


def _commit(plans: Iterable[Plan]) -> int:
    outcomes = [outcome for batch in store.batches(list(plans), AT_ONCE) for outcome in store.commit(batch)]
    return outcomes.count(store.Outcome.COMMITTED)

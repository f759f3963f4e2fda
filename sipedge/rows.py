"""Bindings, kept and logged messages as plain tuples, in the order of their columns."""

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

BINDING: Final = "binding"
MESSAGE: Final = "message"
INBOX: Final = "inbox"
LOGGED: Final = "logged"


class BindingRow(NamedTuple):
    """A registered contact; see `sipedge.models.Binding`."""

    id: int
    version: int
    persona_id: int
    contact: str
    "The URI exactly as it was registered (D-46)."
    q: float
    call_id: str
    cseq: int
    user_agent: str
    instance: str
    flow: str
    "For people: over what it was registered."
    path: str
    edge: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime

    def plain(self) -> list[Any]:
        """What JSON can hold."""
        return [*self[:-3], *(moment.timestamp() for moment in self[-3:])]

    @classmethod
    def of_plain(cls, fields: list[Any]) -> "BindingRow":
        """The row that `plain` has written."""
        return cls(*fields[:-3], *(datetime.fromtimestamp(moment, UTC) for moment in fields[-3:]))


class MessageRow(NamedTuple):
    """A message that waits for its recipient; see `sipedge.models.StoredMessage`."""

    id: int
    version: int
    persona_id: int
    sender: str
    recipient: str
    "The address that it was sent to."
    content_type: str
    body: bytes
    created_at: datetime
    updated_at: datetime
    expires_at: datetime


class LoggedRow(NamedTuple):
    """A message that passed; see `sipedge.models.LoggedMessage`."""

    id: int
    version: int
    persona_id: int | None
    sender: str
    recipient: str
    "The address that it was sent to."
    content_type: str
    body: bytes
    call_id: str
    status: int
    edge: str
    created_at: datetime

    @property
    def updated_at(self) -> datetime:
        """It is written once."""
        return self.created_at


class InboxRow(NamedTuple):
    """A message of one log-in to the messenger; see `sipedge.models.MessengerMessage`."""

    id: int
    version: int
    session_id: str
    persona_id: int
    peer: str
    outgoing: bool
    text: str
    status: int
    unread: bool
    created_at: datetime

    @property
    def updated_at(self) -> datetime:
        """By whoever writes it first."""
        return self.created_at

"""Rows of soft state as plain tuples, in the order of their columns: what plans and the working set are made of."""

from datetime import datetime
from typing import Final, NamedTuple

PUBLICATION: Final = "publication"
SUBSCRIPTION: Final = "subscription"


class PublicationRow(NamedTuple):
    """A publication; see `presence.models.Publication`."""

    id: int
    version: int
    persona_id: int
    publisher: str
    user_agent: str
    content_type: str
    door: str
    "How it came in: `sip` or `rest`."
    body: bytes
    "Empty when it was removed."
    created_at: datetime
    changed_at: datetime
    "When its content changed last; a refresh does not count."
    updated_at: datetime
    expires_at: datetime

    @property
    def entity_tag(self) -> str:
        """What SIP-ETag says (D-11): any edge finds the row by it, and only the newest version has it."""
        return f"{self.id:x}-{self.version}"


class SubscriptionRow(NamedTuple):
    """A subscription; see `presence.models.Subscription`."""

    id: int
    version: int
    persona_id: int
    uri: str
    "The address that was asked for, canonical: the entity of its documents (D-29)."
    watcher: str
    event_id: str
    accept: str
    eventlist: bool
    user_agent: str
    state: str
    "`active`, `pending` or `terminated`."
    reason: str
    edge: str
    dialog: str
    cseq: int
    "End of the block of CSeq numbers that may be used without another write."
    sent_digest: str
    "Of the document that the watcher was sent last, as far as is written down."
    created_at: datetime
    updated_at: datetime
    expires_at: datetime

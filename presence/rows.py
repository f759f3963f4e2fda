"""Rows of soft state as plain tuples, in the order of their columns: what plans and the working set are made of."""

from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from sys import intern
from typing import Final, NamedTuple

PUBLICATION: Final = "publication"
SUBSCRIPTION: Final = "subscription"
BACKEND: Final = "backend"

USER: Final = "user"
LIST: Final = "list"
FOREIGN: Final = "foreign"


@lru_cache(maxsize=8192)
def key_of(uri: str) -> int:
    """The key of something that is no user of ours, a list or a foreign presentity: a negative number.

    Users have their id as key, which is positive, so that one table, one working set and one bus serve all.
    """
    return -1 - (int.from_bytes(blake2b(uri.encode(), digest_size=8).digest(), "big") >> 2)


def shared(text: str) -> str:
    """A text that many rows have, in memory once; an address loses its class."""
    return intern(str(text))


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
    persona_id: int | None
    "The user who is watched; None for a list or a foreign presentity."
    kind: str
    "USER, LIST or FOREIGN."
    uri: str
    "The address that was asked for, canonical: the entity of its documents (D-29)."
    members: str
    "Addresses of a list that came with the SUBSCRIBE (RFC 5367), one a line; empty for all others."
    watcher: str
    event_id: str
    min_interval: float
    "Seconds that the watcher wants between two notifications (RFC 6446); 0 for no wish."
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

    def shared(self) -> "SubscriptionRow":
        """The same row, whose texts that many rows have are in memory once."""
        return self._replace(
            kind=shared(self.kind),
            uri=shared(self.uri),
            watcher=shared(self.watcher),
            accept=shared(self.accept),
            user_agent=shared(self.user_agent),
            state=shared(self.state),
            edge=shared(self.edge),
        )

    @property
    def key(self) -> int:
        """What is watched: a user's id, or the key of a list or foreign presentity."""
        return self.persona_id if self.persona_id is not None else key_of(self.uri)


class BackendRow(NamedTuple):
    """A back-end subscription, and the state it holds; see `presence.models.BackendSubscription`."""

    id: int
    version: int
    key: int
    "Whose component the state is: a user's id, or the key of a foreign presentity."
    local: str
    "The local presentity's address (R-FRN-06)."
    foreign: str
    server_id: int
    shared: bool
    "Serves all watchers of the presentity (D-30)."
    watcher: str
    "The identity that the server is told (R-BCK-06)."
    accept: str
    priority: int
    "Of the mapping (D-25)."
    edge: str
    dialog: str
    state: str
    "`trying`, `active`, `pending`, `waiting` (for the next attempt) or `stopped`."
    reason: str
    "Of the last failure or end, for people."
    failures: int
    "Attempts in a row that failed."
    body: bytes
    user_agent: str
    "Of the last NOTIFY with a state (R-FRN-13)."
    created_at: datetime
    changed_at: datetime
    updated_at: datetime
    refresh_at: datetime
    "When the next SUBSCRIBE is due; far away while none is."
    expires_at: datetime
    "Until when the state counts: as far as the server has granted."

"""The message log: instant messages that pass are written down while the operator wants that; off at installation.

A message passes when it is relayed (whatever its recipient answers) or kept for later. Its row goes with the next group
commit; nobody waits for it, and what becomes of it changes nothing for the sender. Rows that the database does not take
within the committer's patience are lost, and the log of the edge says which. The sweep deletes old ones.
"""

import asyncio
from typing import TYPE_CHECKING

import structlog
from django.db import connection
from django.db.models import Func, TextField

from presence.rows import key_of
from presence.store import Outcome, Plan, Put
from provisioning.policy import PersonaFacts
from provisioning.uri import Aor, SipUri
from sipedge.rows import LOGGED, LoggedRow
from sipedge.sip.message import Request

if TYPE_CHECKING:
    from sipedge.worker import Edge

TEXT = "text/plain"
"What is written down; typing notices and delivery reports are not."

log = structlog.get_logger(__name__)


def passed(edge: "Edge", request: Request, sender: Aor, recipient: PersonaFacts | None, status: int) -> None:
    """A message has passed, and its sender is answered `status`: write it down if that is wanted.

    `recipient`: None when it is no user of ours.
    """
    kind = (request.content_type or "").partition(";")[0].strip().lower()
    if not edge.policy.settings.message_log or kind != TEXT:
        return
    uri = request.uri
    row = LoggedRow(
        id=edge.new_id(),
        version=1,
        persona_id=recipient.id if recipient is not None else None,
        sender=sender,
        recipient=Aor.of(uri) if isinstance(uri, SipUri) and uri.user else request.target,
        content_type=request.content_type or "",
        body=request.body,
        call_id=request.call_id,
        status=status,
        edge=edge.name,
        created_at=edge.now(),
    )

    def ended(written: "asyncio.Future[Outcome]") -> None:
        if written.cancelled():
            return
        error = written.exception()
        if error is not None or written.result() is not Outcome.COMMITTED:
            log.error("a message could not be logged", sender=row.sender, call_id=repr(row.call_id), error=repr(error))

    # Under the sender's address: the users' own keys would make other edges read their state again.
    edge.commit(Plan(key_of(sender), (Put(LOGGED, row, None),))).add_done_callback(ended)


class AsText(Func):
    """Octets as text that a database can search; what is not ASCII looks as `searchable` makes it look."""

    output_field = TextField()
    template = "CAST(%(expressions)s AS TEXT)"

    def as_postgresql(self, compiler: object, connection: object, **context: object) -> object:
        """PostgreSQL reads octets as UTF-8 only when all of them are."""
        return self.as_sql(compiler, connection, template="encode(%(expressions)s, 'escape')", **context)


def searchable(words: str) -> str:
    """Words as they look in `AsText`."""
    if connection.vendor != "postgresql":
        return words
    octets = words.replace("\\", "\\\\").encode("utf-8", "replace")
    return "".join(chr(octet) if octet < 128 else f"\\{octet:03o}" for octet in octets)

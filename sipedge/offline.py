"""Messages for users who are not registered: kept as rows, delivered in order when they register again (D-34).

A message is durable before its sender hears 202, and is deleted after a contact has taken it. A crash between the two
delivers it again, with the same Call-ID.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from django.utils.http import http_date

from presence.engine.errors import DomainError
from presence.store import Outcome, Plan, Put, Remove
from provisioning.policy import PersonaFacts
from provisioning.uri import Aor
from sipedge.models import StoredMessage
from sipedge.resolve import of_bindings
from sipedge.rows import MESSAGE, BindingRow, MessageRow
from sipedge.sip.message import Request

if TYPE_CHECKING:
    from sipedge.worker import Edge

LATER = frozenset({408, 480, 486, 491})
"Answers after which a message waits for the next REGISTER; one that is refused for good does not hold up others."

AT_ONCE = 100
"Users whose kept messages are read in one statement: with as many as each may have, some megabytes."

log = structlog.get_logger(__name__)


class OfflineMessages:
    """What this edge knows of kept messages; the rows know everything."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge
        self._kept: set[int] = set()
        "Users who have messages that this edge has kept, or could not deliver."
        self._delivering: set[int] = set()
        self._waiting: list[int] = []
        "Those of them whose messages have not been read."
        self._looking = False

    async def keep(self, request: Request, sender: Aor, recipient: PersonaFacts) -> bool:
        """Keep a message; False when the recipient has too many already."""
        edge, settings = self._edge, self._edge.policy.settings
        if await edge.read(_count, recipient.id) >= settings.offline_limit:
            return False
        now = edge.now()
        row = MessageRow(
            id=edge.new_id(),
            version=1,
            persona_id=recipient.id,
            sender=sender,
            recipient=Aor.parse(request.target),
            content_type=request.content_type or "",
            body=request.body,
            created_at=now,
            updated_at=now,
            expires_at=now + timedelta(seconds=settings.offline_lifetime),
        )
        outcome = await edge.commit(Plan(recipient.id, (Put(MESSAGE, row, None),)))
        self._kept.add(recipient.id)
        return outcome is Outcome.COMMITTED

    def registered(self, persona_id: int, before: Sequence[BindingRow], after: Sequence[BindingRow]) -> None:
        """A user's contacts are durable: if there is a new one, or messages are known to wait, they are delivered."""
        fresh = {row.id for row in after} - {row.id for row in before}
        if after and (fresh or persona_id in self._kept) and persona_id not in self._delivering:
            self._delivering.add(persona_id)
            self._waiting.append(persona_id)
            if not self._looking:
                self._looking = True
                self._edge.background(self._look())

    async def _look(self) -> None:
        """Read what is kept for those who have registered: together for all who come while others are read."""
        try:
            while self._waiting:
                ids, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                await self._look_for(ids)
        finally:
            self._looking = False

    async def _look_for(self, ids: list[int]) -> None:
        edge = self._edge
        try:
            found = await edge.read(_load, ids, edge.now())
        except DomainError:  # the database is away: at the next REGISTER
            self._kept.update(ids)
            self._delivering.difference_update(ids)
            return
        for persona_id in ids:
            if persona_id in found:
                edge.background(self._deliver(persona_id, found[persona_id]))
            else:
                self._kept.discard(persona_id)
                self._delivering.discard(persona_id)

    async def _deliver(self, persona_id: int, rows: Sequence[MessageRow]) -> None:
        edge = self._edge
        try:
            for row in rows:
                request = _request(row)
                targets = of_bindings(edge.registrar.of(persona_id, edge.now()), request.uri)
                answer = await edge.relay.fork(request, targets, sender=Aor(row.sender))
                if answer.status in LATER or 500 <= answer.status < 600:
                    self._kept.add(persona_id)
                    return
                if answer.status >= 300:
                    log.warning("a kept message was refused", status=answer.status, sender=row.sender)
                await edge.commit(Plan(persona_id, (Remove(MESSAGE, row.id, row.version),)))
            self._kept.discard(persona_id)
        except DomainError:
            self._kept.add(persona_id)
        finally:
            self._delivering.discard(persona_id)


def _request(row: MessageRow) -> Request:
    """The message as it is delivered later: from its sender, with the time when it was sent."""
    return Request.build(
        "MESSAGE",
        row.recipient,
        [
            ("Max-Forwards", "70"),
            ("From", f"<{row.sender}>;tag={row.id:x}"),
            ("To", f"<{row.recipient}>"),
            ("Call-ID", f"{row.id:x}@{Aor(row.recipient).host}"),
            ("CSeq", "1 MESSAGE"),
            ("Date", http_date(row.created_at.timestamp())),
            ("Content-Type", row.content_type),
        ],
        row.body,
    )


def _count(persona_id: int) -> int:
    return StoredMessage.objects.filter(persona_id=persona_id).count()


def _load(persona_ids: Sequence[int], now: object) -> dict[int, list[MessageRow]]:
    """What is kept for these users, the oldest first; those for whom nothing is are not there."""
    rows = StoredMessage.objects.filter(persona_id__in=persona_ids, expires_at__gt=now).order_by("created_at", "id")
    found: dict[int, list[MessageRow]] = {}
    for row in map(MessageRow._make, rows.values_list(*MessageRow._fields)):
        found.setdefault(row.persona_id, []).append(row._replace(body=bytes(row.body)))
    return found

"""A message that a program sends: an edge carries it, by the rules of MESSAGE (RFC 3428, DESIGN section 15)."""

from typing import NamedTuple

from channels.db import database_sync_to_async
from django.utils import timezone

from presence import store
from presence.engine.errors import NotAuthorised, TryAgainLater
from presence.identity import Identity
from presence.models import EdgeLease
from presence.store import DatabaseAway
from provisioning import asking
from provisioning.uri import Aor

COMMAND = "integrator.message"

PATIENCE = 40.0
"Seconds for the recipient's answer: longer than the 32 s after which its contacts count as silent."

RETRY_AFTER = 5
"Seconds until somebody may try again while no edge runs."


class Sent(NamedTuple):
    """What became of a message."""

    status: int
    "As in SIP: 200 is delivered, 202 is kept until the recipient comes; all others are neither."
    reason: str


async def send(identity: Identity, to: Aor, text: str) -> Sent:
    """Send, and wait for the answer. Raises NotAuthorised, or TryAgainLater when no edge answers."""
    edge = await database_sync_to_async(_edge_for)(identity)
    try:
        answer = await asking.ask(edge, COMMAND, patience=PATIENCE, sender=identity.watcher, to=to, text=text)
    except (asking.NoAnswer, asking.Refused) as error:
        return _failed(error)
    return Sent(int(answer["status"]), str(answer["reason"]))


def send_now(identity: Identity, to: Aor, text: str) -> Sent:
    """`send` for callers that are not asynchronous."""
    edge = _edge_for(identity)
    try:
        answer = asking.ask_now(edge, COMMAND, patience=PATIENCE, sender=identity.watcher, to=to, text=text)
    except (asking.NoAnswer, asking.Refused) as error:
        return _failed(error)
    return Sent(int(answer["status"]), str(answer["reason"]))


def _failed(error: asking.NoAnswer | asking.Refused) -> Sent:
    if isinstance(error, asking.Refused):
        return Sent(error.status, error.reason)
    raise TryAgainLater(RETRY_AFTER)


def _edge_for(identity: Identity) -> str:
    """The edge that is asked."""
    if not identity.may_send:
        raise NotAuthorised("this account does not send messages")
    try:
        with store.away_when_lost():
            edge = _an_edge()
    except DatabaseAway:
        edge = None
    if edge is None:
        raise TryAgainLater(RETRY_AFTER)
    return edge


def _an_edge() -> str | None:
    """One that runs."""
    return EdgeLease.running(timezone.now()).order_by("-renewed_at").values_list("edge", flat=True).first()

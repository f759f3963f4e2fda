"""Log-ins to the messenger, on whatever pages they are made: a row, and a user agent at an edge (DESIGN section 15).

A user agent is gone when its edge has stopped, or has ended it because nobody asked for long; as long as the row is
valid, the next question begins it again, at any edge that lives.
"""

import contextlib
from datetime import timedelta
from typing import Any

from django.db.models import Count
from django.utils import timezone

from presence.models import EdgeLease
from provisioning import asking, snapshot
from provisioning.asking import NoAnswer, NotHeard, Refused
from provisioning.models import Persona
from provisioning.policy import MessengerFacts, Policy
from provisioning.snapshot import parts
from sipedge.messenger import history
from sipedge.models import MessengerSession

GONE = 481
"The edge does not know the log-in."


def settings() -> MessengerFacts:
    """The operator's settings, as they are now."""
    return snapshot.refresh(Policy(), [parts.MESSENGER]).messenger


def live_edges() -> list[str]:
    """The edges that run now, the one with the fewest log-ins first."""
    now = timezone.now()
    live = [lease.edge for lease in EdgeLease.running(now) if not lease.draining]
    there = MessengerSession.objects.filter(expires_at__gt=now).values("edge").annotate(number=Count("id"))
    numbers = dict(there.values_list("edge", "number"))
    return sorted(live, key=lambda edge: (numbers.get(edge, 0), edge))


def place(session: MessengerSession) -> None:
    """Give a log-in an edge that lives: where it was, else the one with the fewest. Raises NoAnswer."""
    live = live_edges()
    if not live:
        raise NoAnswer("no edge runs")
    if session.edge not in live:
        session.edge = live[0]
        MessengerSession.objects.filter(pk=session.pk).update(edge=session.edge)


def begin(
    persona: Persona, kind: str, *, id: str, lasts: timedelta, user_agent: str = "", address: str = ""
) -> MessengerSession:
    """Log a user in; raises NoAnswer or Refused. `id` is seen by others in Via, so it opens nothing by itself."""
    session = MessengerSession(
        id=id,
        persona=persona,
        kind=kind,
        user_agent=user_agent[:500],
        address=address,
        expires_at=timezone.now() + lasts,
    )
    session.secret = session.mark()
    session.save(force_insert=True)
    try:
        _log_in(session)
    except (NoAnswer, Refused):
        session.delete()
        raise
    return session


def use(session: MessengerSession, lasts: timedelta) -> None:
    """Somebody uses it: it lasts for longer."""
    session.expires_at = timezone.now() + lasts
    MessengerSession.objects.filter(pk=session.pk).update(expires_at=session.expires_at)


def choose(session: MessengerSession, **choices: Any) -> None:
    """Keep what is chosen for this log-in."""
    session.settings = {**session.settings, **choices}
    MessengerSession.objects.filter(pk=session.pk).update(settings=session.settings)


def others(session: MessengerSession) -> list[MessengerSession]:
    """The same user's other log-ins."""
    found = MessengerSession.objects.filter(persona=session.persona_id, expires_at__gt=timezone.now())
    return list(found.exclude(pk=session.pk))


def end(session: MessengerSession) -> None:
    """Log out; what an edge does not hear of ends there by itself, since nobody uses it any more (R-IM-04)."""
    forget(session.id)
    if session.edge:
        with contextlib.suppress(NoAnswer, Refused):
            asking.ask_now(session.edge, "messenger.log_out", session=session.id)


def forget(id: str) -> None:
    """The row goes first, and its messages: who still shows the log-in looks there before it asks an edge again."""
    MessengerSession.objects.filter(id=id).delete()
    history.forget(id)


def ask(session: MessengerSession, name: str, *, id: str = "", **arguments: Any) -> dict[str, Any]:
    """Ask its user agent, which is begun again when it is gone; raises NoAnswer or Refused.

    `id`: the same one means that it is done once.
    """
    try:
        return asking.ask_now(session.edge, f"messenger.{name}", id=id, session=session.id, **arguments)
    except NotHeard:
        pass
    except Refused as refused:
        if refused.status != GONE:
            raise
    _log_in(session)
    again = f"{id}-again" if id else ""  # the edge remembers its refusal by the id
    return asking.ask_now(session.edge, f"messenger.{name}", id=again, session=session.id, **arguments)


def _log_in(session: MessengerSession) -> None:
    for edge in live_edges():
        with contextlib.suppress(NotHeard):  # killed, and its lease has not run out yet
            asking.ask_now(edge, "messenger.log_in", session=session.id, persona=session.persona_id, kind=session.kind)
            session.edge = edge
            MessengerSession.objects.filter(pk=session.pk).update(edge=edge)
            if chosen := session.settings.get("status"):
                asking.ask_now(edge, "messenger.status", session=session.id, **chosen)
            return
    raise NoAnswer("no edge runs")

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
from provisioning import asking
from provisioning.asking import NoAnswer, NotHeard, Refused
from provisioning.models import Persona
from sipedge.models import MessengerMessage, MessengerSession

NO_SUCH_SESSION = 481
"The edge does not know the log-in."


def live_edges() -> list[str]:
    """The edges that run now, the one with the fewest log-ins first."""
    now = timezone.now()
    live = EdgeLease.objects.filter(clean=False, expires_at__gt=now).values_list("edge", flat=True)
    there = MessengerSession.objects.filter(expires_at__gt=now).values("edge").annotate(number=Count("id"))
    numbers = dict(there.values_list("edge", "number"))
    return sorted(live, key=lambda edge: (numbers.get(edge, 0), edge))


def live_edge() -> str:
    """An edge for a new log-in; raises NoAnswer when none runs."""
    for edge in live_edges():
        return edge
    raise NoAnswer("no edge runs")


def begin(
    persona: Persona, kind: str, *, id: str, lasts: timedelta, user_agent: str = "", address: str = ""
) -> MessengerSession:
    """Log a user in; raises NoAnswer or Refused. `id` is seen by others in Via, so it opens nothing by itself."""
    session = MessengerSession.objects.create(
        id=id,
        persona=persona,
        kind=kind,
        user_agent=user_agent[:500],
        address=address,
        expires_at=timezone.now() + lasts,
    )
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
    """Log out; the messages of the log-in go with it. What an edge that is gone had published runs out by itself."""
    with contextlib.suppress(NoAnswer, Refused):
        asking.ask_now(session.edge, "messenger.log_out", session=session.id)
    MessengerMessage.objects.filter(session_id=session.id).delete()
    MessengerSession.objects.filter(pk=session.pk).delete()


def ask(session: MessengerSession, name: str, *, id: str = "", **arguments: Any) -> dict[str, Any]:
    """Ask its user agent, which is begun again when it is gone; raises NoAnswer or Refused.

    `id`: the same one means that it is done once.
    """
    try:
        return asking.ask_now(session.edge, f"messenger.{name}", id=id, session=session.id, **arguments)
    except NotHeard:
        pass
    except Refused as refused:
        if refused.status != NO_SUCH_SESSION:
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

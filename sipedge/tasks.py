"""The sweeps over bindings, kept messages, the message log and log-ins to the messenger; see `presence.tasks`."""

from collections.abc import Iterable
from datetime import timedelta

from celery import shared_task
from django.db.models import Count, Model
from django.utils import timezone

from presence import store
from presence.rows import key_of
from presence.store import Plan, Remove
from presence.tasks import BATCH, GRACE, MOST
from provisioning.models import EngineSettings
from sipedge.messenger import history, sessions
from sipedge.models import Binding, LoggedMessage, MessengerMessage, MessengerSession, StoredMessage
from sipedge.rows import BINDING, LOGGED, MESSAGE


@shared_task
def sweep_bindings() -> int:
    """Delete bindings that ran out; returns their number. Nobody has to hear of it: readers look at the expiry."""
    return _sweep(BINDING, Binding)


@shared_task
def sweep_messages() -> int:
    """Delete messages that nobody fetched in time; returns their number."""
    return _sweep(MESSAGE, StoredMessage)


@shared_task
def sweep_message_log() -> int:
    """Delete logged messages that are older than the operator keeps them; returns their number."""
    days = EngineSettings.objects.values_list("message_log_days", flat=True).first()
    if days is None:  # nothing is provisioned yet
        return 0
    old = LoggedMessage.objects.filter(created_at__lt=timezone.now() - timedelta(days=days)).order_by("created_at")
    rows = old.values_list("id", "version", "sender")[:MOST]
    return _commit(Plan(key_of(sender), (Remove(LOGGED, id, version),)) for id, version, sender in rows)


@shared_task
def sweep_messenger() -> int:
    """End log-ins that ran out; delete messages whose log-in is gone, and the oldest beyond those that are kept.

    Returns the number of log-ins and of messages beyond theirs.
    """
    count = 0
    for session in MessengerSession.objects.filter(expires_at__lte=timezone.now()).order_by("expires_at")[:MOST]:
        sessions.end(session)
        count += 1
    logins = MessengerSession.objects.values("id")
    running = MessengerSession.objects.exclude(secret="").select_related("persona")
    for session in running.iterator(BATCH):  # the page has noticed long ago, if somebody looks at it
        if not session.fits():
            sessions.end(session)
            count += 1
    count += history.remove(MessengerMessage.objects.exclude(session_id__in=logins).order_by("created_at")[:MOST])
    most = sessions.settings().messages
    many = MessengerMessage.objects.order_by().values("session_id").annotate(held=Count("id")).filter(held__gt=most)
    for session_id in many.values_list("session_id", flat=True)[:MOST]:
        count += history.remove(history.surplus(session_id, most))
    return count


def _sweep(table: str, model: type[Model]) -> int:
    rows = model._default_manager.filter(expires_at__lte=timezone.now() - GRACE).order_by("expires_at")
    return _commit(
        Plan(persona_id, (Remove(table, id, version),))
        for id, version, persona_id in rows.values_list("id", "version", "persona_id")[:MOST]
    )


def _commit(plans: Iterable[Plan]) -> int:
    outcomes = [outcome for batch in store.batches(list(plans), BATCH) for outcome in store.commit(batch)]
    return outcomes.count(store.Outcome.COMMITTED)

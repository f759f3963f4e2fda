"""The sweep over bindings and kept messages; see `presence.tasks`."""

from celery import shared_task
from django.db.models import Model
from django.utils import timezone

from presence import store
from presence.store import Plan, Remove
from presence.tasks import BATCH, GRACE, MOST
from sipedge.models import Binding, StoredMessage
from sipedge.rows import BINDING, MESSAGE


@shared_task
def sweep_bindings() -> int:
    """Delete bindings that ran out; returns their number. Nobody has to hear of it: readers look at the expiry."""
    return _sweep(BINDING, Binding)


@shared_task
def sweep_messages() -> int:
    """Delete messages that nobody fetched in time; returns their number."""
    return _sweep(MESSAGE, StoredMessage)


def _sweep(table: str, model: type[Model]) -> int:
    rows = model._default_manager.filter(expires_at__lte=timezone.now() - GRACE).order_by("expires_at")
    plans = [
        Plan(persona_id, (Remove(table, id, version),))
        for id, version, persona_id in rows.values_list("id", "version", "persona_id")[:MOST]
    ]
    outcomes = [outcome for batch in store.batches(plans, BATCH) for outcome in store.commit(batch)]
    return outcomes.count(store.Outcome.COMMITTED)

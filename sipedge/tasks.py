"""The sweep over bindings; see `presence.tasks`."""

from celery import shared_task
from django.utils import timezone

from presence import store
from presence.store import Plan, Remove
from presence.tasks import BATCH, GRACE, MOST
from sipedge.models import Binding
from sipedge.rows import BINDING


@shared_task
def sweep_bindings() -> int:
    """Delete bindings that ran out; returns their number. Nobody has to hear of it: readers look at the expiry."""
    rows = Binding.objects.filter(expires_at__lte=timezone.now() - GRACE).order_by("expires_at")
    plans = [
        Plan(persona_id, (Remove(BINDING, id, version),))
        for id, version, persona_id in rows.values_list("id", "version", "persona_id")[:MOST]
    ]
    outcomes = [outcome for batch in store.batches(plans, BATCH) for outcome in store.commit(batch)]
    return outcomes.count(store.Outcome.COMMITTED)

"""The sweep: rows of soft state that ran out are removed, and edges hear of it (R-PUB-29, DESIGN section 10).

Nothing waits for it: readers ignore what has expired, and an edge tells its watchers at the moment itself. A row
is deleted only with the version that was looked at, so a refresh in between wins.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from celery import shared_task
from django.utils import timezone

from presence import store, timeline, webhooks
from presence.models import BackendSubscription, EdgeLease, Publication, Subscription
from presence.rows import BACKEND, PUBLICATION, SUBSCRIPTION, key_of
from presence.store import Plan, Remove
from provisioning import bus

GRACE = timedelta(seconds=60)
"A row stays for so long after its end: edges whose clocks differ have finished with it."

LONG_GRACE = timedelta(hours=1)
"For subscriptions that their edge has not ended itself: it may be down, and tells the watchers when it is back."

UNSETTLED = timedelta(days=1)
"For publications that an edge which crashed still has to look at; after so long it does not come back."

BATCH = 500
"Rows in one transaction, so that other writers have their turn."

MOST = 50_000
"Rows in one run; the next run goes on."


@shared_task
def sweep_expired() -> int:
    """Delete what ran out; returns the number of rows. Safe to run twice and to run late."""
    now = timezone.now()
    return _sweep(_publications(now)) + _sweep(_subscriptions(now)) + _sweep(_backends(now))


def _publications(now: datetime) -> Iterator[Plan]:
    rows = Publication.objects.filter(expires_at__lte=_settled(now - GRACE, now)).order_by("expires_at")
    found = list(rows.values_list("id", "version", "persona_id")[:MOST])
    timeline.note_ran_out([id for id, _, _ in found])
    for id, version, persona_id in found:
        yield Plan(persona_id, (Remove(PUBLICATION, id, version),))


def _subscriptions(now: datetime) -> Iterator[Plan]:
    ended = Subscription.objects.filter(state="terminated", expires_at__lte=now - GRACE)
    lost = Subscription.objects.filter(expires_at__lte=now - LONG_GRACE).exclude(state="terminated")
    for rows in (ended, lost):
        for id, version, persona_id, uri in rows.order_by().values_list("id", "version", "persona_id", "uri")[:MOST]:
            key = persona_id if persona_id is not None else key_of(uri)
            yield Plan(key, (Remove(SUBSCRIPTION, id, version),))


def _backends(now: datetime) -> Iterator[Plan]:
    """Back-end subscriptions that no edge looks after any more."""
    rows = BackendSubscription.objects.filter(updated_at__lte=now - UNSETTLED, expires_at__lte=now - LONG_GRACE)
    rows = rows.filter(refresh_at__lte=now - LONG_GRACE)
    for id, version, key in rows.order_by().values_list("id", "version", "key")[:MOST]:
        yield Plan(key, (Remove(BACKEND, id, version),))


@shared_task
def sweep_timeline() -> int:
    """Delete what time lines say that is older than the operator keeps it; returns the number of entries."""
    return timeline.sweep(timezone.now(), MOST)


@shared_task
def refresh_backend() -> int:
    """Tell the edges which back-end subscriptions are due (D-32); each looks at its own rows and sends.

    Returns the number of presentities concerned. Safe to run twice and to run late: an edge that hears nothing
    looks by itself a little later.
    """
    due = BackendSubscription.objects.filter(refresh_at__lte=timezone.now()).order_by()
    keys = set(due.values_list("key", flat=True)[:MOST])
    if keys:
        bus.announce_state(keys)
    return len(keys)


@shared_task
def tell_webhooks(keys: list[int] | None = None) -> int:
    """Look at these presentities (None: at all) for webhooks; returns what is newly due. Safe to run twice and late."""
    return webhooks.tell(keys)


@shared_task
def deliver_webhook(delivery: int) -> bool:
    """One attempt to tell a webhook."""
    return webhooks.deliver(delivery)


@shared_task
def retry_webhooks() -> int:
    """Hand out what is due again, and look for components that have just run out."""
    webhooks.tell_expired()
    return webhooks.retry()


def _settled(moment: datetime, now: datetime) -> datetime:
    """Not later than what every edge that crashed lately has told its watchers."""
    crashed = EdgeLease.objects.filter(clean=False, expires_at__lte=now, settled_at__gte=now - UNSETTLED)
    return min([moment, *crashed.values_list("settled_at", flat=True)])


def _sweep(plans: Iterable[Plan]) -> int:
    swept = 0
    for batch in store.batches(list(plans), BATCH):
        outcomes = store.commit(batch)
        gone = [plan for plan, outcome in zip(batch, outcomes, strict=True) if outcome is store.Outcome.COMMITTED]
        webhooks.announce({plan.persona_id for plan in gone})
        swept += len(gone)
    return swept

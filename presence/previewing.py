"""What a change of provisioning would do to those who are subscribed now, found out before it is made.

The change is tried out (`provisioning.trial`), the policy is read as it would be, and everything is taken back. Then
both policies are compared for the live subscriptions that the change can touch (`presence.impact`).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Model, Q, QuerySet

from presence import impact, store
from presence.concern import NOBODY, concern
from presence.impact import Impact, asked_for
from presence.models import Subscription
from presence.presentity import from_loaded
from presence.rows import LIST, SubscriptionRow
from provisioning import snapshot
from provisioning.policy import Policy
from provisioning.snapshot import parts
from provisioning.trial import trial
from provisioning.uri import Aor

SUBSCRIPTIONS = 500
"Subscriptions that one preview looks at: more than anybody reads, and it takes a second or two for the worst change."

PAIRS = 5_000
"Pairs of watcher and presentity: lists have many. Both policies are read for so many addresses by one query each."

Change = Callable[[], Collection[Any] | None]
"Makes a change; the ids of the rows that are there then, or None when it could not be made."


def preview(model: type[Model], ids: Collection[Any], change: Change, now: datetime) -> Impact | None:
    """What `change` would do, which touches the rows `ids` of `model` as far as they are there; nothing stays of it.

    None when the change could not be made. What it raises is passed on.
    """
    wanted = concern(model, ids)
    with trial():
        rows, live = _live(wanted, now)
        made = change()
        if made is None:
            return None
        if made:
            wanted |= concern(model, made)
            rows, live = _live(wanted, now)
        after = _policy(rows)
    before = _policy(rows)
    rows = _within(before, _within(after, rows))
    found = list(impact.pairs(before, after, rows))
    touched = impact.touched(found, before, after)
    keys = list({look.key for one in touched for look in (one.before, one.after) if look.key})
    loaded = store.load(keys, now)
    held = [{one.persona_id: one for one in from_loaded(loaded)} for _ in range(2)]  # each composes by its own policy
    changed = impact.affected(touched, before, after, *held, now)
    return Impact(tuple(changed), len(found) - len(changed), len(rows), live)


def who_is_affected(model: type[Model], ids: Collection[Any], delete: Callable[[], object], now: datetime) -> Impact:
    """What the deletion of these rows would do."""

    def change() -> tuple[()]:
        delete()
        return ()

    found = preview(model, ids, change, now)
    assert found is not None, "a deletion is made or raises"
    return found


def _live(wanted: Q, now: datetime) -> tuple[list[SubscriptionRow], int]:
    """(the first of these subscriptions, how many there are)."""
    if wanted == NOBODY:
        return [], 0
    rows: QuerySet[Subscription] = Subscription.objects.filter(wanted, expires_at__gt=now).exclude(state="terminated")
    first = rows.order_by("id").values_list(*SubscriptionRow._fields)[: SUBSCRIPTIONS + 1]
    found = [SubscriptionRow(*row) for row in first]
    return found[:SUBSCRIPTIONS], len(found) if len(found) <= SUBSCRIPTIONS else rows.count()


def _policy(rows: Sequence[SubscriptionRow]) -> Policy:
    """The policy as it now stands in the database, as far as these watchers and what they watch are concerned."""
    addresses = {Aor(uri) for row in rows for uri in (row.watcher, row.uri)}
    policy = snapshot.load_for(addresses)
    if not any(row.kind == LIST for row in rows):
        return policy
    policy = snapshot.refresh(policy, [parts.LISTS])
    members = {uri for row in _within(policy, rows) for uri in asked_for(policy, row)}
    return snapshot.narrowed(policy, addresses | members)


def _within(policy: Policy, rows: Iterable[SubscriptionRow]) -> list[SubscriptionRow]:
    """As many of the first ones as have no more than PAIRS addresses together."""
    kept: list[SubscriptionRow] = []
    left = PAIRS
    for row in rows:
        left -= len(asked_for(policy, row))
        if left < 0:
            break
        kept.append(row)
    return kept

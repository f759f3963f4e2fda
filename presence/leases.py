"""Leases as the database has them: which edges live, which are gone, and how others take over what those left.

All times are the database's, so that machines whose clocks differ agree. Whoever takes something over does it in one
transaction that holds the lease's row and finds it run out; whoever renews a lease writes that row. So of the two one
comes first: an edge that has renewed its lease and then reads which rows are its own knows what it has lost, and loses
no more.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from presence import store
from presence.backend import Want
from presence.models import BackendSubscription, EdgeLease, Subscription
from presence.rows import BackendRow, SubscriptionRow
from provisioning.uri import Aor

NOT_RANDOM: Final = 8
"Lowest bits of an id that may say who has made it: those of one edge's rows can be all alike."


class Before(NamedTuple):
    """What an edge has left behind when it starts again."""

    settled_at: datetime
    "Up to when its watchers and rows agreed."
    clean: bool
    "It was stopped in order: they agree altogether."


@dataclass(frozen=True, slots=True)
class Gone:
    """An edge whose lease ran out, as a survivor sees it."""

    edge: str
    expired_at: datetime
    survivors: tuple[str, ...]
    "Who shares what it has left, by name: the edges that run, stay, and have done so for a while."
    late: bool
    "Another lifetime has passed: a survivor has not done its share, so each takes whatever there is."

    def share(self, ids: Iterable[int], edge: str) -> list[int]:
        """What falls to this survivor of rows with these ids, which are random; nothing for who is none."""
        if edge not in self.survivors:
            return []
        if self.late:
            return list(ids)
        rank, number = self.survivors.index(edge), len(self.survivors)
        return [id for id in ids if (id >> NOT_RANDOM) % number == rank]


def clock() -> datetime:
    """The time of day; a SQLite file is on the machine of whoever asks."""
    if connection.vendor == "sqlite":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
        return moment


def renew(edge: str, lifetime: timedelta, **columns: Any) -> datetime:
    """Write the lease of an edge, good for `lifetime` from now on, and say when that is."""
    now = clock()
    row = {**columns, "renewed_at": now, "expires_at": now + lifetime}
    EdgeLease.objects.update_or_create(edge=edge, defaults=row)
    return now


def take(edge: str, lifetime: timedelta, **columns: Any) -> Before | None:
    """An edge starts: from now on nobody takes over what it had left; None for one that was never there.

    Up to when rows and watchers agree stays as it was: it has resumed nothing yet.
    """
    with transaction.atomic():
        lease = EdgeLease.objects.select_for_update().filter(edge=edge).first()
        settled_at = lease.settled_at if lease is not None else clock()
        renew(edge, lifetime, **columns, settled_at=settled_at, clean=False)
    return Before(lease.settled_at, lease.clean) if lease is not None else None


def gone(edge: str, lifetime: timedelta, margin: timedelta) -> list[Gone]:
    """The edges whose lease ran out `margin` ago or longer, for the survivor `edge`; stopped in order or not.

    Who has been there for less than `lifetime` takes nothing over: an installation that starts again brings its edges
    back one after the other.
    """
    now = clock()
    leases = EdgeLease.objects.exclude(edge=edge).filter(expires_at__lte=now - margin).order_by("edge")
    found = list(leases.values_list("edge", "expires_at"))
    if not found:
        return []
    running = EdgeLease.running(now).filter(started_at__lte=now - lifetime).order_by("edge")
    survivors = tuple(lease.edge for lease in running if not lease.draining)
    return [Gone(name, expires_at, survivors, expires_at + lifetime + margin <= now) for name, expires_at in found]


@contextmanager
def run_out(edge: str, margin: timedelta) -> Iterator[EdgeLease | None]:
    """A transaction in which this lease stays as it is; None when the edge is back."""
    with transaction.atomic():
        lease = EdgeLease.objects.select_for_update().filter(edge=edge).first()
        yield lease if lease is not None and lease.expires_at <= clock() - margin else None


def subscriptions_of(edge: str) -> list[int]:
    """The ids of an edge's subscriptions that have not ended."""
    rows = Subscription.objects.filter(edge=edge).exclude(state="terminated").order_by("id")
    return list(rows.values_list("id", flat=True))


def take_subscriptions(
    gone: str, edge: str, ids: Sequence[int], *, margin: timedelta, reserved: int
) -> list[SubscriptionRow] | None:
    """Make these subscriptions those of `edge`, with `reserved` CSeq numbers more; the ones that are.

    None when `gone` is back. Safe to repeat when it is not known whether it was done.
    """
    with run_out(gone, margin) as lease:
        if lease is not None:
            rows = Subscription.objects.filter(edge=gone, id__in=ids).exclude(state="terminated").order_by()
            free = list(rows.select_for_update(skip_locked=True).values_list("id", flat=True))
            Subscription.objects.filter(id__in=free).update(
                edge=edge, version=F("version") + 1, cseq=F("cseq") + reserved, sent_digest="",
                updated_at=timezone.now(),
            )  # fmt: skip
    taken = store.load_handed_over(edge, ids)
    return taken if taken or lease is not None else None


def backends_of(edge: str) -> list[tuple[Want, int]]:
    """The back-end subscriptions of an edge: what each is, and its id."""
    rows = BackendSubscription.objects.filter(edge=edge).order_by("id")
    found = rows.values_list("id", "key", "local", "foreign", "server_id", "shared", "watcher", "accept")
    return [
        (Want(key, Aor(local), Aor(foreign), server, shared, Aor(watcher), accept), id)
        for id, key, local, foreign, server, shared, watcher, accept in found.iterator()
    ]


def take_backends(gone: str, edge: str, ids: Sequence[int], *, margin: timedelta) -> list[BackendRow]:
    """Make these back-end subscriptions those of `edge`, due at once; the ones that are. Safe to repeat."""
    now = timezone.now()
    with run_out(gone, margin) as lease:
        if lease is not None:
            rows = BackendSubscription.objects.filter(edge=gone, id__in=ids).order_by()
            free = list(rows.select_for_update(skip_locked=True).values_list("id", flat=True))
            BackendSubscription.objects.filter(id__in=free).update(
                edge=edge, version=F("version") + 1, refresh_at=now, updated_at=now
            )
    rows = BackendSubscription.objects.filter(edge=edge, id__in=ids).order_by("id")
    return [row._replace(body=bytes(row.body)) for row in map(BackendRow._make, rows.values_list(*BackendRow._fields))]


def note(gone: str, edge: str, numbers: Mapping[str, int], margin: timedelta) -> None:
    """Write into the lease who has taken over how much, for people; the edge's next report begins without it."""
    with run_out(gone, margin) as lease:
        if lease is not None:
            adopted = lease.report.setdefault(EdgeLease.ADOPTED, {}).setdefault(edge, {})
            for what, number in numbers.items():
                adopted[what] = adopted.get(what, 0) + number
            lease.save(update_fields=["report"])


def owned(edge: str) -> tuple[set[int], set[int]]:
    """The ids of all subscriptions and back-end subscriptions that are an edge's now, ended ones too."""
    subscriptions = Subscription.objects.filter(edge=edge).order_by().values_list("id", flat=True)
    backends = BackendSubscription.objects.filter(edge=edge).order_by().values_list("id", flat=True)
    return set(subscriptions.iterator()), set(backends.iterator())

"""What the database knows of the whole system, told once, by the web process (docs/metrics.md).

The queries are counts over indexed columns. Their result is kept for some seconds, so that several Prometheus
servers, or an impatient person, cost no more than one.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from django.db import Error, connection
from django.db.models import Count, Model, QuerySet
from django.utils import timezone

from presence.models import BackendSubscription, EdgeLease, Publication, Subscription, WebhookDelivery
from presence.tasks import GRACE
from provisioning.models import Persona
from sipedge.metrics.families import GAUGE, Family, Samples, by_one, one
from sipedge.models import Binding, MessengerSession, StoredMessage

KEPT = 10.0
"Seconds for which the figures are not asked for again: less than Prometheus' usual interval of 15."


class Figures(NamedTuple):
    """The system at one moment."""

    users: int
    publications: int
    subscriptions: dict[str, int]
    backends: dict[str, int]
    bindings: int
    logins: int
    messages: int
    webhooks: dict[str, int]
    edges: dict[str, int]
    sweep_lag: dict[str, float]


class Database:
    """The figures, and whether they could be read."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._figures: Figures | None = None
        self._read_at = float("-inf")

    def figures(self) -> Figures | None:
        """Not older than KEPT; None while the database is away."""
        with self._lock:
            if self._clock() - self._read_at >= KEPT:
                self._figures = _read()
                self._read_at = self._clock()
            return self._figures


FIGURES: Final = Database()
"One for all that this process shows."


def _read() -> Figures | None:
    now = timezone.now()
    try:
        return Figures(
            users=Persona.objects.filter(enabled=True).count(),
            publications=_live(Publication, now).count(),
            subscriptions=_by_state(_live(Subscription, now).exclude(state="terminated")),
            backends=_by_state(BackendSubscription.objects.all()),
            bindings=_live(Binding, now).count(),
            logins=_live(MessengerSession, now).count(),
            messages=_live(StoredMessage, now).count(),
            webhooks=_by_state(WebhookDelivery.objects.all()),
            edges=Counter(lease.state(now) for lease in EdgeLease.objects.all()),
            sweep_lag={
                "publications": _lag(Publication.objects.all(), now),
                "subscriptions": _lag(Subscription.objects.filter(state="terminated"), now),
                "bindings": _lag(Binding.objects.all(), now),
            },
        )
    except Error:
        connection.close()
        return None


def _live(model: type[Model], now: datetime) -> QuerySet[Model]:
    return model._default_manager.filter(expires_at__gt=now)


def _by_state(rows: QuerySet[Model]) -> dict[str, int]:
    return dict(rows.order_by().values_list("state").annotate(Count("pk")))


def _lag(rows: QuerySet[Model], now: datetime) -> float:
    """Seconds for which the oldest row has been due for the sweep."""
    due = now - GRACE
    oldest = rows.filter(expires_at__lte=due).order_by("expires_at").values_list("expires_at", flat=True).first()
    return (due - oldest).total_seconds() if oldest is not None else 0.0


def _when_there(read: Callable[[Figures], Samples]) -> Callable[[Database], Samples]:
    """Numbers of the figures; none while the database is away."""

    def samples(database: Database) -> Samples:
        figures = database.figures()
        return read(figures) if figures is not None else ()

    return samples


def _by(read: Callable[[Figures], dict[str, int] | dict[str, float]]) -> Callable[[Database], Samples]:
    return _when_there(lambda figures: by_one(read(figures).items()))


FAMILIES: Final[tuple[Family[Database], ...]] = (
    Family(
        "cups_database_up",
        GAUGE,
        (),
        "1 if the web process reads the database, else 0, and what is read is missing.",
        lambda database: one(database.figures() is not None),
    ),
    Family("cups_users", GAUGE, (), "Users that are enabled.", _when_there(lambda it: one(it.users))),
    Family("cups_publications", GAUGE, (), "Publications in force.", _when_there(lambda it: one(it.publications))),
    Family(
        "cups_subscriptions", GAUGE, ("state",), "Subscriptions of watchers in force.", _by(lambda it: it.subscriptions)
    ),
    Family(
        "cups_backend_subscriptions",
        GAUGE,
        ("state",),
        "Subscriptions at foreign servers.",
        _by(lambda it: it.backends),
    ),
    Family("cups_bindings", GAUGE, (), "Contacts of registered users.", _when_there(lambda it: one(it.bindings))),
    Family(
        "cups_messenger_logins",
        GAUGE,
        (),
        "Log-ins to the messenger and to the phone pages.",
        _when_there(lambda it: one(it.logins)),
    ),
    Family(
        "cups_messages_stored",
        GAUGE,
        (),
        "Messages that wait for users who are away.",
        _when_there(lambda it: one(it.messages)),
    ),
    Family(
        "cups_webhook_deliveries",
        GAUGE,
        ("state",),
        "What webhooks are told: waiting, delivered, dead (given up).",
        _by(lambda it: it.webhooks),
    ),
    Family("cups_edges", GAUGE, ("state",), "Edges by their leases: running, stopped, lost.", _by(lambda it: it.edges)),
    Family(
        "cups_sweep_lag_seconds",
        GAUGE,
        ("table",),
        "For how long the oldest row that ran out has been due for the sweep; 0 when none is.",
        _by(lambda it: it.sweep_lag),
    ),
)
"Every metric that is read from the database."

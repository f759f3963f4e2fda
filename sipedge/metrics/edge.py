"""What an edge tells Prometheus: the table of its metrics, and the address where it answers (docs/metrics.md).

The numbers are those that the parts of the edge keep for themselves; here they are read, in the edge's loop, when
somebody asks. Labels have few values: nothing that a peer can make up is one.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import structlog
from django.conf import settings
from prometheus_client import CollectorRegistry, ProcessCollector

from sipedge import health, refusals
from sipedge.metrics.families import COUNTER, GAUGE, HISTOGRAM, Family, Readings, Samples, by_one, one, text
from sipedge.metrics.histogram import Histogram
from sipedge.metrics.responder import Responder
from sipedge.sip.flow import Address
from sipedge.sip.names import REASONS

if TYPE_CHECKING:
    from sipedge.worker import Edge

log = structlog.get_logger(__name__)

LOOK = 0.5
"Seconds between two measurements of the loop."

LAGS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"Seconds that the loop is late: T1 of SIP is half a second, after which clients repeat."

DELAYS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"Seconds between the end of a subscription and its being noticed: half a second as a rule."


class Metrics:
    """An edge's metrics."""

    def __init__(self, edge: "Edge") -> None:
        self.lag = Histogram(LAGS)
        "Seconds that the loop has come late to what was due."
        self.overdue = Histogram(DELAYS)
        "Seconds that subscriptions were over when the edge noticed."
        self.address: Address | None = None
        "Where Prometheus finds them, if anywhere."
        self.registry = CollectorRegistry()
        self.registry.register(Readings(FAMILIES, edge))
        ProcessCollector(registry=self.registry)
        self._responder = Responder(
            lambda: text(self.registry), lambda: health.checks(edge), settings.CUPS_METRICS_TOKEN
        )

    async def open(self) -> None:
        """Open the address of CUPS_METRICS_LISTEN, if it is set; without it the edge serves all the same."""
        if settings.CUPS_METRICS_LISTEN is None:
            return
        host, port = settings.CUPS_METRICS_LISTEN
        try:
            self.address = await self._responder.open(host, port)
        except OSError as error:
            log.error("metrics are not served: CUPS_METRICS_LISTEN cannot be opened", error=str(error))

    async def keep(self) -> None:
        """Measure the loop, for ever; by another clock, since uvloop's stands still while the loop is busy."""
        while True:
            due = time.perf_counter() + LOOK
            await asyncio.sleep(LOOK)
            self.lag.observe(max(0.0, time.perf_counter() - due))

    def close(self) -> None:
        """Give up the address."""
        self._responder.close()


def _answers(edge: "Edge") -> Samples:
    """Statuses that SIP does not know, which peers can make up, count as the first one of their class."""
    found: Counter[tuple[str, str]] = Counter()
    for (method, status), number in edge.stack.answers.items():
        found[method, str(status if status in REASONS else status // 100 * 100)] += number
    return found.items()


def _refusals(edge: "Edge") -> Samples:
    """All that OpenSSL may say is one reason."""
    found: Counter[str] = Counter()
    for reason, number in edge.peers.refusals.reasons.items():
        found["TLS" if reason.startswith(refusals.TLS) else reason] += number
    return by_one(found.items())


def _dialogs(edge: "Edge") -> Samples:
    return by_one(
        (
            ("subscription", len(edge.subscriptions)),
            ("backend", edge.backends.dialogs()),
            ("csta", len(edge.telephony.sessions)),
            ("call", len(edge.legs)),
        )
    )


def _beside(edge: "Edge") -> Samples:
    siblings = edge.siblings
    return by_one((("out", siblings.passed), ("in", siblings.taken))) if siblings is not None else ()


def _reached(edge: "Edge") -> Samples:
    return one(len(edge.siblings.there) if edge.siblings is not None else 0)


def _queues(edge: "Edge") -> Samples:
    return by_one(
        (
            ("requests", edge.peers.requests.total),
            ("commit", len(edge.committer)),
            ("notify", len(edge.notifier)),
            ("unwritten", len(edge.subscriptions.unwritten)),
            ("datagrams", edge.network.queued),
        )
    )


def _transactions(edge: "Edge") -> Samples:
    return by_one(zip(("server", "client"), edge.stack.held, strict=True))


def _calls(edge: "Edge") -> Samples:
    telephony = edge.telephony
    return by_one((("simulated", len(telephony.switch.model.calls)), ("sip", len(edge.switch.model.calls))))


def _monitors(edge: "Edge") -> Samples:
    return one(sum(len(association.monitors) for association in edge.telephony.gateway.associations()))


def _certificates(edge: "Edge") -> Samples:
    files = edge.network.certificates.files
    return (
        ((refusals.printable(name),), facts.expires_at.timestamp())
        for name, facts in files.items()
        if facts.expires_at is not None
    )


def _count(things: Iterable[str]) -> Samples:
    return by_one(Counter(things).items())


FAMILIES: "Final[tuple[Family[Edge], ...]]" = (
    Family(
        "cups_edge_info", GAUGE, ("edge",), "Always 1; says which edge this is.",
        lambda edge: by_one([(edge.name, 1)]),
    ),
    # Messages and transactions
    Family(
        "cups_sip_messages_received", COUNTER, (), "Messages that came in, repetitions and answers included.",
        lambda edge: one(edge.stack.counters["received"]),
    ),
    Family(
        "cups_sip_requests_received", COUNTER, ("method", "role"),
        "Requests that came in, each once, by the role of the listener; an ACK only where it stands for itself.",
        lambda edge: edge.dispatcher.requests.items(),
    ),
    Family(
        "cups_sip_answers_sent", COUNTER, ("method", "code"), "Answers to them, provisional ones too, each once.",
        _answers,
    ),
    Family(
        "cups_sip_requests_sent", COUNTER, ("method", "outcome"),
        "Requests of our own or passed on that have ended: with a final answer (2xx to 6xx), without one (timeout), "
        "or with their connection (lost).",
        lambda edge: edge.stack.outcomes.items(),
    ),
    Family(
        "cups_sip_repetitions_received", COUNTER, (), "Requests that came again: an answer was late or was lost.",
        lambda edge: one(edge.stack.counters["repetitions"]),
    ),
    Family(
        "cups_sip_stray_answers", COUNTER, (), "Answers to nothing that is waited for.",
        lambda edge: one(edge.stack.counters["strays"]),
    ),
    Family(
        "cups_sip_transactions", GAUGE, ("side",),
        "Transactions that are held: server for others' requests, client for ours.", _transactions,
    ),
    Family(
        "cups_sip_refusals", COUNTER, ("reason",), "What was refused or dropped; TLS is any handshake that failed.",
        _refusals,
    ),
    Family(
        "cups_sip_connections", GAUGE, ("transport",), "Connections that are open.",
        lambda edge: by_one(edge.network.connections.by_transport().items()),
    ),
    Family(
        "cups_sip_connections_half_open", GAUGE, (), "Handshakes and messages that have begun and not ended.",
        lambda edge: one(edge.peers.half_open.total),
    ),
    Family(
        "cups_edge_processes_beside", GAUGE, (), "Processes that share the addresses of this one and can be reached.",
        _reached,
    ),
    Family(
        "cups_edge_messages_passed", COUNTER, ("direction",),
        "Messages that went to the process beside this one which has the user (out), or came from there (in).",
        _beside,
    ),
    # What is held
    Family("cups_edge_dialogs", GAUGE, ("kind",), "Dialogs: subscription, backend, csta, call.", _dialogs),
    Family(
        "cups_edge_subscriptions", GAUGE, (), "Subscriptions of watchers that this edge looks after.",
        lambda edge: one(len(edge.subscriptions)),
    ),
    Family(
        "cups_edge_bindings", GAUGE, (), "Contacts of registered users in memory.",
        lambda edge: one(len(edge.registrar)),
    ),
    Family(
        "cups_edge_presentities", GAUGE, (), "Presentities in memory.", lambda edge: one(len(edge.personas)),
    ),
    Family(
        "cups_edge_publications", GAUGE, (), "Publications in memory: those of the presentities that are there.",
        lambda edge: one(edge.personas.publications),
    ),
    Family(
        "cups_edge_backend_subscriptions", GAUGE, ("state",), "Subscriptions of this edge at foreign servers.",
        lambda edge: _count(edge.backends.states()),
    ),
    Family(
        "cups_edge_messenger_logins", GAUGE, ("kind",), "Log-ins to the messenger and to the phone pages.",
        lambda edge: _count(edge.agents.kinds()),
    ),
    Family(
        "cups_edge_adopted", COUNTER, ("kind",),
        "Taken over from edges that are gone: subscriptions, and backends at foreign servers, that go on; "
        "subscriptions (ended) and bindings that ended with their connections.",
        lambda edge: by_one(edge.adoption.numbers.items()),
    ),
    # Notifying
    Family("cups_notify_sent", COUNTER, (), "NOTIFYs sent to watchers.", lambda edge: one(edge.notifier.sent)),
    Family(
        "cups_notify_coalesced", COUNTER, (),
        "Times that a watcher's turn had to wait; what is new goes with the next NOTIFY.",
        lambda edge: one(edge.notifier.coalesced),
    ),
    Family(
        "cups_notify_failed", COUNTER, ("reason",), "NOTIFYs without success: timeout, lost connection, refused.",
        lambda edge: by_one(edge.notifier.failures.items()),
    ),
    # Working
    Family(
        "cups_edge_queue", GAUGE, ("queue",),
        "What waits: requests being handled, plans to commit, watchers to notify, subscriptions whose row is behind, "
        "datagrams to send.",
        _queues,
    ),
    Family(
        "cups_commit_batch_plans", HISTOGRAM, (), "Plans that were written in one transaction.",
        lambda edge: one(edge.committer.sizes),
    ),
    Family(
        "cups_commit_duration_seconds", HISTOGRAM, (), "Time of such a transaction.",
        lambda edge: one(edge.committer.durations),
    ),
    Family(
        "cups_commit_conflicts", COUNTER, (), "Plans that lost their race against another change.",
        lambda edge: one(edge.committer.conflicts),
    ),
    Family(
        "cups_edge_loop_lag_seconds", HISTOGRAM, (), "How late the edge comes to what is due, measured twice a second.",
        lambda edge: one(edge.metrics.lag),
    ),
    Family(
        "cups_edge_expiry_lag_seconds", HISTOGRAM, (), "How long subscriptions were over when the edge ended them.",
        lambda edge: one(edge.metrics.overdue),
    ),
    Family(
        "cups_edge_database_up", GAUGE, (), "1 while changes can be written, 0 while the database is away.",
        lambda edge: one(edge.committer.healthy),
    ),
    Family(
        "cups_edge_bus_up", GAUGE, (), "1 while the bus is heard, 0 while it is away or none is configured.",
        lambda edge: one(edge.hints.up),
    ),
    # Telephony
    Family(
        "cups_csta_associations", GAUGE, (), "CSTA clients that are connected.",
        lambda edge: one(len(edge.telephony.gateway.associations())),
    ),
    Family("cups_csta_monitors", GAUGE, (), "Monitors that they have started.", _monitors),
    Family(
        "cups_csta_calls", GAUGE, ("switch",), "Calls: of the simulated switch, and of registered phones (sip).", _calls
    ),
    Family(
        "cups_csta_events", COUNTER, (), "Events that were sent to CSTA clients.",
        lambda edge: one(edge.telephony.gateway.events),
    ),
    # The rest
    Family("cups_trace_messages", GAUGE, (), "Messages in the signalling trace.", lambda edge: one(len(edge.trace))),
    Family("cups_trace_bytes", GAUGE, (), "Memory that they take.", lambda edge: one(edge.trace.held)),
    Family(
        "cups_certificate_expiry_timestamp_seconds", GAUGE, ("file",), "When a certificate runs out, in Unix time.",
        _certificates,
    ),
)  # fmt: skip
"Every metric of an edge."

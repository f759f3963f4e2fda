"""What the Celery worker counts: tasks by name and outcome, their time, and how long they waited (docs/metrics.md).

The worker answers Prometheus at CUPS_METRICS_LISTEN, in a thread with a loop of its own. With Celery's prefork pool
the tasks run in processes that only PROMETHEUS_MULTIPROC_DIR brings together; `./run start` uses threads.
"""

import asyncio
import threading
import time
from typing import Any, Final

import structlog
from celery.signals import before_task_publish, task_postrun, task_prerun
from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics

from cups_site import health
from cups_site.metrics.exposition import exposition
from sipedge.metrics.responder import Responder

log = structlog.get_logger(__name__)

disable_created_metrics()

REGISTRY: Final = CollectorRegistry()

SENT_AT = "cups_sent_at"
"Header of a task's message: Unix time at which it was sent."

DURATIONS = (0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"Seconds of a task, up to the limit that is set for all."

WAITS = (0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
"Seconds in the queue: beat's shortest interval is two, and what waits for longer is late."

FAILURE = "failure"

STATES: Final = {"SUCCESS": "success", "RETRY": "retry"}
"Outcomes by Celery's states; all other states are failures."

OUTCOMES = (*STATES.values(), FAILURE)

FINISHED = Counter(
    "cups_tasks", "Tasks that have ended: success, failure, or retry.", ("task", "outcome"), registry=REGISTRY
)
SECONDS = Histogram(
    "cups_task_duration_seconds", "Time that a task took.", ("task",), registry=REGISTRY, buckets=DURATIONS
)
WAITED = Histogram(
    "cups_task_wait_seconds", "Time from the sending of a task to its start.", registry=REGISTRY, buckets=WAITS
)

_began: dict[str, float] = {}
"Start of the tasks that run, by id."


@before_task_publish.connect
def _note_sending(headers: dict[str, Any], **_: object) -> None:
    headers[SENT_AT] = time.time()


@task_prerun.connect
def _note_start(task_id: str, task: Any, **_: object) -> None:
    _began[task_id] = time.perf_counter()
    for outcome in OUTCOMES:
        FINISHED.labels(task.name, outcome)  # from zero on: the first failure is an increase
    sent_at = task.request.get(SENT_AT)
    if isinstance(sent_at, float):
        WAITED.observe(max(0.0, time.time() - sent_at))  # clocks of two machines differ


@task_postrun.connect
def _note_end(task_id: str, task: Any, state: str | None, **_: object) -> None:
    began = _began.pop(task_id, None)
    if began is not None:
        SECONDS.labels(task.name).observe(time.perf_counter() - began)
    FINISHED.labels(task.name, STATES.get(state or "", FAILURE)).inc()


def serve() -> None:
    """Answer Prometheus from now on, if CUPS_METRICS_LISTEN says where."""
    if settings.CUPS_METRICS_LISTEN is not None:
        threading.Thread(target=asyncio.run, args=(_serve(*settings.CUPS_METRICS_LISTEN),), daemon=True).start()


async def _checks() -> dict[str, bool | None]:
    return await asyncio.to_thread(health.checks)


async def _serve(host: str, port: int) -> None:
    ProcessCollector(registry=REGISTRY)
    try:
        await Responder(lambda: exposition(REGISTRY), _checks, settings.CUPS_METRICS_TOKEN).open(host, port)
    except OSError as error:
        log.error("metrics are not served: CUPS_METRICS_LISTEN cannot be opened", error=str(error))
        return
    await asyncio.Event().wait()

"""Imports in the background; each task is safe to run twice and to run late."""

import structlog
from celery import shared_task
from django.db import transaction
from kombu.exceptions import OperationalError

from provisioning.bulk import running

log = structlog.get_logger(__name__)

LONGEST = 24 * 3600
"Seconds: a hundred thousand PINs take some hours of hashing."


@shared_task(time_limit=LONGEST)
def run_import(pk: int) -> str:
    """Carry an import through, unless another run has it."""
    return running.run(pk)


@shared_task
def tend_imports() -> int:
    """Take up imports whose run has died or never began; returns their number."""
    found = running.forsaken()
    for pk in found:
        start(pk)
    return len(found)


@shared_task
def forget_imports() -> None:
    """Delete files that nobody applied, and secrets that only undoing would need."""
    running.forget()


def start(pk: int) -> None:
    """Hand an import to a worker once it is committed; where the broker is away the next look finds it."""

    def hand_over() -> None:
        try:
            run_import.apply_async((pk,), retry=False)
        except (OperationalError, OSError) as error:
            log.warning("an import waits for the broker", id=pk, error=type(error).__name__)

    transaction.on_commit(hand_over)

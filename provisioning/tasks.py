"""What the worker does for provisioning; each task is safe to run twice and to run late."""

import structlog
from celery import shared_task
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from provisioning import answers
from provisioning.bulk import running
from provisioning.directories import runs
from provisioning.history import keeping

log = structlog.get_logger(__name__)

LONGEST_SYNCHRONISATION = 3600
"Seconds: 200,000 entries from a slow server."

LONGEST_IMPORT = 24 * 3600
"Seconds: a hundred thousand PINs take some hours of hashing."


@shared_task
def sync_due_directories() -> int:
    """Start what is due; returns how many."""
    return runs.start_due(timezone.now())


@shared_task(time_limit=LONGEST_SYNCHRONISATION)
def sync_directory(run: int) -> None:
    """Do the synchronisation of this row; nothing when somebody else has begun it."""
    runs.perform(run)


@shared_task(time_limit=LONGEST_IMPORT)
def run_import(pk: int) -> str:
    """Carry an import through, unless another run has it."""
    return running.run(pk)


@shared_task
def tend_imports() -> int:
    """Take up imports whose run has died or never began; returns their number."""
    found = running.forsaken()
    for pk in found:
        start_import(pk)
    return len(found)


@shared_task
def forget_imports() -> None:
    """Delete files that nobody applied, and secrets that only undoing would need."""
    running.forget()


@shared_task
def sweep_answers() -> int:
    """Forget answers that are not given again any more; returns how many."""
    return answers.sweep(timezone.now())


@shared_task
def sweep_history() -> int:
    """Delete versions that are old enough; returns how many."""
    return keeping.sweep(timezone.now())


def start_import(pk: int) -> None:
    """Hand an import to a worker once it is committed; where the broker is away the next look finds it."""

    def hand_over() -> None:
        try:
            run_import.apply_async((pk,), retry=False)
        except (OperationalError, OSError) as error:
            log.warning("an import waits for the broker", id=pk, error=type(error).__name__)

    transaction.on_commit(hand_over)

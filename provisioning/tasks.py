"""What the worker does for provisioning: directories whose time has come, or that somebody asks for, and tidying up."""

from celery import shared_task
from django.utils import timezone

from provisioning import answers
from provisioning.directories import runs

LONGEST_RUN = 3600
"Seconds of one synchronisation at most: 200,000 entries from a slow server."


@shared_task
def sync_due_directories() -> int:
    """Start what is due; returns how many. Safe to run twice and to run late."""
    return runs.start_due(timezone.now())


@shared_task(time_limit=LONGEST_RUN)
def sync_directory(run: int) -> None:
    """Do the synchronisation of this row; nothing when somebody else has begun it."""
    runs.perform(run)


@shared_task
def sweep_answers() -> int:
    """Forget answers that are not given again any more; returns how many. Safe to run twice and to run late."""
    return answers.sweep(timezone.now())

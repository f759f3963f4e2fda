"""What the worker does for provisioning: directories whose time has come, and those that somebody asks for."""

from celery import shared_task
from django.utils import timezone

from provisioning.directories import runs

LIMIT = 3600
"Seconds of one synchronisation at most: 200,000 entries from a slow server."


@shared_task
def sync_due_directories() -> int:
    """Start what is due; returns how many. Safe to run twice and to run late."""
    return runs.start_due(timezone.now())


@shared_task(time_limit=LIMIT)
def sync_directory(run: int) -> None:
    """Do the synchronisation of this row; nothing when somebody else has begun it."""
    runs.perform(run)

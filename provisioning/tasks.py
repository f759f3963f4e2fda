"""What Celery does for provisioning."""

from celery import shared_task
from django.utils import timezone

from provisioning.history import keeping


@shared_task
def sweep_history() -> int:
    """Delete versions that are old enough; returns how many."""
    return keeping.sweep(timezone.now())

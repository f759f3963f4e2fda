"""What a worker tidies up for provisioning."""

from celery import shared_task
from django.utils import timezone

from provisioning import answers


@shared_task
def sweep_answers() -> int:
    """Forget answers that are not given again any more; returns how many. Safe to run twice and to run late."""
    return answers.sweep(timezone.now())

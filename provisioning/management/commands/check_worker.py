"""`manage.py check_worker`: is a Celery worker there, and can it work? For supervisors and load balancers."""

from typing import Any

from celery import current_app
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from kombu.exceptions import OperationalError

from provisioning import bus
from provisioning.migrated import unapplied

PATIENCE = 5.0
"Seconds that the workers have to answer."


class Command(BaseCommand):
    """Asks the workers over the broker; the exit status tells."""

    help = "Say whether a Celery worker is there and has what it needs; exit status 0 or 1."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Database, bus, then the workers themselves."""
        try:
            missing = unapplied()
        except Error:
            raise CommandError("the database does not answer") from None
        if missing:
            raise CommandError(f"the database lacks migrations: {', '.join(missing)}")
        if not settings.VALKEY_URL:
            raise CommandError("no bus is configured, so no worker can be asked: set VALKEY_URL")
        if not bus.reachable():
            raise CommandError("the bus does not answer")
        try:
            answers = current_app.control.ping(timeout=PATIENCE, limit=1)
        except (OperationalError, OSError) as error:
            raise CommandError(f"the bus does not answer: {error}") from None
        if not answers:
            raise CommandError("no worker has answered")
        self.stdout.write("worker ready: " + ", ".join(sorted(name for answer in answers for name in answer)))

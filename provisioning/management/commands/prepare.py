"""`manage.py prepare`: what has to be there before the processes start; one process, since each start costs seconds."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


class Command(BaseCommand):
    """Migrates, loads the demonstration into an empty database, makes certificates; prints the log-ins."""

    help = "Bring the database up to date and print who can log in."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what is needed, and only that."""
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", verbosity=0, interactive=False)
        call_command("first_admin", stdout=self.stdout)
        if settings.CUPS_DEMO:
            call_command("load_demo", stdout=self.stdout)
        call_command("make_certificates", stdout=self.stdout)

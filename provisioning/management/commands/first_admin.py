"""`manage.py first_admin`: the first administrator, `admin`, with the password of CUPS_ADMIN_PASSWORD."""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Makes the administrator when there is none; says how to log in."""

    help = "Create the first administrator unless there is one."

    def handle(self, *args: Any, **options: Any) -> None:
        """Create, and print the log-in once."""
        users = get_user_model().objects
        if users.filter(is_superuser=True).exists():
            self.stdout.write("log-in  as before")
            return
        password = settings.CUPS_ADMIN_PASSWORD
        if not password:
            raise CommandError("CUPS_ADMIN_PASSWORD is not set")
        users.create_superuser("admin", password=password)
        self.stdout.write(f"log-in  admin   password {password}")

"""`manage.py backup FILE`: all that the database holds, while everything runs (docs/operations.md)."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.utils import timezone

from sipedge.backup.file import BadBackup
from sipedge.backup.saving import save


class Command(BaseCommand):
    """Writes a backup, readable for its owner only."""

    help = "Back the database up into a file; may run while the product is up."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """FILE, and what is wanted."""
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--keys", action="store_true", help="with the secret key and the certificates of the data directory"
        )
        parser.add_argument(
            "--without-soft-state", action="store_true",
            help="leave out what clients bring again: publications, subscriptions, registrations, log-ins",
        )  # fmt: skip
        parser.add_argument("--force", action="store_true", help="replace FILE if it is there")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write, and say what there is."""
        path: Path = options["file"]
        try:
            manifest = save(
                path, now=timezone.now(), soft_state=not options["without_soft_state"], keys=options["keys"],
                replace=options["force"],
            )  # fmt: skip
        except BadBackup as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from None
        except Error as error:
            raise CommandError(f"the database cannot be read: {str(error).splitlines()[0]}") from None
        keys = sum(name.startswith("keys/") for name in manifest.members)
        self.stdout.write(
            f"{path}: {sum(manifest.rows.values())} rows of {len(manifest.rows)} tables"
            + (f", {keys} files with keys" if keys else "")
        )

"""`manage.py restore FILE`: bring a database to what a backup says (docs/operations.md)."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.utils import timezone

from sipedge.backup.file import BadBackup
from sipedge.backup.restoring import restore


class Command(BaseCommand):
    """Restores a backup into an empty database, SQLite or PostgreSQL, whatever it was made from."""

    help = "Restore a backup; all edges, the web process and the worker are stopped before."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """FILE, and what is allowed."""
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--force", action="store_true", help="replace what the database (and the data directory) holds"
        )
        parser.add_argument(
            "--migrate", action="store_true", help="take a backup of an older version, and bring it up to date"
        )
        parser.add_argument(
            "--keys", action="store_true", help="also the secret key and certificates that the backup holds"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore, and say what there is."""
        path: Path = options["file"]
        try:
            reader = restore(
                path, now=timezone.now(), force=options["force"], migrate=options["migrate"], keys=options["keys"]
            )
        except BadBackup as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{error.filename or path}: {error.strerror}") from None
        except Error as error:
            raise CommandError(f"the database cannot be used: {str(error).splitlines()[0]}") from None
        manifest = reader.manifest
        self.stdout.write(
            f"restored {sum(manifest.rows.values())} rows of {len(manifest.rows)} tables, made at {manifest.made_at} "
            f"from {manifest.database} by version {manifest.version}"
        )
        if reader.keys and not options["keys"]:
            self.stdout.write("keys in the file were left there; --keys restores them too")

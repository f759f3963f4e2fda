"""`manage.py export_users FILE`: what import_users takes, from the database; without secrets (docs/import.md)."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from provisioning.bulk import writing
from provisioning.bulk.documents import CSV, BadDocument, format_of
from provisioning.bulk.files import FIRST
from provisioning.bulk.kinds import KINDS


class Command(BaseCommand):
    """Exports to a file; its ending says in which format."""

    help = "Export tables to a .csv, .xlsx or .json file. A CSV file holds one table."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """FILE, --table."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--table", choices=list(KINDS), help="only this table (default: all; users for CSV)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file."""
        path: Path = options["file"]
        try:
            form = format_of(path.name)
            names = [options["table"]] if options["table"] else [FIRST] if form == CSV else list(KINDS)
            path.write_bytes(writing.exported(form, names))
        except BadDocument as error:
            raise CommandError(f"{path}: {error}") from None
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from None
        self.stdout.write(f"{path}: {', '.join(names)}")

"""`manage.py import_users FILE`: bring tables of users, lists, access lists, mappings and lines (docs/import.md)."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from provisioning.bulk import imports, running
from provisioning.bulk.documents import MAX_FILE, BadDocument
from provisioning.models import Import

SHOWN = 50
"Errors that are printed; all of them stand in the report in the admin."


class Command(BaseCommand):
    """Imports a file here and now, without a worker; edges take it over at once."""

    help = "Import tables as CSV, XLSX or JSON. All or nothing, unless --partial is given."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """FILE, --dry-run, --partial."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="say what would change, change nothing")
        parser.add_argument("--partial", action="store_true", help="take the good rows, report the bad ones")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import and report."""
        path: Path = options["file"]
        mode = Import.Mode.PARTIAL if options["partial"] else Import.Mode.ALL
        try:
            with path.open("rb") as file:
                content = file.read(MAX_FILE + 1)
            of = imports.bring(content, path.name, mode=mode, dry_run=options["dry_run"], user=None, who="command line")
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from None
        except (BadDocument, imports.NotNow) as error:
            raise CommandError(f"{path}: {error}") from None
        running.run(of.pk)
        of.refresh_from_db()
        self._report(of, options["dry_run"])

    def _report(self, of: Import, dry_run: bool) -> None:
        for row in of.rows.filter(outcome="bad")[:SHOWN]:
            for column, text in row.errors:
                self.stderr.write(f"{row.kind}, row {row.number}, {column or 'row'}: {text}")
        if of.bad > SHOWN:
            self.stderr.write(f"and {of.bad - SHOWN} more rows")
        self.stdout.write(f"{of.created} created, {of.changed} changed, {of.unchanged} as they were, {of.bad} wrong")
        if dry_run and of.state == Import.State.CHECKED:
            imports.cancel(of)
            self.stdout.write("nothing was changed (dry run)")
        elif of.state != Import.State.DONE:
            raise CommandError(of.message or f"the import is {of.get_state_display()}")

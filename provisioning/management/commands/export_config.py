"""`manage.py export_config [FILE]`: everything that is provisioned, as a provisioning file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from provisioning.importing.exporting import lines


class Command(BaseCommand):
    """Writes it to a file or to standard output."""

    help = "Write all provisioning as a file that `apply` reads: sorted, without secrets."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """FILE."""
        parser.add_argument("file", type=Path, nargs="?", help="standard output without it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write what is there, table by table; no transaction, so that on SQLite nobody has to wait to write."""
        text = "\n".join(lines()) + "\n"
        path: Path | None = options["file"]
        if path is None:
            self.stdout.write(text, ending="")
            return
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from None

"""`manage.py apply FILE`: bring provisioning to what a file says (docs/provisioning-file.md)."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from provisioning.history.doors import Door, acting
from provisioning.importing.apply import apply
from provisioning.importing.grammar import BadFile, read

DIFFERS = 2
"Exit status of --diff where the tables are not what the file says; mistakes in the file are 1."


class Command(BaseCommand):
    """Applies a provisioning file; edges take it over at once."""

    help = "Apply a provisioning file (YAML). Idempotent; may run while the product is up."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """FILE, --dry-run, --diff."""
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--diff", action="store_true",
            help=f"say object by object what would change, change nothing; exit status {DIFFERS} when something would",
        )  # fmt: skip
        parser.add_argument("--dry-run", action="store_true", help="say what would change, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Apply and report."""
        path: Path = options["file"]
        try:
            text = path.read_text(encoding="utf-8")
            with acting(Door.FILE, name=path.name):
                report = apply(read(text), dry_run=options["dry_run"] or options["diff"])
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CommandError(f"{path}: not UTF-8") from None
        except BadFile as error:
            raise CommandError(f"{path}: {error}") from None
        if options["diff"]:
            for difference in report.differences:
                self.stdout.write(str(difference))
            if report.differences:
                raise SystemExit(DIFFERS)
            return
        for line in report.lines():
            self.stdout.write(line)
        if options["dry_run"]:
            self.stdout.write("nothing was changed (dry run)")

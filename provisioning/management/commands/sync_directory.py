"""`manage.py sync_directory NAME`: bring the users of a directory up to date, or say what would change."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from provisioning.choices import RunState
from provisioning.directories import runs
from provisioning.models import Directory


class Command(BaseCommand):
    """Does it in this process, and prints what has become of whom."""

    help = "Synchronise the users of a directory (LDAP)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """NAME, --dry-run, --confirm."""
        parser.add_argument("name")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, change nothing")
        parser.add_argument("--confirm", action="store_true", help="whatever share of the users may vanish")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run and report; the exit status is 1 when nothing was done."""
        directory = Directory.objects.filter(name=options["name"]).first()
        if directory is None:
            names = ", ".join(Directory.objects.values_list("name", flat=True)) or "there is none"
            raise CommandError(f"no directory {options['name']} ({names})")
        try:
            run = runs.begin(
                directory, started_by="sync_directory", dry=options["dry_run"], confirmed=options["confirm"]
            )
        except runs.Busy as error:
            raise CommandError(str(error)) from None
        runs.perform(run.pk)
        run.refresh_from_db()
        for change in run.changes:
            self.stdout.write(line(change))
        self.stdout.write(", ".join(f"{name} {count}" for name, count in run.counts.items()))
        if run.state == RunState.HELD:
            raise CommandError(f"{run.error} Nothing was changed; --confirm does it.")
        if run.state != RunState.DONE:
            raise CommandError(run.error)
        if run.dry:
            self.stdout.write("nothing was changed (dry run)")


def line(change: dict[str, Any]) -> str:
    """One change on one line."""
    fields = "; ".join(
        f"{name}: {_value(old)} -> {_value(new)}" for name, (old, new) in change.get("fields", {}).items()
    )
    about = change["user"] or change["entry"]
    return " ".join(filter(None, [f"{change['what']:9}", about, fields, change.get("reason", "")]))


def _value(value: Any) -> str:
    return ", ".join(value) or "-" if isinstance(value, list) else "-" if value in (None, "") else str(value)

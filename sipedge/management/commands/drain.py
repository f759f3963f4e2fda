"""`manage.py drain EDGE`: take an edge out of service so that nobody notices (docs/operations.md)."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from presence import draining
from presence.models import EdgeLease
from provisioning import asking

LOOK = 1.0
"Seconds between two lines of progress."

GONE = 30.0
"Seconds beyond the patience within which a drained edge has left."


class Command(BaseCommand):
    """Drains an edge, says how far it is, and waits until it has gone."""

    help = "Drain an edge: no new dialogs, watchers go to the other edges, then it ends in order."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """EDGE, and how."""
        parser.add_argument("edge", help="its name, as in CUPS_EDGE_NAME and on the page Edges")
        parser.add_argument(
            "--patience", type=int, default=draining.PATIENCE, help="seconds for calls and transactions to end"
        )
        parser.add_argument(
            "--restart", action="store_true", help="whoever supervises it starts it again, as after an update"
        )
        parser.add_argument("--no-wait", action="store_true", help="begin, and do not wait for the end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask again and again until it has gone."""
        edge, patience = options["edge"], options["patience"]
        if not 0 <= patience <= draining.LONGEST:
            raise CommandError(f"--patience: expected 0 to {draining.LONGEST} seconds")
        lease = EdgeLease.objects.filter(edge=edge).first()
        if lease is None:
            raise CommandError(f"there is no edge {edge}; there are: {_names()}")
        began, said = time.monotonic(), ""
        limit = began + patience + GONE
        while time.monotonic() < limit:
            try:
                progress = draining.drain(edge, patience=patience, restart=options["restart"])
            except asking.NotHeard:
                if not said:
                    raise CommandError(f"edge {edge} does not listen; is it running, and on this bus?") from None
                left = EdgeLease.objects.filter(edge=edge, clean=True).first()
                if left is not None:
                    if left.draining:
                        self.stdout.write(_words(left.report["drain"]))
                    self.stdout.write(f"{edge} is drained")
                    return
            except (asking.NoAnswer, asking.Refused) as error:
                if not said:
                    raise CommandError(str(error)) from None
            else:
                line = _words(progress)
                if line != said:
                    self.stdout.write(line)
                    self.stdout.flush()
                said = line
                if options["no_wait"]:
                    return
            time.sleep(LOOK)
        raise CommandError(f"edge {edge} has not left in time; see its log")


def _words(progress: dict[str, Any]) -> str:
    return (
        f"{progress['step'] or 'beginning'}: {progress['handed_over']} subscriptions handed over, "
        f"{progress['ended']} ended, "
        f"{progress['kept']} kept for its successor; {progress['calls']} calls"
    )


def _names() -> str:
    return ", ".join(EdgeLease.objects.values_list("edge", flat=True)) or "none"

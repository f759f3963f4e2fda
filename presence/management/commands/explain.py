"""`manage.py explain WATCHER PRESENTITY`: what the watcher sees now, and why, as text."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from presence import explaining
from presence.explanation import ANSWERS, Explanation
from presence.xml_text import pretty
from provisioning.uri import Aor, BadUri


class Command(BaseCommand):
    """Prints the steps."""

    help = "Print what a watcher sees of a presentity now, and why, step by step."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Who asks for whom, and with what."""
        parser.add_argument("watcher", help="address of the watcher")
        parser.add_argument("presentity", help="address of a user, a list or a foreign presentity")
        parser.add_argument(
            "--user-agent", default="", help="the watcher's client; else that of its newest live subscription"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        if len(options["user_agent"]) > explaining.CLIENT:
            raise CommandError(f"a User-Agent of more than {explaining.CLIENT} characters")
        watcher, uri = _aor("watcher", options["watcher"]), _aor("presentity", options["presentity"])
        self.stdout.write(as_text(explaining.explain(watcher, uri, options["user_agent"], timezone.now())))


def as_text(found: Explanation) -> str:
    """An explanation for a terminal."""
    lines = []
    for title, steps in found.chapters():
        lines.append(title)
        for number, step in steps:
            lines.append(f"{number:4}. {step.text}" + (f" [{step.statement}]" if step.statement else ""))
            lines += [f"      - {name}: {value}" for name, value in step.details]
        lines.append("")
    lines.append(f"{found.label or ANSWERS[found.answer]}: {found.question.watcher} → {found.question.uri}")
    if found.body:
        lines += ["", pretty(found.body)]
    return "\n".join(lines)


def _aor(name: str, text: str) -> Aor:
    try:
        return Aor.parse(text)
    except BadUri as error:
        raise CommandError(f"{name}: {error}") from None

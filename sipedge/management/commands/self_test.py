"""`manage.py self_test`: the guide's examples EX-1 to EX-6 against the running edge, by users made for it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sipedge.selftest.client import Failed
from sipedge.selftest.run import proxy, run


class Command(BaseCommand):
    """Says pass or fail for each example; the exit status tells as well."""

    help = "Play the guide's examples against a running edge, with users that exist for a moment only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where, if not at the first UDP listener in the proxy role."""
        parser.add_argument("--proxy", help="host:port of a UDP proxy listener (default: the first one provisioned)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Play them."""
        try:
            address = _address(options["proxy"]) if options["proxy"] else proxy()
            results = run(address, self.stdout.write if options["verbosity"] > 1 else lambda line: None)
        except Failed as error:
            raise CommandError(str(error)) from None
        for example, problem, seconds in results:
            verdict = self.style.ERROR("FAIL") if problem else self.style.SUCCESS("pass")
            self.stdout.write(f"{verdict} {example.id} {example.title} ({', '.join(example.proves)}) {seconds:.2f} s")
            if problem:
                self.stdout.write(f"     {problem}")
        if any(result.problem for result in results):
            raise CommandError("not all examples have passed")


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise CommandError(f"“{text}” is not host:port")
    return host.strip("[]"), int(port)

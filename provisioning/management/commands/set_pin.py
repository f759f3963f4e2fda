"""`manage.py set_pin USER`: the PIN with which a user signs in to the phone pages (docs/phone-pages.md)."""

from argparse import ArgumentParser
from getpass import getpass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from provisioning.history.doors import Door, acting
from provisioning.models import Persona
from provisioning.uri import Aor, BadUri


class Command(BaseCommand):
    """Sets a PIN, which is kept as a hash."""

    help = "Set the PIN of a user for the phone pages."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """USER, and the PIN unless it is asked for."""
        parser.add_argument("user", help="any address of the user")
        parser.add_argument("--pin", help="4 to 12 digits; asked for when it is not given, so that no history keeps it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Find the user, ask, and set."""
        try:
            persona = Persona.objects.filter(aliases__uri=Aor.parse(options["user"])).first()
        except BadUri as error:
            raise CommandError(str(error)) from None
        if persona is None:
            raise CommandError(f"no user {options['user']}")
        try:
            persona.set_pin(options["pin"] if options["pin"] is not None else getpass("PIN: "))
        except ValidationError as error:
            raise CommandError(error.messages[0]) from None
        with acting(Door.COMMAND, name="set_pin"):
            persona.save(update_fields=["pin"])
        self.stdout.write(f"{persona.aor} has a new PIN")

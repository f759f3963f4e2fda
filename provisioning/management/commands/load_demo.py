"""`manage.py load_demo`: a small cast to try the product with, on an empty database."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from provisioning.digests import digests
from provisioning.history.doors import Door, acting
from provisioning.importing import apply as importing
from provisioning.importing.apply import apply
from provisioning.importing.grammar import read
from provisioning.models import Domain, Persona
from provisioning.uri import Aor

FILE = Path(importing.__file__).with_name("demo.yaml")


class Command(BaseCommand):
    """Loads the demonstration's domains and users unless there is a domain already."""

    help = "Load the demonstration's users into an empty database."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load and print who can log in."""
        root = read(FILE.read_text(encoding="utf-8"))
        if not Domain.objects.exists():
            with acting(Door.FILE, name=FILE.name):
                apply(root)
        for entry in root.values["users"]:
            aor, password = Aor.parse(entry.values["uri"]), entry.values["password"]
            persona = Persona.objects.filter(aor=aor).first()
            if persona is not None and persona.md5 == digests(aor.user, aor.host, password).md5:
                self.stdout.write(f"user    {aor}   password {password}")

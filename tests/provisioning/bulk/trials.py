"""Imports in tests: a file is brought and carried through at once."""

from typing import Any

from provisioning.bulk import imports, running
from provisioning.models import Domain, Import, Persona

DOMAIN = "example.org"


def carried(content: bytes | str, name: str = "users.csv", **options: Any) -> Import:
    """Bring a file and run it; the import afterwards."""
    data = content.encode() if isinstance(content, str) else content
    options = {"mode": "partial", "dry_run": False, "user": None, "who": "test", **options}
    of = imports.bring(data, name, **options)
    running.run(of.pk)
    of.refresh_from_db()
    return of


def undone(of: Import, *, force: bool = False) -> Import:
    """Undo it."""
    imports.undo(of, force=force)
    running.run(of.pk)
    of.refresh_from_db()
    return of


def wrong(of: Import) -> list[tuple[int, str, str]]:
    """Row, column and text of everything that is wrong."""
    return [(row.number, column, text) for row in of.rows.filter(outcome="bad") for column, text in row.errors]


def user(part: str, **values: Any) -> Persona:
    """A user who is there already."""
    domain, _ = Domain.objects.get_or_create(name=DOMAIN)
    made = Persona(domain=domain, user=part, **values)
    made.save()
    return made

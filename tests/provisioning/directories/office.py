"""A directory without a server: entries by hand, as the adapter would give them."""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from provisioning.directories import planning, writing
from provisioning.directories.planning import Plan
from provisioning.models import Directory, Domain


@dataclass
class Entry:
    """What is needed of one."""

    dn: str
    values: dict[str, list[bytes]]


def entry(id: str, **values: str | bytes | list[str]) -> Entry:
    """An entry; its user part is its identifier unless it says another one."""
    said: dict[str, Any] = {"entryUUID": id, "uid": id, "cn": id.title(), **values}
    return Entry(
        f"uid={said['uid']!s}",
        {
            name.lower(): [one if isinstance(one, bytes) else one.encode() for one in listed(value)]
            for name, value in said.items()
        },
    )


def listed(value: Any) -> list[Any]:
    """One value, or some."""
    return value if isinstance(value, list) else [value]


def directory(**changes: Any) -> Directory:
    """One of users in d.example."""
    domain, _ = Domain.objects.get_or_create(name="d.example")
    values = {
        "name": "office", "server": "ldap://localhost", "base": "dc=d,dc=example", "domain": domain,
        "mail_attributes": "mail", "number_attributes": "telephoneNumber", **changes,
    }  # fmt: skip
    made = Directory(**values)
    made.full_clean()
    made.save()
    return made


def sync(which: Directory, *entries: Entry) -> Plan:
    """Compare and write, whatever share vanishes."""
    now = timezone.now()
    found = planning.plan(which, planning.read(which, entries), now)
    writing.write(which, found, now)
    return found


def told(plan: Plan) -> list[tuple[str, str]]:
    """What becomes of whom."""
    return [(change.what, change.user) for change in plan.changes if change.what]

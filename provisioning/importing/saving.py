"""The one way by which users come into the tables in bulk, from files and directories: aliases and history included."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from provisioning.history import recording
from provisioning.importing.tables import BATCH
from provisioning.models import Alias, Persona
from provisioning.uri import Aor

SECRETS = {"password": "md5", "PIN": "pin"}
"What the history calls a secret -> a column that is empty without it."


def create_users(fresh: Sequence[Persona]) -> None:
    """Write new users, with their address of record, which is free, among the aliases (D-01)."""
    with recording.together():
        Persona.objects.bulk_create(fresh, batch_size=BATCH)
        Alias.objects.bulk_create([Alias(uri=one.aor, persona=one) for one in fresh], batch_size=BATCH)
        recording.made(fresh, {name: [one for one in fresh if getattr(one, own)] for name, own in SECRETS.items()})


def change_users(
    changed: Sequence[Persona], columns: Sequence[str], secrets: Mapping[str, Collection[Persona]] | None = None
) -> None:
    """Write these columns of users; `secrets`: who has been given which, or has none any more."""
    with recording.together():
        Persona.objects.bulk_update(changed, columns, batch_size=BATCH // len(columns))
        for name, having in (secrets or {}).items():
            for word, there in (("set", True), ("removed", False)):
                found = [one for one in having if bool(getattr(one, SECRETS[name])) == there]
                recording.written(found, secrets={name: word})
        recording.written(changed)


def add_aliases(rows: Iterable[Alias]) -> None:
    """Write further addresses of users."""
    with recording.together():
        made = Alias.objects.bulk_create(rows, batch_size=BATCH)
        recording.written(made)
        recording.changed(Persona, [alias.persona_id for alias in made])


def taken(aors: Sequence[Aor]) -> list[Alias]:
    """The aliases among these addresses, with their users."""
    found: list[Alias] = []
    for start in range(0, len(aors), BATCH):
        found += Alias.objects.filter(uri__in=aors[start : start + BATCH]).select_related("persona")
    return found

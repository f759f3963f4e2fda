"""The one way by which users come into the tables in bulk, from files and directories: aliases and history included."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from django.db import connection

from provisioning.history import recording
from provisioning.importing.tables import BATCH
from provisioning.inserting import execute, insert
from provisioning.models import Alias, Persona
from provisioning.uri import Aor

SECRETS = {"password": "md5", "PIN": "pin"}
"What the history calls a secret -> a column that is empty without it."

PLAIN = ("name", "enabled", "publish_policy", "confirm_watchers", "offline_messages")
"Columns of a user that files change under the same names."

DIGESTS = ("md5", "sha256", "md5_full", "sha256_full", "pin")
"Columns with digests and hashes."


def create_users(fresh: Sequence[Persona]) -> None:
    """Write new users, with their address of record, which is free, among the aliases (D-01)."""
    with recording.together():
        insert(fresh)
        _lead((str(one.aor), str(one.aor)) for one in fresh)
        held = dict(_keys([one.aor for one in fresh]))
        for one in fresh:
            one.pk, one._state.adding = held[one.aor], False
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


def add_aliases(pairs: Iterable[tuple[str, str]]) -> None:
    """Write new aliases: each with the address of record of the user whom it leads to, both in canonical form."""
    wanted = list(pairs)
    with recording.together():
        _lead(wanted)
        for start in range(0, len(wanted), BATCH):
            found = Alias.objects.filter(uri__in=[Aor(uri) for uri, _ in wanted[start : start + BATCH]]).order_by()
            rows = list(found.values_list("pk", "persona_id"))
            recording.changed(Alias, [alias for alias, _ in rows])
            recording.changed(Persona, [persona for _, persona in rows])


def taken(aors: Sequence[Aor]) -> list[Alias]:
    """The aliases among these addresses, with their users."""
    found: list[Alias] = []
    for start in range(0, len(aors), BATCH):
        found += Alias.objects.filter(uri__in=aors[start : start + BATCH]).select_related("persona")
    return found


def _lead(pairs: Iterable[tuple[str, str]]) -> None:
    """Aliases, by the addresses of record of their users: in one step, where asking for keys would take another."""
    quote = connection.ops.quote_name
    alias, persona = quote(Alias._meta.db_table), quote(Persona._meta.db_table)
    found = f"SELECT %s, {quote('id')} FROM {persona} WHERE {quote('aor')} = %s"
    execute(f"INSERT INTO {alias} ({quote('uri')}, {quote('persona_id')}) {found}", list(pairs))


def _keys(aors: Sequence[Aor]) -> Iterator[tuple[Aor, int]]:
    for start in range(0, len(aors), BATCH):
        found = Persona.objects.filter(aor__in=aors[start : start + BATCH]).order_by()
        yield from found.values_list("aor", "pk")

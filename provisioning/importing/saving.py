"""The one way by which files bring users into the tables, whatever their format: in bulk, aliases included."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, models

from provisioning.importing.tables import BATCH
from provisioning.models import Alias, Persona
from provisioning.uri import Aor

SECRETS = ("md5", "sha256", "md5_full", "sha256_full", "pin")
"Columns with digests and hashes."

COLUMNS = ("name", "enabled", "confirm_watchers", "offline_messages", "publish_policy", *SECRETS)
"What files change of a user."


def save_users(fresh: list[Persona], changed: list[Persona], columns: tuple[str, ...] = COLUMNS) -> None:
    """Write new users with their address of record among the aliases (D-01), and these columns of changed ones."""
    insert(fresh)
    add_aliases((str(one.aor), str(one.aor)) for one in fresh)
    Persona.objects.bulk_update(changed, columns, batch_size=BATCH)


def add_aliases(pairs: Iterable[tuple[str, str]]) -> None:
    """Write new aliases: each with the address of record of the user whom it leads to, both in canonical form."""
    quote = connection.ops.quote_name
    alias, persona = quote(Alias._meta.db_table), quote(Persona._meta.db_table)
    found = f"SELECT %s, {quote('id')} FROM {persona} WHERE {quote('aor')} = %s"
    _execute(f"INSERT INTO {alias} ({quote('uri')}, {quote('persona_id')}) {found}", list(pairs))


def insert(rows: Sequence[models.Model]) -> None:
    """Write new rows of one table, without asking for their keys: several times as fast as `bulk_create`.

    While a transaction writes, SQLite keeps all others waiting; what `prepare` was called for goes in at once.
    """
    if rows:
        prepare(rows)
        _execute(_statement(type(rows[0])), [vars(row).pop("_values") for row in rows])


def prepare(rows: Sequence[models.Model]) -> None:
    """Bring values of new rows to the form in which they are written; may be done before a transaction begins."""
    for row in rows:
        if "_values" not in vars(row):
            columns = _columns(type(row))
            vars(row)["_values"] = [one.get_db_prep_save(getattr(row, one.attname), connection) for one in columns]


def _columns(model: type[models.Model]) -> list[Any]:
    return [column for column in model._meta.concrete_fields if not column.primary_key]


def _statement(model: type[models.Model]) -> str:
    quote, columns = connection.ops.quote_name, _columns(model)
    names = ", ".join(quote(column.column) for column in columns)
    return f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ({', '.join(['%s'] * len(columns))})"


def _execute(statement: str, values: Sequence[Any]) -> None:
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(statement, values)


def taken(aors: list[Aor]) -> list[Alias]:
    """The aliases among these addresses, with their users."""
    found: list[Alias] = []
    for start in range(0, len(aors), BATCH):
        found += Alias.objects.filter(uri__in=aors[start : start + BATCH]).select_related("persona")
    return found

"""The commit: many plans, one transaction, one outcome each (DESIGN: plan, commit, announce).

A plan names rows and the version that it expects each to have. One statement reads the versions of all rows of a
batch, the plans are then decided one after the other in memory, and one statement for each table writes what is
left. A plan whose expectation fails gets CONFLICT and does not harm the others. Statements are written by hand for
SQLite and PostgreSQL: the ORM costs several times as much a row, and this is the road of every acknowledged change.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import Enum, auto
from typing import Any, NamedTuple

from django.db import DataError, IntegrityError, InterfaceError, OperationalError, connection, models, transaction

from presence.models import BackendSubscription, Publication, Subscription
from presence.rows import BackendRow, PublicationRow, SubscriptionRow, shared
from provisioning.models import Persona

LOADED_AT_ONCE = 500
"Presentities in one query: SQLite takes no more than 999 parameters in older builds."


class Outcome(Enum):
    """What became of a plan."""

    COMMITTED = auto()
    CONFLICT = auto()
    "A row was not as expected: somebody else was faster, or it is gone."


class DatabaseAway(Exception):
    """The database cannot be reached or cannot write; nothing of the batch is known to be committed."""


class Put(NamedTuple):
    """Write a row: a new one when `expected` is None, else over the version that is expected."""

    table: str
    row: Any
    expected: int | None


class Remove(NamedTuple):
    """Delete a row that has the expected version."""

    table: str
    id: int
    expected: int


class Mark(NamedTuple):
    """This persona has published (D-23 rule 2)."""

    persona_id: int


Change = Put | Remove | Mark


class Plan(NamedTuple):
    """What one request changes; all of it or nothing."""

    persona_id: int
    "Whose state changes, by key (`rows.key_of` for what is no user): plans of one presentity keep their order."
    changes: tuple[Change, ...]


class Loaded(NamedTuple):
    """The components of one presentity."""

    persona_id: int
    ever_published: bool
    publications: list[PublicationRow]
    backends: list[BackendRow]


class _Table:
    """Statements for one table, made once."""

    def __init__(self, model: type[models.Model], row_type: type) -> None:
        self.fields = list(model._meta.concrete_fields)
        columns = [str(field.column) for field in self.fields]
        assert tuple(field.attname for field in self.fields) == row_type._fields, model  # type: ignore[attr-defined]
        self.name = model._meta.db_table
        names = ", ".join(f'"{column}"' for column in columns)
        changed = "updated_at" if "updated_at" in columns else "created_at"  # what is written once has one time only
        updates = ", ".join(f'"{column}" = excluded."{column}"' for column in columns[1:])
        conflict = f'ON CONFLICT ("id") DO UPDATE SET {updates}'
        marks = ", ".join("?" for _ in columns)
        self.sqlite_upsert = f'INSERT INTO "{self.name}" ({names}) VALUES ({marks}) {conflict}'
        arrays = ", ".join(f"%b::{_ARRAY_TYPES[field.get_internal_type()]}[]" for field in self.fields)
        self.postgresql_upsert = f'INSERT INTO "{self.name}" ({names}) SELECT * FROM unnest({arrays}) {conflict}'
        self.sqlite_versions = (
            f'SELECT "id", "version" FROM "{self.name}" WHERE "id" IN (SELECT value FROM json_each(?))'
        )
        self.postgresql_versions = (
            f'SELECT "id", "version" FROM "{self.name}" WHERE "id" = ANY(%b::bigint[]) ORDER BY "id" FOR UPDATE'
        )
        self.sqlite_change = f'SELECT "{changed}" FROM "{self.name}" WHERE "id" = ?'
        self.postgresql_change = f'SELECT "{changed}" FROM "{self.name}" WHERE "id" = %b'
        self.sqlite_delete = f'DELETE FROM "{self.name}" WHERE "id" IN (SELECT value FROM json_each(?))'
        self.postgresql_delete = f'DELETE FROM "{self.name}" WHERE "id" = ANY(%b::bigint[])'


_ARRAY_TYPES = {
    "BigIntegerField": "bigint",
    "BinaryField": "bytea",
    "BooleanField": "boolean",
    "CharField": "text",
    "DateTimeField": "timestamptz",
    "FloatField": "double precision",
    "ForeignKey": "bigint",
    "IntegerField": "integer",
    "PositiveSmallIntegerField": "smallint",
    "TextField": "text",
}

_tables: dict[str, _Table] = {}


def register(name: str, model: type[models.Model], row_type: type) -> None:
    """Let plans name this table; its rows have the model's columns in order, `id` and `version` first.

    They tell their last change as `updated_at`, also where that is no column.
    """
    _tables[name] = _Table(model, row_type)


def commit(plans: Sequence[Plan]) -> list[Outcome]:
    """Write plans in one transaction; their outcomes in the same order. Raises DatabaseAway.

    May be called again with the same plans after DatabaseAway: what was in fact committed is recognised.
    """
    with away_when_lost():
        try:
            return _commit(plans)
        except (IntegrityError, DataError):
            if len(plans) == 1:
                return [Outcome.CONFLICT]  # its persona was deleted, or the database refuses a value
        return [outcome for plan in plans for outcome in commit([plan])]


@contextlib.contextmanager
def away_when_lost() -> Iterator[None]:
    """Turn a lost or refused connection into DatabaseAway, and begin the next attempt with a new one."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        with contextlib.suppress(Exception):
            connection.close()
        raise DatabaseAway(str(error).strip().partition("\n")[0]) from error


def _commit(plans: Sequence[Plan]) -> list[Outcome]:
    connection.ensure_connection()
    backend = _Sqlite if connection.vendor == "sqlite" else _Postgresql
    with transaction.atomic(), connection.wrap_database_errors:
        door = backend(connection.connection)
        batch = _Batch(door.versions(_ids(plans)), door)
        outcomes = [batch.decide(plan) for plan in plans]
        for name, rows in batch.puts.items():
            if rows:
                door.upsert(_tables[name], list(rows.values()))
        for name, ids in batch.removed.items():
            if ids:
                door.delete(_tables[name], sorted(ids))
    if batch.marked:
        # Beside the batch: an administrator's edit of a user must never wait for, or block, presence.
        Persona.objects.filter(id__in=batch.marked, ever_published=False).update(ever_published=True)
    return outcomes


def _ids(plans: Sequence[Plan]) -> dict[str, list[int]]:
    ids: dict[str, set[int]] = {}
    for plan in plans:
        for change in plan.changes:
            if isinstance(change, Put):
                ids.setdefault(change.table, set()).add(change.row.id)
            elif isinstance(change, Remove):
                ids.setdefault(change.table, set()).add(change.id)
    return {name: sorted(found) for name, found in ids.items()}


class _Batch:
    """Decides plans in order; later ones see what earlier ones of the batch will have written."""

    def __init__(self, versions: dict[str, dict[int, int]], door: "_Sqlite | _Postgresql") -> None:
        self._versions = versions
        self._door = door
        self.puts: dict[str, dict[int, Any]] = {name: {} for name in versions}
        self.removed: dict[str, set[int]] = {name: set() for name in versions}
        self.marked: set[int] = set()

    def decide(self, plan: Plan) -> Outcome:
        """COMMITTED, and the writes noted, when every row is as the plan expects."""
        writes: list[Change] = []
        for change in plan.changes:
            if isinstance(change, Mark):
                writes.append(change)
                continue
            version = self._versions[change.table].get(change.row.id if isinstance(change, Put) else change.id)
            if version == change.expected:
                writes.append(change)
            elif not (isinstance(change, Put) and version == change.row.version and self._ours(change)):
                return Outcome.CONFLICT
        for change in writes:
            if isinstance(change, Put):
                row = change.row
                self.puts[change.table][row.id] = row
                self.removed[change.table].discard(row.id)
                self._versions[change.table][row.id] = row.version
            elif isinstance(change, Remove):
                self.puts[change.table].pop(change.id, None)
                self.removed[change.table].add(change.id)
                self._versions[change.table].pop(change.id, None)
            else:
                self.marked.add(change.persona_id)
        return Outcome.COMMITTED

    def _ours(self, put: Put) -> bool:
        """This very row was written before: the connection was lost between COMMIT and its answer."""
        noted = self.puts[put.table].get(put.row.id)
        if noted is not None:
            return bool(noted.updated_at == put.row.updated_at)
        return self._door.changed_at(_tables[put.table], put.row.id) == self._door.moment(put.row.updated_at)


def _text(value: str) -> str:
    """Text that every database takes: what a peer sent as broken UTF-8 is replaced."""
    if value.isascii():
        return value
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class _Sqlite:
    """Statements through the driver's own connection."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def moment(self, value: datetime) -> str:
        """A moment as Django writes it into SQLite."""
        return str(value.replace(tzinfo=None))

    def versions(self, ids: dict[str, list[int]]) -> dict[str, dict[int, int]]:
        """Versions of the rows that exist."""
        return {
            name: dict(self._raw.execute(_tables[name].sqlite_versions, (json.dumps(wanted),)))
            for name, wanted in ids.items()
        }

    def changed_at(self, table: _Table, id: int) -> Any:
        """When a row that exists was changed last."""
        return _plain(self._raw.execute(table.sqlite_change, (id,)).fetchone()[0])

    def upsert(self, table: _Table, rows: list[Any]) -> None:
        """Write rows over whatever is there."""
        self._raw.executemany(table.sqlite_upsert, [self._values(row) for row in rows])

    def delete(self, table: _Table, ids: list[int]) -> None:
        """Delete rows."""
        self._raw.execute(table.sqlite_delete, (json.dumps(ids),))

    def _values(self, row: Any) -> list[Any]:
        return [
            _text(value)
            if isinstance(value, str)
            else str(value.replace(tzinfo=None))
            if isinstance(value, datetime)
            else value
            for value in row
        ]


def _plain(moment: Any) -> Any:
    """Django registers a converter for datetime columns; raw cursors may give either form."""
    return str(moment.replace(tzinfo=None)) if isinstance(moment, datetime) else moment


class _Postgresql:
    """Whole columns as arrays, prepared by the driver; bound by the server, bytes as bytes."""

    def __init__(self, raw: Any) -> None:
        import psycopg

        self._cursor = psycopg.Cursor(raw)

    def moment(self, value: datetime) -> datetime:
        """A moment as psycopg gives it back."""
        return value

    def versions(self, ids: dict[str, list[int]]) -> dict[str, dict[int, int]]:
        """Versions of the rows that exist; they stay locked until the end of the transaction."""
        found: dict[str, dict[int, int]] = {}
        for name in sorted(ids):
            self._cursor.execute(_tables[name].postgresql_versions, (ids[name],))
            found[name] = dict(self._cursor.fetchall())
        return found

    def changed_at(self, table: _Table, id: int) -> Any:
        """When a row that exists was changed last."""
        self._cursor.execute(table.postgresql_change, (id,))
        return self._cursor.fetchone()[0]

    def upsert(self, table: _Table, rows: list[Any]) -> None:
        """Write rows over whatever is there."""
        rows.sort(key=lambda row: row.id)
        columns = [
            [_text(value) for value in column] if isinstance(column[0], str) else list(column)
            for column in zip(*rows, strict=True)
        ]
        self._cursor.execute(table.postgresql_upsert, columns)

    def delete(self, table: _Table, ids: list[int]) -> None:
        """Delete rows."""
        self._cursor.execute(table.postgresql_delete, (ids,))


def load(persona_ids: Sequence[int], now: datetime) -> list[Loaded]:
    """The components of these presentities, by key; users that no longer exist are left out."""
    loaded: list[Loaded] = []
    for start in range(0, len(persona_ids), LOADED_AT_ONCE):
        ids = list(persona_ids[start : start + LOADED_AT_ONCE])
        found = {
            id: Loaded(id, ever, [], [])
            for id, ever in Persona.objects.filter(id__in=ids).order_by().values_list("id", "ever_published")
        }
        found.update({key: Loaded(key, False, [], []) for key in ids if key < 0})
        rows = Publication.objects.filter(persona_id__in=ids, expires_at__gt=now).order_by()
        for row in rows.values_list(*PublicationRow._fields):
            publication = PublicationRow(*row)
            if publication.persona_id in found:
                found[publication.persona_id].publications.append(
                    publication._replace(
                        publisher=shared(publication.publisher),
                        user_agent=shared(publication.user_agent),
                        content_type=shared(publication.content_type),
                        body=bytes(publication.body),
                    )
                )
        for backend in BackendSubscription.objects.filter(key__in=ids).order_by().values_list(*BackendRow._fields):
            row = BackendRow(*backend)
            if row.key in found:
                found[row.key].backends.append(row._replace(body=bytes(row.body)))
        loaded += found.values()
    return loaded


def changed_since(moment: datetime) -> set[int]:
    """The presentities with a publication or a back-end subscription that was written since then, by key."""
    publications = Publication.objects.filter(updated_at__gte=moment).order_by().values_list("persona_id", flat=True)
    backends = BackendSubscription.objects.filter(updated_at__gte=moment).order_by().values_list("key", flat=True)
    return {*publications, *backends}


def load_subscriptions(edge: str) -> list[SubscriptionRow]:
    """The subscriptions of an edge that have not ended, also those that ran out meanwhile."""
    rows = Subscription.objects.filter(edge=edge).exclude(state="terminated").order_by("id")
    return [SubscriptionRow(*row).shared() for row in rows.values_list(*SubscriptionRow._fields).iterator()]


def load_handed_over(edge: str, ids: Sequence[int]) -> list[SubscriptionRow]:
    """Those of these subscriptions that are now of this edge, and have not ended."""
    rows = Subscription.objects.filter(edge=edge, id__in=ids).exclude(state="terminated").order_by("id")
    return [SubscriptionRow(*row).shared() for row in rows.values_list(*SubscriptionRow._fields)]


def load_backends(edge: str) -> list[BackendRow]:
    """The back-end subscriptions of an edge."""
    rows = BackendSubscription.objects.filter(edge=edge).order_by("id").values_list(*BackendRow._fields)
    return [row._replace(body=bytes(row.body)) for row in map(BackendRow._make, rows.iterator())]


def batches(plans: Iterable[Plan], size: int) -> Iterator[list[Plan]]:
    """Plans in lists of at most `size`."""
    batch: list[Plan] = []
    for plan in plans:
        batch.append(plan)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch

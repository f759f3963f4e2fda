"""Restoring a backup: into the same database, a new one, or one of the other kind; all of it or nothing."""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import F, Model

from presence.models import EdgeLease
from sipedge.backup.file import BadBackup, Reader
from sipedge.backup.tables import fields_of, from_json, tables

WRITTEN_AT_ONCE = 500
"Rows in one statement at most; a database may take less."

CSEQ_AHEAD = 1_000_000
"NOTIFYs that may have gone out since the backup was made: a number that a watcher has seen must not come again."

FILLED = ("provisioning_domain", "provisioning_persona", "auth_user")
"Tables that only people fill: a database with rows there is in use."


def restore(path: Path, *, now: datetime, force: bool, migrate: bool, keys: bool) -> "Reader":
    """Bring the database to what the file says; raises BadBackup, OSError or django.db.Error."""
    with Reader(path) as reader:
        reader.check()
        _check_keys(reader, keys=keys, force=force)
        older = _check_schema(reader, migrate=migrate)
        _check_unused(now, force=force)
        executor = MigrationExecutor(connection)
        state = executor.migrate(_last(executor, set(map(_node, reader.manifest.migrations))))
        models = {one._meta.label_lower: one for one in tables(state.apps.get_models(include_auto_created=True))}
        unknown = sorted(set(reader.tables) - models.keys())
        if unknown:
            raise BadBackup(f"the backup is damaged: no version has a table {unknown[0]!r}")
        try:
            with transaction.atomic():
                _load(reader, models, now)
        except (DatabaseError, ValueError, TypeError, ValidationError, ArithmeticError) as error:
            words = str(error).strip().splitlines()
            raise BadBackup(f"nothing was restored: {words[0] if words else type(error).__name__}") from None
        ContentType.objects.clear_cache()
        if older:
            call_command("migrate", verbosity=0, interactive=False)
        if keys:
            _write_keys(reader)
        return reader


def _check_schema(reader: Reader, *, migrate: bool) -> bool:
    """Whether the file is of an older version; raises BadBackup where it does not fit."""
    executor = MigrationExecutor(connection)
    file = set(map(_node, reader.manifest.migrations))
    ours = set(executor.loader.disk_migrations)
    made = f"the backup was made by version {reader.manifest.version}"
    if file - ours:
        raise BadBackup(f"{made}, which is newer than this one: {_named(file - ours)} is not known here")
    if ours - file and not migrate:
        raise BadBackup(
            f"{made}, which is older than this one: {_named(ours - file)} is missing; --migrate restores it and brings "
            "it up to date"
        )
    later = set(executor.loader.applied_migrations) - file
    if later:
        raise BadBackup(
            f"the database is newer than the backup: it has {_named(later)}; restore into a new, empty database"
        )
    return bool(ours - file)


def _check_unused(now: datetime, *, force: bool) -> None:
    """Nobody works on the database, and nothing in it would be lost."""
    there = set(connection.introspection.table_names())
    if force:
        return
    lease = EdgeLease._meta.db_table
    if lease in there:
        running = list(EdgeLease.running(now).values_list("edge", flat=True))
        if running:
            raise BadBackup(f"{', '.join(running)} works on this database: stop it first, or say --force")
    for table in FILLED:
        if table in there and _has_rows(table):
            raise BadBackup(f"the database is not empty ({table} has rows): --force replaces all that it holds")


def _has_rows(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {connection.ops.quote_name(table)} LIMIT 1")
        return cursor.fetchone() is not None


def _load(reader: Reader, models: dict[str, type[Model]], now: datetime) -> None:
    """Replace all rows; constraints between tables are looked at in the end."""
    lease = EdgeLease._meta.db_table
    with connection.cursor() as cursor:
        for table in [*(one._meta.db_table for one in models.values()), lease]:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
    for label in reader.tables:
        _fill(models[label], reader.table(label))
    _go_ahead(models, now)
    connection.check_constraints()
    for statement in connection.ops.sequence_reset_sql(no_style(), list(models.values())):
        with connection.cursor() as cursor:
            cursor.execute(statement)


def _fill(model: type[Model], lines: Iterator[list[Any]]) -> None:
    fields = {field.attname: field for field in fields_of(model)}
    columns = next(lines, None)
    if columns is None or set(columns) != fields.keys():
        raise BadBackup(f"the backup is damaged: {model._meta.label_lower!r} has other columns")
    chosen = [fields[name] for name in columns]
    first = next(lines, None)
    rows = chain([first], lines) if first is not None else iter(())
    objects = (
        model(**{field.attname: from_json(field, value) for field, value in zip(chosen, row, strict=True)})
        for row in rows
    )
    at_once = min(WRITTEN_AT_ONCE, connection.ops.bulk_batch_size(chosen, [None] * WRITTEN_AT_ONCE))
    while some := list(islice(objects, max(1, at_once))):
        # As loaddata does: times that Django would set by itself stay as they were.
        model._base_manager._insert(some, fields=chosen, using=connection.alias, raw=True)  # type: ignore[attr-defined]


def _go_ahead(models: dict[str, type[Model]], now: datetime) -> None:
    """Dialogs went on after the backup: watchers are told anew with numbers beyond, servers are asked anew."""
    subscriptions = models["presence.subscription"]._base_manager.all()
    subscriptions.update(cseq=F("cseq") + CSEQ_AHEAD, sent_digest="")
    models["presence.backendsubscription"]._base_manager.update(dialog="", refresh_at=now)


def _check_keys(reader: Reader, *, keys: bool, force: bool) -> None:
    if not keys:
        return
    if not reader.keys:
        raise BadBackup("the backup holds no keys: it was made without --keys")
    for name in reader.keys:
        path = Path(settings.DATA_DIR) / name
        if not force and path.exists() and path.read_bytes() != reader.key(name):
            raise BadBackup(f"{path} is there already and is another one: --force replaces it")


def _write_keys(reader: Reader) -> None:
    for name in reader.keys:
        path = Path(settings.DATA_DIR) / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.restored")
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600, exist_ok=False)
        fresh.write_bytes(reader.key(name))
        fresh.replace(path)


def _last(executor: MigrationExecutor, nodes: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """The last ones of each application: Django would go back to any other one."""
    graph = executor.loader.graph
    return sorted(
        node
        for node in nodes
        if node in graph.nodes
        and not any(child.key[0] == node[0] and child.key in nodes for child in graph.node_map[node].children)
    )


def _node(name: str) -> tuple[str, str]:
    app, _, migration = name.partition(".")
    return app, migration


def _named(nodes: set[tuple[str, str]]) -> str:
    first = ".".join(min(nodes))
    return first if len(nodes) == 1 else f"{first} and {len(nodes) - 1} more"

"""Making a backup while everything runs: one snapshot of the database, read without holding any writer up."""

import contextlib
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model

from provisioning.migrated import unapplied
from sipedge.backup.file import KEY_NAME, BadBackup, Manifest, Writer
from sipedge.backup.tables import SOFT, fields_of, tables, to_json

READ_AT_ONCE = 1000
"Rows in memory at a time."


def save(path: Path, *, now: datetime, soft_state: bool, keys: bool, replace: bool) -> Manifest:
    """Write a backup to `path`; raises BadBackup, OSError or django.db.Error."""
    missing = unapplied()
    if missing:
        raise BadBackup(
            f"the database lacks migrations of this version ({missing[0]} …): back up with the version before"
        )
    if path.exists() and not replace:
        raise FileExistsError(17, "it is there already; --force replaces it")
    manifest = Manifest(version(), now.isoformat(), connection.vendor, [], soft_state)
    writer = Writer(path, manifest)
    try:
        with snapshot():
            manifest.migrations = sorted(
                f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()
            )
            for model in tables(apps.get_models(include_auto_created=True)):
                if soft_state or model._meta.label_lower not in SOFT:
                    names = [field.attname for field in fields_of(model)]
                    writer.table(model._meta.label_lower, names, _rows(model, names))
        if keys:
            for name, content in _keys(Path(settings.DATA_DIR)):
                writer.key(name, content)
        writer.finish(replace=replace)
    finally:
        writer.discard()
    return manifest


def version() -> str:
    """Of the product."""
    with (Path(settings.BASE_DIR) / "pyproject.toml").open("rb") as file:
        found: str = tomllib.load(file)["project"]["version"]
    return found


@contextlib.contextmanager
def snapshot() -> Iterator[None]:
    """All that is read within is of one moment; writers go on.

    By hand, since Django's transactions of ours would take SQLite's only write lock.
    """
    connection.ensure_connection()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        else:
            cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def _rows(model: type[Model], names: list[str]) -> Iterator[list[Any]]:
    """By the key, in steps: a cursor over all of it would need a transaction that Django knows of."""
    rows = model._base_manager.order_by("pk").values_list(*names)
    last: list[Any] | None = None
    key = names.index(model._meta.pk.attname)
    while True:
        found = list((rows if last is None else rows.filter(pk__gt=last[key]))[:READ_AT_ONCE])
        for row in found:
            yield [to_json(value) for value in row]
        if len(found) < READ_AT_ONCE:
            return
        last = list(found[-1])


def _keys(data: Path) -> Iterator[tuple[str, bytes]]:
    for path in [data / "secret_key", *sorted((data / "tls").glob("*"))]:
        name = str(path.relative_to(data))
        if path.is_file() and KEY_NAME.fullmatch(f"keys/{name}"):
            yield name, path.read_bytes()

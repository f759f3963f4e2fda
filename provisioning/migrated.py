"""Whether the database has the tables that this version works with."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

_found: list[bool] = []
"Once all were there, they stay: they are not looked for again."


def unapplied() -> list[str]:
    """The migrations that are still to be made, `app.name`; raises django.db.Error."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def migrated() -> bool:
    """Nothing is missing; raises django.db.Error."""
    if not _found and not unapplied():
        _found.append(True)
    return bool(_found)

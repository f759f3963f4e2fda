"""Each fault on each database: SQLite, and PostgreSQL of its own that can be stopped."""

from collections.abc import Iterator

import pytest

from tests.services import PostgreSQL


@pytest.fixture(scope="module")
def postgresql_server() -> Iterator[PostgreSQL]:
    """A durable server for the faults of this module."""
    with PostgreSQL(durable=True) as server:
        yield server

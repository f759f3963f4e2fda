"""Each fault on each database: SQLite, and PostgreSQL of its own that can be stopped."""

from collections.abc import Iterator

import pytest

from tests.services import PostgreSQL
from tests.system import Deployment, deployed


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """A durable server; whoever stops it starts it again."""
    with PostgreSQL(durable=True) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def deployment(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """A deployment on each database."""
    if request.param == "sqlite":
        with deployed() as found:
            yield found
        return
    server: PostgreSQL = request.getfixturevalue("postgresql_server")
    with deployed(server=server.url) as found:
        yield found

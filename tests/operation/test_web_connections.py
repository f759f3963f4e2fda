"""The web process keeps no database connection of a request that is over."""

import threading

import psycopg
import pytest

from tests.rest import integrator
from tests.services import PostgreSQL
from tests.system import deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

AT_ONCE = 8
"Clients that ask at the same time."

EACH = 12
"Requests of each, one after the other."


def test_requests_leave_no_connections_behind() -> None:
    """However many requests there were, there are no more connections than requests under way, and soon none."""
    with PostgreSQL() as server, deployed(server=server.url) as deployment:
        web = integrator(deployment)
        statuses: list[int] = []
        with psycopg.connect(server.url, autocommit=True) as mine:

            def held() -> int:
                query = "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'system_%'"
                row = mine.execute(query).fetchone()
                return int(row[0]) if row else 0

            def ask() -> None:
                for _ in range(EACH):
                    statuses.append(web.ask("GET", "users/?limit=1")[0])

            clients = [threading.Thread(target=ask) for _ in range(AT_ONCE)]
            most = 0
            for client in clients:
                client.start()
            while any(client.is_alive() for client in clients):
                most = max(most, held())
            assert statuses == [200] * AT_ONCE * EACH
            assert most <= 2 * AT_ONCE, "some may be just ending while others begin"
            wait_until(lambda: not held(), "no connection of requests that are over")

"""The database is there, but slow, cut off again and again, or another server all of a sudden."""

import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.faults.load import Load, Publisher, Recovery, holds
from tests.faults.relay import Relay
from tests.phone import Watch
from tests.rest import Web
from tests.services import PostgreSQL, free_port
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

SLOW = 0.4
"Seconds for each of the statements of a transaction: some two for a commit."

TROUBLED = 6.0
"Seconds."


class Scene:
    """A deployment whose database is behind a relay, with publishers and one watcher of each."""

    def __init__(self, server: PostgreSQL, relay: Relay, deployment: Deployment) -> None:
        self.server, self.relay, self.deployment = server, relay, deployment
        deployment.start_edge()
        self.web = Web(deployment.start_web())
        self.publishers = [Publisher(deployment.peer(f"u{number}")) for number in range(4)]
        self.watcher = deployment.peer("ippm4")
        self.watches = {one: self.watcher.subscribe(one.phone.aor) for one in self.publishers}

    def watching(self, one: Publisher) -> list[Watch]:
        """Those who watch this publisher."""
        return [self.watches[one]]

    def holds(self) -> None:
        """Nothing is lost or done twice, and all goes on, in the web too."""
        holds(self.deployment, self.publishers, self.watching, self.deployment.peer("u10"))
        wait_until(lambda: self.web.page("/readyz")[0] == 200, "the web process", 60, 0.1)
        assert "Traceback" not in self.deployment.logs(), self.deployment.logs()


@pytest.fixture(scope="module")
def scene(postgresql_server: PostgreSQL) -> Iterator[Scene]:
    with Relay(postgresql_server.port) as relay:
        behind = postgresql_server.url.replace(str(postgresql_server.port), str(relay.port))
        with deployed(server=behind) as deployment:
            yield Scene(postgresql_server, relay, deployment)


def test_a_slow_database_makes_answers_late_and_nothing_twice(scene: Scene) -> None:
    """D-11: each request is answered long before its client gives up: by 200 when it was written, else by 503 with
    Retry-After; a repetition meanwhile is not done again."""
    load = Load(scene.publishers, patience=60)
    try:
        load.goes_on(5)
        scene.relay.delay = SLOW
        load.goes_on(2)
        time.sleep(TROUBLED)
        scene.relay.delay = 0.0
        recovery = Recovery("slow database")
        load.goes_on(5)
        recovery.over()
    finally:
        load.stop()
    assert set(load.answers) <= {200, 503, 412}, load.answers
    assert all(retry and int(retry) > 0 for one in scene.publishers for retry in one.retry_after)
    scene.holds()


@pytest.mark.parametrize("how", ["by the network", "by the server"])
def test_connections_that_are_cut_again_and_again(scene: Scene, how: str) -> None:
    """D-11: what was committed while the answer got lost is recognised, and acknowledged as it would have been."""
    load = Load(scene.publishers, patience=60)
    cut = 0
    try:
        load.goes_on(5)
        ends = time.monotonic() + TROUBLED
        while time.monotonic() < ends:
            cut += scene.relay.cut() if how == "by the network" else _terminate(scene.server)
            time.sleep(0.3)
        recovery = Recovery(f"connections cut {how}")
        load.goes_on(5)
        recovery.over()
    finally:
        load.stop()
    assert cut > 3
    assert set(load.answers) <= {200, 503, 412}, load.answers
    scene.holds()


def test_the_database_moves_to_another_server(scene: Scene) -> None:
    """D-11: as in a failover: the server stops, and behind the same address another one comes up."""
    load = Load(scene.publishers, patience=60)
    try:
        load.goes_on(5)
        scene.server.stop()
        scene.server.port = free_port()
        scene.server.start()
        scene.relay.target = scene.server.port
        recovery = Recovery("failover")
        load.goes_on(5)
        recovery.over()
    finally:
        load.stop()
    assert set(load.answers) <= {200, 503, 412}, load.answers
    scene.holds()


def _terminate(server: PostgreSQL) -> int:
    """End what serves the product's connections; their number."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'cups'"
        ).fetchone()
    assert found is not None
    return int(found[0])

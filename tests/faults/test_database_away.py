"""The database goes away under load: requests wait, then 503; nothing acknowledged is lost; the edge recovers."""

import signal
import time

import pytest

from tests.faults.load import Load, Publisher, Recovery, holds
from tests.services import PostgreSQL
from tests.system import deployed

pytestmark = pytest.mark.system

AWAY = 10.0
"Seconds."


@pytest.mark.parametrize("how", ["shut down", "hanging"])
def test_ten_seconds_without_the_database(postgresql_server: PostgreSQL, how: str) -> None:
    """D-11: 503 with Retry-After while it is away, and every 200 is durable."""
    server = postgresql_server
    with deployed(server=server.url) as deployment:
        deployment.start_edge()
        publishers = [Publisher(deployment.peer(f"u{number}")) for number in range(4)]
        watcher = deployment.peer("ippm4")
        watches = {one: watcher.subscribe(one.phone.aor) for one in publishers}
        load = Load(publishers, patience=60)
        load.goes_on(5)
        assert server.process is not None
        if how == "shut down":
            server.stop(signal.SIGQUIT)
        else:
            for pid in _family(server.process.pid):
                _signal(pid, signal.SIGSTOP)
        time.sleep(AWAY)
        if how == "shut down":
            server.start()
        else:
            for pid in _family(server.process.pid):
                _signal(pid, signal.SIGCONT)
        recovery = Recovery(f"database {how}")
        load.goes_on(5)
        recovery.over()
        load.stop()
        assert all(one.refused for one in publishers), "requests were refused while the database was away"
        assert all(retry and int(retry) > 0 for one in publishers for retry in one.retry_after)
        holds(deployment, publishers, lambda one: [watches[one]], deployment.peer("u10"))


def _family(pid: int) -> list[int]:
    """A process and its children."""
    import psutil

    process = psutil.Process(pid)
    return [pid, *(child.pid for child in process.children(recursive=True))]


def _signal(pid: int, number: int) -> None:
    import contextlib
    import os

    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)

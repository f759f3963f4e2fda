"""An edge runs out of memory under load: it ends at once instead of going on with half of what it knows; it is back."""

import asyncio
import sys
import threading
from collections.abc import Iterator

import psutil
import pytest

from cups_site.launcher.supervisor import Child, Supervisor
from sipedge.exhaustion import STATUS
from tests.faults.crowd import Crowd
from tests.faults.load import PATIENCE, Load, Publisher, Recovery, holds, token
from tests.phone import DOMAIN
from tests.system import ROOT, Deployment, deployed

pytestmark = pytest.mark.system

LEFT = 8 << 20
"Octets that the edge may still take."

AT_ONCE = 500
"Subscriptions, each some 5 kB: a few thousand of them are more than that."

MOST = 20_000


class Supervised:
    """An edge under what `./run start` supervises it with."""

    def __init__(self, deployment: Deployment) -> None:
        words = [sys.executable, str(ROOT / "manage.py"), "run_sipedge"]
        self.child = Child("edge", words, deployment.environment, ready_line="edge ready")
        self._supervisor = Supervisor()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._supervisor.start(self.child), self._loop).result(PATIENCE)

    @property
    def pid(self) -> int:
        """Of the edge that runs now; the last one's while there is none."""
        assert self.child.process is not None
        return self.child.process.pid

    def stop(self) -> None:
        """As the launcher does."""
        asyncio.run_coroutine_threadsafe(self._supervisor.stop(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    with deployed() as found:
        yield found


def test_an_edge_without_memory_ends_and_is_back(deployment: Deployment, capfd: pytest.CaptureFixture[str]) -> None:
    """D-11, R-PUB-29, R-NTF-05, DESIGN 11: as after kill -9, what was acknowledged is there, and watchers go on."""
    edge = Supervised(deployment)
    publishers = [Publisher(deployment.peer(f"u{number}")) for number in range(4)]
    watcher = deployment.peer("ippm4")
    watches = {one: [watcher.subscribe(one.phone.aor)] for one in publishers}
    load = Load(publishers, patience=5)
    try:
        load.goes_on(5)
        with Crowd(deployment.engine) as crowd:
            process = psutil.Process(edge.pid)
            limit = process.memory_info().vms + LEFT
            process.rlimit(psutil.RLIMIT_AS, (limit, limit))
            while edge.pid == process.pid and len(crowd.seen) < MOST:
                crowd.subscribe(f"sip:u50@{DOMAIN}", AT_ONCE)
            recovery = Recovery(f"out of memory after {len(crowd.seen)} subscriptions")
            load.goes_on(5)
            recovery.over()
            assert edge.pid != process.pid, "it has ended"
            load.stop()
            holds(deployment, publishers, watches.__getitem__, deployment.peer("u10"))
            late = Publisher(deployment.peer("u50"))
            late.succeeds()
            crowd.all_see(token(late.last))
    finally:
        load.stop()
        edge.stop()
    said = capfd.readouterr().out
    assert f"edge ended (status {STATUS}); started again" in said, said

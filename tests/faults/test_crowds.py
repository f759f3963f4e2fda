"""Watchers who have fallen silent, and one user who changes without end: others must not notice."""

import time
import urllib.request
from collections.abc import Iterator

import psutil
import pytest

from tests.faults.crowd import Crowd
from tests.faults.load import PATIENCE, Load, Publisher, Recovery, token
from tests.metrics.catalogue import key, numbers
from tests.phone import DOMAIN, Phone
from tests.services import free_port
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

SILENT = 2_000
WATCHERS = 200
AT_ONCE = 8
"Clients of one user that publish as fast as they can."

FLOOD = 6.0
"Seconds."

GROWTH = 200 << 20
"Octets by which an edge may grow: some 1 kB for a transaction and 5 kB for a subscription would be a tenth of it."

POPULAR = f"sip:u0@{DOMAIN}"


class Scene:
    """An edge that tells its numbers."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._metrics = free_port()
        self._edge = deployment.start_edge(CUPS_METRICS_LISTEN=f"127.0.0.1:{self._metrics}")
        self._process = psutil.Process(self._edge.pid)
        self._memory = self._process.memory_info().rss

    def number(self, name: str, **labels: str) -> float:
        """What it tells now."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics}/metrics", timeout=PATIENCE) as answer:
            return numbers(answer.read().decode())[key(name, **labels)]

    def is_bounded(self, queued: int) -> None:
        """Its memory has not grown beyond reason, and no more than this waits for its turn."""
        assert self._process.memory_info().rss - self._memory < GROWTH
        for queue in ("commit", "notify", "requests", "datagrams"):
            assert self.number("cups_edge_queue", queue=queue) <= queued, queue

    def crowd(self, **options: bool) -> Crowd:
        """Watchers at the engine."""
        return Crowd(self.deployment.engine, **options)

    def peers(self, *users: str) -> list[Phone]:
        """Trusted peers over UDP."""
        return [self.deployment.peer(user) for user in users]


@pytest.fixture
def scene() -> Iterator[Scene]:
    with deployed() as deployment:
        yield Scene(deployment)
        assert "Traceback" not in deployment.logs(), deployment.logs()


def silence(scene: Scene, crowd: Crowd) -> None:
    """Very many who watch do not answer, and those who do are told each change."""
    publisher, watcher, other = scene.peers("u0", "u1", "u2")
    popular, beside = Publisher(publisher), Publisher(other)
    watches = [watcher.subscribe(publisher.aor), watcher.subscribe(other.aor)]
    crowd.subscribe(POPULAR, SILENT)
    recovery = Recovery(f"three changes beside {SILENT} silent watchers")
    for _ in range(3):
        for one, watch in zip((popular, beside), watches, strict=True):
            assert one.step(patience=PATIENCE) == 200
            watch.sees(token(one.last))
    recovery.over()
    scene.is_bounded(2 * SILENT)
    for one in crowd.seen.values():
        assert len(one.cseqs) <= 1 or one.cseqs == sorted(set(one.cseqs))


def test_silent_watchers_delay_nobody(scene: Scene) -> None:
    """D-40: one NOTIFY is out for each of them, whatever else changes; memory and queues stay bounded."""
    with scene.crowd(answers=False) as crowd:
        silence(scene, crowd)


@pytest.mark.nightly
def test_silent_watchers_are_given_up(scene: Scene) -> None:
    """D-13, D-40: three NOTIFYs in a row without an answer, of 32 seconds each; only those who answer are left."""
    with scene.crowd(answers=False) as crowd:
        silence(scene, crowd)
        recovery = Recovery(f"giving up {SILENT} silent watchers")
        wait_until(lambda: scene.number("cups_edge_subscriptions") == 2, "the end of the silent", 600, 1)
        recovery.over()
        scene.is_bounded(0)
        assert scene.number("cups_sip_transactions", side="client") == 0
        received = crowd.received
        time.sleep(5)
        assert crowd.received == received, "nobody speaks to them any more"


def test_a_flood_of_changes_of_one_user(scene: Scene) -> None:
    """D-40: others are answered, changes coalesce, and each of very many watchers ends with the last state."""
    flooding = [Publisher(one) for one in scene.peers(*["u0"] * AT_ONCE)]
    others = [Publisher(one) for one in scene.peers("u1", "u2")]
    with scene.crowd() as crowd:
        crowd.subscribe(POPULAR, WATCHERS)
        flood, beside = Load(flooding, pause=0.0, patience=PATIENCE), Load(others, patience=PATIENCE)
        try:
            ends = time.monotonic() + FLOOD
            flood.goes_on(3)
            while time.monotonic() < ends:
                scene.is_bounded(WATCHERS + AT_ONCE + len(others))
                time.sleep(0.2)
            beside.goes_on(3)
        finally:
            flood.stop(), beside.stop()
        assert set(flood.answers) == set(beside.answers) == {200}
        recovery = Recovery(f"{flood.answers[200] / FLOOD:.0f} changes a second of one user")
        crowd.all_see(*(token(one.last) for one in flooding))
        recovery.over()
        changes = flood.answers[200]
        assert all(len(one.cseqs) <= changes + 1 for one in crowd.seen.values())

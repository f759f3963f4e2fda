"""Somebody sets the clock of the machine while two edges run, by an hour forward and by an hour back.

The edges are given a time of day that the test sets (`clock.c`); their database is a file, so it has the same clock.
"""

import contextlib
import mmap
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.edges import LEASE, Edges, Roamer, rises
from tests.phone import Watch, pidf
from tests.programs import needs_program
from tests.services import free_port
from tests.system import deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

HOUR = 3600

EXPIRY = """
settings: {expiry: {subscribe: {min: 1, default: 3600, max: 86400}, publish: {min: 1, default: 3600, max: 86400}}}
"""


class Clock:
    """The time of day of those who have it preloaded."""

    def __init__(self, folder: Path) -> None:
        library, path = folder / "clock.so", folder / "shift"
        source = Path(__file__).with_name("clock.c")
        words = [needs_program("gcc"), "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
        subprocess.run(words, check=True)
        path.write_bytes(bytes(8))
        self.environment = {"LD_PRELOAD": str(library), "CUPS_TEST_CLOCK": str(path)}
        with path.open("r+b") as file:
            self._shift = mmap.mmap(file.fileno(), 8)

    def set(self, seconds: int) -> None:
        """So far from the machine's own."""
        self._shift[:] = struct.pack("q", seconds)


class Scene:
    """A publisher at the first edge, who is watched by one for a day and by one for half an hour at each of them."""

    def __init__(self, edges: Edges, clock: Clock) -> None:
        self.edges, self.clock = edges, clock
        self.publisher = edges.roamer("u0", 1)
        answer = self.publisher.publish(pidf(self.publisher.aor, activity="busy"), expires=12 * HOUR)
        self.tag = answer.get("SIP-ETag")
        self.watchers: dict[int, Roamer] = {number: edges.roamer(f"u{number}", number) for number in (1, 2)}
        self.long: dict[int, Watch] = {}
        self.short: dict[int, Watch] = {}
        for number, watcher in self.watchers.items():
            self.long[number] = watcher.subscribe(self.publisher.aor, expires=24 * HOUR)
            self.short[number] = watcher.subscribe(self.publisher.aor, expires=HOUR // 2)
        for watch in (*self.long.values(), *self.short.values()):
            watch.sees("<rpid:busy/>")

    def says(self, activity: str) -> None:
        """A change, which all who watch for a day are told."""
        answer = self.publisher.publish(pidf(self.publisher.aor, activity=activity), tag=self.tag, expires=12 * HOUR)
        assert answer.status == 200, "its tag is known as before"
        self.tag = answer.get("SIP-ETag")
        for watch in self.long.values():
            watch.sees(f"<rpid:{activity}/>")
            assert rises(watch)

    def renewed(self) -> None:
        """Wait until each edge has renewed its lease by the clock as it now is, and a lease has gone by."""
        code = (
            "from presence.models import EdgeLease; from django.utils import timezone; from datetime import timedelta;"
            f"now = timezone.now() + timedelta(seconds={struct.unpack('q', self.clock._shift[:])[0]});"
            f"print(EdgeLease.objects.filter(renewed_at__gte=now - timedelta(seconds={LEASE}),"
            " renewed_at__lte=now).count())"
        )
        wait_until(lambda: self.edges.ask(code) == "2", "leases that are renewed", 120, 0.5)

    def each_keeps_its_own(self) -> None:
        """Nobody has taken anything over, and each watcher has heard its own edge only."""
        for number, watcher in self.watchers.items():
            assert {one.port for one in watcher.said} == {self.edges.ports[number]}
        code = "from presence.models import EdgeLease; print([one.adopted for one in EdgeLease.objects.all()])"
        assert self.edges.ask(code) == "[{}, {}]"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    clock = Clock(tmp_path)
    with contextlib.ExitStack() as open:
        deployment = open.enter_context(deployed())
        if "DATABASE_URL" in deployment.environment:
            pytest.skip("a server has a clock of its own, which no test sets")
        deployment.apply(EXPIRY)
        edges = Edges(deployment, 0)
        for number in (1, 2):
            edges.ports[number] = free_port()
            edges.start(number, **clock.environment)
        open.callback(edges.close)
        yield Scene(edges, clock)
        edges.logged("the clock of this machine was set", 2)
        assert "Traceback" not in deployment.logs(), deployment.logs()
        assert "the lease has run out" not in deployment.logs(), "leases go by a clock that nobody sets"


def test_an_hour_forward(scene: Scene) -> None:
    """R-NTF-03, DESIGN 9: what was to end within that hour ends, and its watchers are told once; all else goes on, and
    no edge takes another one for dead although all leases seem to have run out."""
    scene.clock.set(HOUR)
    for watch in scene.short.values():
        wait_until(lambda watch=watch: len(watch.notifies) > 1, "the end of a subscription", 60)
        assert watch.notifies[1].get("Subscription-State") == "terminated;reason=timeout"
    scene.says("meal")
    scene.renewed()
    scene.says("away")
    scene.each_keeps_its_own()
    assert all(len(watch.notifies) == 2 for watch in scene.short.values())
    assert all(len(watch.notifies) == 3 for watch in scene.long.values()), "one for each change, and the first"
    again = scene.watchers[1].subscribe(scene.publisher.aor)
    assert again.sees("<rpid:away/>") and again.refresh().status == 200


def test_an_hour_back(scene: Scene) -> None:
    """R-NTF-03: what runs is there for longer, until its next refresh puts it right; nothing ends, nobody is told."""
    scene.clock.set(-HOUR)
    scene.says("meal")
    scene.renewed()
    scene.says("away")
    scene.each_keeps_its_own()
    for watch in scene.short.values():
        assert [(one.get("Subscription-State") or "").partition(";")[0] for one in watch.notifies] == ["active"] * 3
        assert rises(watch)
        heard = len(watch.notifies)
        assert watch.refresh(expires=2).status == 200
        assert watch.heard(heard + 1)
        last = watch.heard(heard + 2)
        assert last.get("Subscription-State") == "terminated;reason=timeout"

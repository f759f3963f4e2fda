"""An estate on machines of its own: edges that crash, that are cut off and that are drained, under load (DESIGN 9)."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from subprocess import Popen

import pytest

from sipedge.draining import DRAINED
from tests.faults.edges import LEASE, Edges
from tests.faults.load import figure, newest
from tests.faults.network import Network, needs_namespaces
from tests.faults.scene import Scene, scene
from tests.services import PostgreSQL, valkey
from tests.system import PROVISIONED, Deployment, deployed

pytestmark = pytest.mark.system

PORT = 5060
"Of every edge: each has an address of its own."

OUTAGES = (2 * LEASE, 8 * LEASE)
"Seconds that edges of the long form are away, beyond what the others need to take over: a minute is many a timeout."


class Estate(Edges):
    """Three edges, a database, a bus and two workers, each on a machine of its own."""

    def __init__(self, deployment: Deployment, network: Network) -> None:
        self.network = network
        self.source = network.here
        self.workers: dict[str, Popen[bytes]] = {}
        super().__init__(deployment, 3)

    def address(self, number: int) -> tuple[str, int]:
        return self.network[f"edge-{number}"].address, PORT

    def _surroundings(self, number: int) -> dict[str, str]:
        return self._own(f"edge-{number}")

    def _inside(self, number: int) -> list[str]:
        return self.network[f"edge-{number}"].inside

    def _own(self, name: str) -> dict[str, str]:
        """A machine's own files."""
        return {"CUPS_DATA_DIR": str(self.deployment.folder / name)}

    def start_workers(self) -> None:
        """Two, and a beat on the machine of the second one."""

        def start(name: str) -> None:
            inside = self.network[name].inside
            self.workers[name] = self.deployment.start_worker(name, beat=False, inside=inside, **self._own(name))

        with ThreadPoolExecutor() as starting:
            list(starting.map(start, ("worker-1", "worker-2")))
        self.deployment.start_beat(inside=self.network["worker-2"].inside, **self._own("worker-2"))


@pytest.fixture
def estate() -> Iterator[Estate]:
    """Clients are trusted at their address of the same network."""
    needs_namespaces()
    with Network("edge-1", "edge-2", "edge-3", "database", "bus", "worker-1", "worker-2") as network:
        database, bus = network["database"], network["bus"]
        provisioned = PROVISIONED.replace("{address: 127.0.0.1}", f"{{address: {network.here}}}")
        with (
            PostgreSQL(durable=True, host=database.address, inside=database.inside) as server,
            valkey(bus.address, bus.inside) as url,
            deployed(server=server.url, bus=url, provisioned=provisioned) as deployment,
        ):
            found = Estate(deployment, network)
            yield found
            found.close()
            assert "Traceback" not in deployment.logs(), deployment.logs()


def cut_off(estate: Estate, play: Scene, number: int, seconds: float, *crashed: int) -> None:
    """Cut an edge off until the others have taken its watchers and those of `crashed` ones, and for so many seconds
    more: when it is back it tells nobody anything stale, neither those who were its own nor those who come now."""
    machine = estate.network[f"edge-{number}"]
    begun = time.monotonic()
    machine.pull()
    play.nobody_at(number, *crashed)
    figure(f"lease of {LEASE} s: all watchers of a cut off edge hear from others after", time.monotonic() - begun)
    before = [len(phone.said) for phone in play.phones]
    play.load.goes_on(3)
    time.sleep(seconds)
    known = [one.last for one in play.load.publishers]
    begun = time.monotonic()
    machine.put_back()
    fresh = play.newcomers([number])
    figure("it takes subscriptions again after", time.monotonic() - begun)
    for watch, acknowledged in zip(fresh, known, strict=True):
        assert newest(watch.heard(1)) >= acknowledged, "what was acknowledged while it was away"
    play.load.goes_on(3)
    for phone, heard in zip(play.phones, before, strict=False):
        assert estate.address(number)[0] not in {said.host for said in phone.said[heard:]}


def test_an_edge_crashes_another_is_cut_off_and_the_last_one_is_drained(estate: Estate) -> None:
    """D-11, R-NTF-05, R-PUB-29: nothing that was acknowledged is lost, whatever becomes of edges and workers; watchers
    end with the final state, in order, each NOTIFY from one edge; the edge that was cut off says nothing stale."""
    estate.start_workers()
    with scene(estate) as play:
        play.begin()
        fault = time.monotonic()
        estate.kill(1)
        estate.workers["worker-1"].kill()
        play.ran_out("u50", 3)
        cut_off(estate, play, 2, 0.0, 1)
        figure("publishers of a dead or cut off edge have a 200 elsewhere after", play.load.resumed(fault))
        estate.start(1)
        begun = time.monotonic()
        estate.deployment.manage("drain", "edge-3")
        play.nobody_at(3)
        figure("drained, and all watchers handed over after", time.monotonic() - begun)
        assert estate.processes[3].wait(60) == DRAINED
        play.load.stop()
        play.newcomers([1, 2])
        play.end()
        play.swept("u50")


@pytest.mark.nightly
def test_edges_and_workers_come_and_go(estate: Estate) -> None:
    """D-11, R-NTF-05, R-PUB-29: for minutes, each edge in turn is cut off for a moment, for longer than its lease and
    for much longer, and crashes; and each worker."""
    estate.start_workers()
    with scene(estate) as play:
        play.begin()
        for number in estate.ports:
            kept = len(play.at(number))
            estate.network[f"edge-{number}"].pull()
            time.sleep(LEASE / 3)
            estate.network[f"edge-{number}"].put_back()
            play.load.goes_on(3)
            assert len(play.at(number)) == kept, "nobody has taken anything within its lease"
        for number, seconds in zip(estate.ports, (0.0, *OUTAGES), strict=True):
            cut_off(estate, play, number, seconds)
        for number in estate.ports:
            estate.kill(number)
            play.nobody_at(number)
            estate.start(number)
            play.newcomers([number])
            time.sleep(LEASE)  # who has just started takes nothing over
        for name in estate.workers:
            estate.network[name].pull()
            play.ran_out("u50", 1)
            time.sleep(OUTAGES[0])
            estate.network[name].put_back()
            play.swept("u50")
        estate.workers["worker-1"].kill()
        play.ran_out("u50", 1)
        play.swept("u50")
        play.end()

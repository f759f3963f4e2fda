"""An estate is upgraded edge by edge under load: each is drained, ends and starts again, and nothing is lost."""

import time

import pytest

from tests.faults.edges import Edges
from tests.faults.load import figure
from tests.faults.scene import scene
from tests.services import PostgreSQL, valkey
from tests.system import deployed

pytestmark = pytest.mark.system


def test_each_edge_in_turn(postgresql_server: PostgreSQL) -> None:
    """D-11, R-NTF-05, DESIGN 9: what docs/operations.md says of an upgrade, while clients publish and watch."""
    with valkey() as bus, deployed(server=postgresql_server.url, bus=bus) as deployment:
        edges = Edges(deployment, 2)
        try:
            with scene(edges) as play:
                play.begin()
                for number in edges.ports:
                    begun = time.monotonic()
                    deployment.manage("drain", f"edge-{number}", "--restart")
                    play.nobody_at(number)
                    assert edges.processes[number].wait(60) == 0, "who supervises it starts it again"
                    figure("drained, and all watchers handed over after", time.monotonic() - begun)
                    play.load.goes_on(3)
                    edges.start(number)
                    play.newcomers([number])
                    play.load.goes_on(3)
                figure("longest that a change has waited for its 200", play.load.longest)
                assert all(one.began == 1 for one in play.load.publishers), "an entity tag lasts through all of it"
                play.end()
        finally:
            edges.close()
        assert "Traceback" not in deployment.logs(), deployment.logs()

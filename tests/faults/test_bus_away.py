"""The bus is gone under load: nothing that it does is needed for a PUBLISH, and what it tells is seen in the rows."""

import signal
import urllib.request

import pytest

from tests.faults.edges import Edges
from tests.faults.load import PATIENCE, Load, Publisher, Recovery, holds
from tests.integrators import Listener, account
from tests.metrics.catalogue import key, numbers
from tests.phone import DOMAIN
from tests.rest import Web
from tests.services import Valkey, free_port
from tests.system import deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

STATES = (("meal", "available"), ("busy", "busy"))
"Activities, and what programs are told."


def number(port: int, name: str, **labels: str) -> float:
    """One of the numbers that a process tells Prometheus; 0 where it tells none."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        return numbers(answer.read().decode()).get(key(name, **labels), 0.0)


@pytest.mark.parametrize("how", ["killed", "hanging"])
def test_edges_web_and_worker_without_the_bus(how: str) -> None:
    """D-11, R-NTF-05: every PUBLISH is answered 200, watchers at another edge and programs at the web process see each
    last change, and when the bus is there again all of them hear it, and the worker works."""
    with Valkey() as bus, deployed(bus=bus.url) as deployment:
        token = account(deployment, "wallboard", persona=f"sip:u9@{DOMAIN}")
        edges, ports = Edges(deployment, 0), {}
        for one in (1, 2):
            edges.ports[one], ports[one] = free_port(), free_port()
            edges.start(one, CUPS_METRICS_LISTEN=f"127.0.0.1:{ports[one]}")
        worker = free_port()
        deployment.start_worker(CUPS_METRICS_LISTEN=f"127.0.0.1:{worker}")
        web = Web(deployment.start_web())
        publishers = [Publisher(edges.roamer(f"u{n}", 1)) for n in range(4)]
        watchers = [edges.roamer(f"u{n}", 2) for n in (10, 11)]
        watches = {one: [watcher.subscribe(one.phone.aor) for watcher in watchers] for one in publishers}
        load = Load(publishers, patience=30)
        try:
            load.goes_on(3)
            with Listener(web, token) as program:
                first = publishers[0].phone.aor
                program.asks("subscribe", aors=[first])
                program.is_told("presence")
                bus.kill() if how == "killed" else bus.signal(signal.SIGSTOP)
                load.goes_on(20)
                load.stop()
                assert set(load.answers) == {200}
                alone = Recovery(f"without the bus ({how})")
                holds(deployment, publishers, watches.__getitem__, edges.roamer("u12", 2))
                alone.over()
                for activity, state in STATES:
                    publishers[0].step(activity)
                    program.sees(first, state)
                for one in ports.values():
                    wait_until(lambda one=one: number(one, "cups_edge_bus_up") == 0.0, "the edge to notice", PATIENCE)
                assert web.page("/readyz")[0] == 503 and web.page("/livez")[0] == 200

                before = number(worker, "cups_tasks_total", task="presence.tasks.refresh_backend", outcome="success")
                back = Recovery(f"bus {how}")
                bus.start() if how == "killed" else bus.signal(signal.SIGCONT)
                for one in ports.values():
                    wait_until(lambda one=one: number(one, "cups_edge_bus_up") == 1.0, "the edge to hear", PATIENCE)
                back.over()
                holds(deployment, publishers, watches.__getitem__, edges.roamer("u13", 2))
                for activity, state in STATES:
                    publishers[0].step(activity)
                    program.sees(first, state)
                assert web.page("/readyz")[0] == 200
                wait_until(
                    lambda: number(worker, "cups_tasks_total", task="presence.tasks.refresh_backend", outcome="success")
                    > before,
                    "the worker and its beat", PATIENCE, 0.2,
                )  # fmt: skip
                back.over()
                assert "worker ready" in deployment.manage("check_worker")
        finally:
            load.stop()
            edges.close()
        logs = [path.read_text() for path in deployment.folder.glob("log-*")]
        ours = "".join(text for text in logs if "celery" not in text)
        assert "Traceback" not in ours, ours  # Celery says in its own way that it cannot send

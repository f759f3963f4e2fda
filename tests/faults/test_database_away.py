"""The database goes away under load: requests wait, then 503; nothing acknowledged is lost; the edge recovers."""

import signal
import threading
import time

import pytest

from tests.phone import Phone, pidf
from tests.services import PostgreSQL
from tests.system import deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

AWAY = 10.0
"Seconds."


@pytest.mark.parametrize("how", ["shut down", "hanging"])
def test_ten_seconds_without_the_database(postgresql_server: PostgreSQL, how: str) -> None:
    """D-11: 503 with Retry-After while it is away, and every 200 is durable."""
    server = postgresql_server
    with deployed(server=server.url) as deployment:
        deployment.start_edge()
        loads = [_Load(deployment.peer(f"u{number}")) for number in range(4)]
        watcher = deployment.peer("ippm4")
        watch = watcher.subscribe(loads[0].phone.aor)
        watch.heard(1)
        for load in loads:
            load.start()
        wait_until(lambda: all(load.accepted > 5 for load in loads), "a load")
        assert server.process is not None
        if how == "shut down":
            server.stop(signal.SIGQUIT)
        else:
            for pid in _family(server.process.pid):
                _signal(pid, signal.SIGSTOP)
        time.sleep(AWAY)
        before = [load.accepted for load in loads]
        if how == "shut down":
            server.start()
        else:
            for pid in _family(server.process.pid):
                _signal(pid, signal.SIGCONT)
        wait_until(
            lambda: all(load.accepted > count + 5 for load, count in zip(loads, before, strict=True)), "recovery", 60
        )
        for load in loads:
            load.stop()
        assert all(load.refused for load in loads), "requests were refused while the database was away"
        assert all(retry and int(retry) > 0 for load in loads for retry in load.retry_after)
        for load in loads:
            with deployment.peer(load.phone.aor.user) as probe:
                state = probe.subscribe(load.phone.aor).heard(1).body
                assert f"t{load.number}".encode() in state, "the last acknowledged change is there"
        watch.sees(f"t{loads[0].number}")
        watcher.close()


class _Load:
    """One client that publishes afresh when its tag is unknown, as clients do after a refusal."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.accepted = 0
        self.refused = 0
        self.retry_after: list[str | None] = []
        self.number = 0
        self._sent = 0
        self._tag: str | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self.phone.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._sent += 1
            body = pidf(self.phone.aor, tuple_id=f"t{self._sent}")
            answer = self.phone.publish(body, tag=self._tag, patience=60)
            if answer.status == 200:
                self._tag, self.number = answer.get("SIP-ETag"), self._sent
                self.accepted += 1
            elif answer.status == 503:
                self.refused += 1
                self.retry_after.append(answer.get("Retry-After"))
                time.sleep(0.1)
            elif answer.status == 412:  # a refused change was committed after all: its tag was never heard
                self._tag = None
            time.sleep(0.01)


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

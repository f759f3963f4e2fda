"""Two edge processes share their addresses: clients cannot tell that there are two (DESIGN section 9)."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from sipedge.sharing.home import home_of
from tests.phone import Phone, pidf
from tests.services import valkey
from tests.system import ROOT, Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

USERS = 8
"So many that both processes have some of them; connections from so many ports are at both, too."


@pytest.fixture(scope="module")
def shared() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus, tls=True) as deployment:
        deployment.start_edges(2)
        yield deployment
        wait_until(lambda: both_worked(deployment), "messages that went from each to the other", 30, 1)
        assert "Traceback" not in deployment.logs()


REPORTS = (
    "import json; from presence.models import EdgeLease; "
    "print(json.dumps([lease.report['beside'] for lease in EdgeLease.objects.all()]))"
)


def both_worked(deployment: Deployment) -> bool:
    reports = json.loads(deployment.manage("shell", "-v0", "-c", REPORTS))
    return len(reports) == 2 and all(one["passed"] and one["taken"] and one["reached"] == 1 for one in reports)


_numbers = count()


@pytest.fixture
def clients(shared: Deployment) -> Iterator["Clients"]:
    with ExitStack() as stack:
        yield Clients(shared, stack)


class Clients:
    def __init__(self, deployment: Deployment, stack: ExitStack) -> None:
        self._deployment = deployment
        self._stack = stack

    def __call__(self, transport: str) -> Phone:
        return self._stack.enter_context(self._deployment.client(f"u{next(_numbers)}", transport))

    def peers(self) -> tuple[Phone, Phone]:
        """Two clients of one user, with ports of their own."""
        user = f"u{next(_numbers)}"
        one, other = (self._stack.enter_context(self._deployment.peer(user)) for _ in range(2))
        return one, other


TRANSPORTS = ("UDP", "TCP", "TLS", "WS", "WSS")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_every_watcher_hears_every_presentity(clients: Clients, transport: str) -> None:
    """Wherever the kernel has put their datagrams and connections, until the end of each subscription."""
    presentities = [clients(transport) for _ in range(USERS)]
    watchers = [clients(transport) for _ in range(USERS)]
    watches = [w.subscribe(str(p.aor)) for w, p in zip(watchers, presentities, strict=True)]
    for presentity in presentities:
        assert presentity.publish(pidf(presentity.aor, activity="busy")).status == 200
    for watch in watches:
        watch.sees("<rpid:busy/>")
        assert watch.refresh().status == 200
    for watch in watches:
        assert watch.refresh(expires=0).status == 200
        assert wait_until(lambda w=watch: "terminated" in (w.notifies[-1].get("Subscription-State") or ""), "the end")


@pytest.mark.parametrize("sender", TRANSPORTS)
@pytest.mark.parametrize("receiver", TRANSPORTS)
def test_messages_reach_everybody(clients: Clients, sender: str, receiver: str) -> None:
    """Also over a connection that the other process holds."""
    receivers = [clients(receiver) for _ in range(4)]
    for one in receivers:
        assert one.register(one.contact).status == 200
    for number, one in enumerate(receivers):
        assert clients(sender).message(str(one.aor), f"hello {number}").status == 200
        one.reads(f"hello {number}")


def test_entity_tags_count_everywhere(clients: Clients) -> None:
    """What one client publishes, others of other ports modify and remove (R-PUB)."""
    for _ in range(USERS):
        first, second = clients.peers()
        tag = first.publish(pidf(first.aor, activity="busy")).get("SIP-ETag")
        assert second.publish(tag=tag, expires=0).status == 200
        assert second.publish(tag=tag).status == 412


def test_calls_have_two_ends(clients: Clients) -> None:
    """Caller and called are at home in different processes, on connections that either may hold."""
    for kind in ("UDP", "TCP", "TLS"):
        for _ in range(4):
            called, caller = clients(kind), clients("UDP")
            called.answer_with = 486
            assert called.register(called.contact).status == 200
            assert caller.ask("INVITE", str(called.aor), [], b"").status == 486


def at_home(deployment: Deployment, process: int) -> str:
    """A user whom no other test has, at home in this process of two."""
    while True:
        user = f"u{next(_numbers)}"
        home = home_of(f"PUBLISH sip:{user}@x SIP/2.0\r\nTo: x\r\n\r\n".encode(), 2, {})
        if home is not None and home.index == process:
            return user


def test_a_stranger_does_not_share(shared: Deployment, tmp_path: Path) -> None:
    """Another installation with the same address gets a sentence, and nothing of what comes there."""
    environment = {**shared.environment, "CUPS_DATA_DIR": str(tmp_path), "CUPS_EDGE_SHARE": "1/2"}
    environment["CUPS_SIP_LISTEN"] = f"udp:127.0.0.1:{shared.proxy}:proxy"
    if "DATABASE_URL" not in environment:
        shutil.copy(shared.folder / "cups.sqlite3", tmp_path)
    words = [sys.executable, "manage.py", "run_sipedge"]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert f"udp 127.0.0.1:{shared.proxy} cannot be opened: Address already in use" in done.stderr


def test_a_process_dies() -> None:
    """Its users publish and subscribe at the other one; its dialogs wait for its successor, which goes on with them."""
    with valkey() as bus, deployed(bus=bus) as deployment, ExitStack() as stack:
        first, second = deployment.start_edges(2)
        user = at_home(deployment, 1)
        presentity = stack.enter_context(deployment.peer(user))
        watcher = stack.enter_context(deployment.peer(f"u{next(_numbers)}"))
        watch = watcher.subscribe(str(presentity.aor))
        tag = presentity.publish(pidf(presentity.aor, activity="busy")).get("SIP-ETag")
        watch.sees("<rpid:busy/>")
        second.kill()
        second.wait()
        assert presentity.publish(pidf(presentity.aor, activity="away"), tag=tag).status == 200
        newcomer = stack.enter_context(deployment.peer(f"u{next(_numbers)}"))
        newcomer.subscribe(str(presentity.aor)).sees("<rpid:away/>")
        deployment.start_edge("edge-2", CUPS_EDGE_SHARE="2/2")
        watch.sees("<rpid:away/>")
        numbers = [one.cseq.number for one in watch.notifies]
        assert numbers == sorted(set(numbers)), "CSeq goes on"
        assert watch.refresh().status == 200
        assert first.poll() is None


def test_a_request_waits_for_a_restart() -> None:
    """A refresh that comes while its process is away is answered by the successor, as if nothing had been."""
    with valkey() as bus, deployed(bus=bus) as deployment, ExitStack() as stack:
        _, second = deployment.start_edges(2)
        presentity = stack.enter_context(deployment.peer(at_home(deployment, 1), transport="TCP"))
        watch = stack.enter_context(deployment.peer(f"u{next(_numbers)}")).subscribe(str(presentity.aor))
        watch.heard(1)
        second.send_signal(signal.SIGTERM)
        second.wait(20)
        with ThreadPoolExecutor(1) as beside:
            answer = beside.submit(watch.refresh)
            deployment.start_edge("edge-2", CUPS_EDGE_SHARE="2/2")
            assert answer.result(60).status == 200

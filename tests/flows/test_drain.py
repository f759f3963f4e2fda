"""An edge is taken out of service: nothing new there, its watchers hear from the other one, and it goes (DESIGN 9)."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis

from provisioning import asking
from sipedge.draining import DRAINED
from sipedge.sip.message import Request
from tests.phone import Phone, pidf
from tests.rest import integrator
from tests.services import free_port, valkey
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

WATCHERS = 3


class Pair:
    """Two edges of one deployment; clients speak to the engine of either."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.first = deployment.start_edge("edge-1")
        self.other = ("127.0.0.1", free_port())
        listen = ",".join(f"{transport}:127.0.0.1:{self.other[1]}:engine" for transport in ("udp", "tcp"))
        self.second = deployment.start_edge("edge-2", CUPS_SIP_LISTEN=listen, CUPS_CSTA_LISTEN="")
        self._clients = ExitStack()

    def at_first(self, user: str, transport: str = "UDP") -> Phone:
        return self._clients.enter_context(self.deployment.peer(user, transport=transport))

    def at_second(self, user: str) -> Phone:
        return self._clients.enter_context(Phone(user, self.other, asserted=True))

    def close(self) -> None:
        self._clients.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    with valkey() as bus, deployed(bus=bus) as deployment:
        found = Pair(deployment)
        yield found
        found.close()
        assert "Traceback" not in deployment.logs()


def contact_port(notify: Request) -> int:
    """Where the watcher refreshes from now on."""
    return int(
        (notify.get("Contact") or "").partition("<sip:")[2].partition(">")[0].partition(";")[0].rpartition(":")[2]
    )


def test_no_subscription_is_lost(pair: Pair) -> None:
    """Watchers over UDP are told by the other edge in the same dialog, those over TCP that they should come again; who
    asks for something new meanwhile is sent away; the edge ends, and says that it wants to stay down."""
    deployment = pair.deployment
    presentity = pair.at_second("u0")
    tag = presentity.publish(pidf(presentity.aor, activity="busy")).get("SIP-ETag")
    watchers = [pair.at_first(f"u{number}") for number in range(1, WATCHERS + 1)]
    watches = [one.subscribe(presentity.aor) for one in watchers]
    bound = pair.at_first("u10", "TCP").subscribe(presentity.aor)
    slow = pair.at_first("u11", "TCP")
    hanging = slow.subscribe(presentity.aor)
    for watch in (*watches, bound, hanging):
        assert watch.sees("<rpid:busy/>")
    slow.answer_with = 0  # so that the edge has something to wait for
    heard = len(watches[0].notifies)
    assert "subscriptions handed over" in deployment.manage("drain", "edge-1", "--no-wait", "--patience", "15")
    for one in watchers:
        one.socket.connect(pair.other)  # as any client, it takes what its dialog brings, wherever it comes from
    newcomer = pair.at_first("u12")
    for answer in (newcomer.register(newcomer.contact), newcomer.subscribe(presentity.aor).response):
        assert answer.status == 503 and int(answer.get("Retry-After") or "") > 0
    assert newcomer.ask("OPTIONS", f"sip:{newcomer.aor.host}").status == 503, "load balancers ask so"
    assert newcomer.register(newcomer.contact, expires=0).status == 200, "taking something back is welcome"
    assert wait_until(lambda: "deactivated" in (bound.notifies[-1].get("Subscription-State") or ""), "the last NOTIFY")
    for watch in watches:
        told = watch.heard(heard + 1)
        assert contact_port(told) == pair.other[1] and b"<rpid:busy/>" in told.body
        assert (told.get("Subscription-State") or "").startswith("active")
    assert pair.first.wait(60) == DRAINED
    presentity.publish(pidf(presentity.aor, activity="away"), tag=tag)
    for watch in watches:
        watch.sees("<rpid:away/>")
        assert watch.refresh().status == 200
        numbers = [notify.cseq.number for notify in watch.notifies]
        assert numbers == sorted(set(numbers))
        assert watch.refresh(expires=0).status == 200


def test_an_edge_on_its_own_keeps_its_watchers_for_its_successor(pair: Pair) -> None:
    """Nobody is there to take them: they go on when it is back."""
    deployment = pair.deployment
    pair.second.terminate()
    assert pair.second.wait(20) == 0
    presentity, watcher = pair.at_first("u0"), pair.at_first("u1")
    presentity.publish(pidf(presentity.aor, activity="busy"))
    watch = watcher.subscribe(presentity.aor)
    watch.sees("<rpid:busy/>")
    said = deployment.manage("drain", "edge-1", "--restart")
    assert "1 kept for its successor" in said and "edge-1 is drained" in said
    assert pair.first.wait(20) == 0, "who supervises it starts it again"
    deployment.start_edge("edge-1")
    presentity.publish(pidf(presentity.aor, activity="away", tuple_id="t2"))
    watch.sees("<rpid:away/>")
    assert watch.refresh().status == 200


def test_what_cannot_be_drained_is_one_sentence(pair: Pair) -> None:
    assert pair.deployment.attempt("drain", "edge-9") == (
        "CommandError: there is no edge edge-9; there are: edge-1, edge-2\n",
        1,
    )
    assert "--patience: expected 0 to 3600 seconds" in pair.deployment.attempt("drain", "edge-1", "--patience", "-1")[0]
    pair.first.terminate()
    pair.first.wait(20)
    assert "edge edge-1 does not listen" in pair.deployment.attempt("drain", "edge-1")[0]


def test_an_edge_that_is_ready_can_be_asked(pair: Pair) -> None:
    """Who starts an edge and asks it at once is not told that nobody listens."""
    bus = redis.Redis.from_url(pair.deployment.environment["VALKEY_URL"])
    for name in ("edge-1", "edge-2", "edge-3"):
        if name == "edge-3":
            pair.deployment.start_edge(name, CUPS_SIP_LISTEN="udp:127.0.0.1:0:engine", CUPS_CSTA_LISTEN="")
        assert bus.pubsub_numsub(asking.channel(name))[0][1] == 1, name


def test_by_rest_it_says_how_far_it_is_until_it_has_gone(pair: Pair) -> None:
    """Whoever drains may ask again at any time, also when the edge has left; a stopped one is none to be drained."""
    deployment, web = pair.deployment, integrator(pair.deployment)
    presentity = pair.at_second("u0")
    tag = presentity.publish(pidf(presentity.aor, activity="busy")).get("SIP-ETag")
    watcher = pair.at_first("u1")
    watch = watcher.subscribe(presentity.aor)
    watch.sees("<rpid:busy/>")
    watcher.socket.connect(pair.other)  # as any client, it takes what its dialog brings, wherever it comes from
    heard = len(watch.notifies)
    said: list[dict[str, Any]] = []

    def done() -> bool:
        status, answer = web.ask("POST", "edges/edge-1/drain/", {"patience": 15})
        assert status == 202, answer
        said.append(answer)
        return bool(answer["step"] == "done") and pair.first.poll() is not None

    wait_until(done, "the end of edge-1", 60)
    assert pair.first.wait(20) == DRAINED
    assert web.ask("GET", "edges/edge-1/")[1]["state"] == "stopped"
    assert (said[-1]["handed_over"], said[-1]["kept"]) == (1, 0)
    assert web.ask("POST", "edges/edge-1/drain/", {})[1] == said[-1]
    assert contact_port(watch.heard(heard + 1)) == pair.other[1]
    presentity.publish(pidf(presentity.aor, activity="away"), tag=tag)
    watch.sees("<rpid:away/>")
    (row,) = web.ask("GET", f"subscriptions/?watcher={watcher.aor}")[1]["results"]
    assert row["edge"] == "edge-2"
    assert web.ask("POST", f"subscriptions/{row['id']}/end/", {"reason": "giveup"}) == (204, None)
    wait_until(
        lambda: watch.notifies[-1].get("Subscription-State") == "terminated;reason=giveup", "the last NOTIFY, by edge-2"
    )
    pair.second.terminate()
    assert pair.second.wait(20) == 0
    status, answer = web.ask("POST", "edges/edge-2/drain/", {})
    assert (status, answer["detail"]) == (409, "edge-2 has stopped.")
    assert "Traceback" not in deployment.logs()

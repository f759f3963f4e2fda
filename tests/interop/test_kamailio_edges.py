"""The Kamailio of deploy/kamailio before two edges: users come to one machine each, and to the other when that dies."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.caller import Caller
from tests.faults.edges import contact_of, rises
from tests.interop.kamailio_edges import WRONG_PASSWORDS, Balancer
from tests.phone import Phone, Watch, pidf
from tests.services import free_port, valkey
from tests.system import PROVISIONED, Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

EDGES = ("berlin-1", "berlin-2")
HOST, FRONT, CLIENT, STRANGER = "127.0.0.1", "127.0.0.21", "127.0.0.31", "127.0.0.32"
"Where edges, proxy and clients speak from: Kamailio knows its edges by their address, and they know it by its own."

LEASE = "6"
"Seconds."

USERS = 8
"As many as come to both edges by any hash."

BRIEF = 10.0
"Seconds for an answer: fewer than Kamailio gives an edge here, so that an answer has not waited for a dead one."

WHERE = (
    "import json; from sipedge.models import Binding; "
    "print(json.dumps(dict(Binding.objects.order_by('updated_at').values_list('persona__user', 'edge'))))"
)
"Who has registered at which edge, as the rows say."


class Site:
    """Two edges on one database and one bus, and Kamailio before them."""

    def __init__(self, deployment: Deployment, folder: Path, transport: str) -> None:
        self.deployment = deployment
        self.transport = transport
        "Between the proxy and the edges."
        self.ports = {name: free_port() for name in EDGES}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for name in EDGES:
            self.start(name)
        addresses = [(HOST, port) for port in self.ports.values()]
        self.front = Balancer(folder, addresses, transport=transport, host=FRONT)
        self.front.start()

    def start(self, name: str) -> None:
        """Start an edge at its address."""
        listen = ",".join(f"{transport}:{HOST}:{self.ports[name]}:proxy" for transport in ("udp", "tcp"))
        self.processes[name] = self.deployment.start_edge(
            name, CUPS_SIP_LISTEN=listen, CUPS_CSTA_LISTEN="", CUPS_LEASE_SECONDS=LEASE
        )

    def registered(self) -> dict[str, str]:
        """User -> edge."""
        found: dict[str, str] = json.loads(self.deployment.manage("shell", "-v0", "-c", WHERE))
        return found

    def edge_of(self, watch: Watch) -> str:
        """The edge that has a subscription: its Contact says so."""
        _, port = contact_of(watch)
        return next(name for name in EDGES if self.ports[name] == port)

    def phone(self, user: str, client: str) -> Phone:
        """A client of the proxy over this transport."""
        return Phone(user, (FRONT, self.front.port), transport=client, source=CLIENT)

    def caller(self, user: str, client: str) -> Caller:
        """One that makes and takes calls, registered."""
        made = Caller(user, (FRONT, self.front.port), transport=client, source=CLIENT)
        assert made.register().status == 200
        return made


@pytest.fixture
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    provisioned = PROVISIONED + f"limit_exemptions: [{{network: {FRONT}/32}}]\n"
    with valkey() as bus, deployed(bus=bus, provisioned=provisioned) as deployment:
        found = Site(deployment, tmp_path / "front", request.param)
        yield found
        found.front.stop()
        assert "Traceback" not in deployment.logs(), deployment.logs()


def told(phone: Phone, activity: str, tag: str | None = None) -> str:
    """Publish; the new entity tag."""
    answer = phone.publish(pidf(phone.aor, activity=activity), tag=tag, patience=60)
    assert answer.status == 200, answer
    return answer.get("SIP-ETag") or ""


@pytest.mark.parametrize(
    ("site", "client"),
    [
        ("udp", "UDP"),
        ("tcp", "TCP"),
        pytest.param("udp", "TCP", marks=pytest.mark.nightly),
        pytest.param("tcp", "UDP", marks=pytest.mark.nightly),
    ],
    indirect=["site"],
)
def test_each_user_has_one_edge_and_another_one_when_that_dies(site: Site, client: str) -> None:
    """R-ARC-05, R-NTF-05, D-11, D-46, RFC 3327: clients log in at the edges through the proxy, which has neither users
    nor memory; watchers and messages find the client by its Path and by recorded routes."""
    phones = [site.phone(f"u{number}", client) for number in range(USERS)]
    try:
        for phone in phones:
            assert phone.register().status == 200
        guesses(site, client)
        tags = [told(phone, "busy") for phone in phones]
        watches = [phones[number - 1].subscribe(phone.aor) for number, phone in enumerate(phones)]
        for watch in watches:
            watch.sees("<rpid:busy/>")
        tags = [told(phone, "away", tag) for phone, tag in zip(phones, tags, strict=True)]
        for watch in watches:
            watch.sees("<rpid:away/>")
            assert watch.within_route(expires=3600).status == 200
        for number, phone in enumerate(phones):
            assert phones[number - 1].message(f"u{number}", f"to {number}").status in (200, 202)
            phone.reads(f"to {number}")
        homes = {f"u{number}": site.edge_of(watch) for number, watch in enumerate(watches)}
        assert homes == site.registered(), "a user's clients and watchers are at one edge"
        assert set(homes.values()) == set(EDGES), "both have something to do"
        calls(site, client)
        dies(site, client, phones, watches, homes, tags)
    finally:
        for phone in phones:
            phone.close()


def guesses(site: Site, client: str) -> None:
    """The edges ask for passwords and look at them; an address with too many wrong ones is refused by the proxy."""
    server = (FRONT, site.front.port)
    with Phone("u0", server, transport=client, source=STRANGER, password="wrong") as wrong:
        assert [wrong.register().status for _ in range(WRONG_PASSWORDS + 1)] == [*[401] * WRONG_PASSWORDS, 503]
    with Phone("u0", server, transport=client, source=STRANGER) as right:
        assert right.register().status == 503, "what was wrong counts for the address"


def calls(site: Site, client: str) -> None:
    """A call through proxy and edge: set up, and ended by either side."""
    alice, bob = site.caller("u500", client), site.caller("u501", client)
    for one, other in ((alice, bob), (bob, alice)):
        invite = one.call(other.aor, by_proxy=True)
        got = other.takes("INVITE")
        other.answer(got, 180)
        one.hears(180)
        other.answer(got, 200)
        answer = one.hears(200)
        one.acknowledge(invite, answer)
        assert other.takes("ACK").to.tag == "callee"
        if one is alice:
            bye, hearer, sayer = other.back(got, "BYE"), one, other
        else:
            bye, hearer, sayer = one.within(invite, answer, "BYE", invite.cseq.number + 1), other, one
        sayer.send(bye.encode())
        hearer.answer(hearer.takes("BYE"), 200)
        sayer.hears(200, "BYE")
    alice.hang_up()
    bob.hang_up()


def dies(
    site: Site, client: str, phones: list[Phone], watches: list[Watch], homes: dict[str, str], tags: list[str]
) -> None:
    """One edge is killed: its users go on at the other one, and come back with it."""
    gone, left = EDGES
    mine = [number for number in range(USERS) if homes[f"u{number}"] == gone]
    site.processes[gone].kill()
    site.processes[gone].wait()
    first = phones[mine[0]]
    tags[mine[0]] = told(first, "meal", tags[mine[0]])
    with site.phone("u600", client) as watcher:
        wait_until(lambda: brief(watcher, first), "an answer that has not waited for the dead edge", 120)
        for number in mine:
            assert watcher.message(f"u{number}", f"still {number}", patience=60).status in (200, 202)
            phones[number].reads(f"still {number}")
            tags[number] = told(phones[number], "meeting", tags[number])
            assert phones[number].register(patience=60).status == 200
            fresh = watcher.subscribe(phones[number].aor, patience=60)
            fresh.sees("<rpid:meeting/>")
            assert site.edge_of(fresh) == left
        for number in mine:
            taken_over(site, watches[number], left)
        site.start(gone)
        wait_until(lambda: back(site, watcher, first, gone), "the edge that is there again", 120, 0.5)


def taken_over(site: Site, watch: Watch, left: str) -> None:
    """Who watched somebody at the dead edge hears where to go on, by the recorded route; or, where the proxy spoke to
    that edge over a connection, that the subscription has ended."""
    if site.transport == "tcp":
        wait_until(
            lambda: watch.notifies[-1].get("Subscription-State") == "terminated;reason=deactivated", "the end", 120
        )
        return
    wait_until(lambda: site.edge_of(watch) == left, "the other edge's Contact", 120)
    watch.sees("<rpid:meeting/>")
    assert rises(watch)
    assert watch.within_route(expires=3600).status == 200


def brief(watcher: Phone, presentity: Phone) -> bool:
    """Somebody who asks now is answered at once."""
    try:
        return watcher.subscribe(presentity.aor, expires=0, patience=BRIEF).response.status == 200
    except AssertionError:
        return False


def back(site: Site, watcher: Phone, presentity: Phone, edge: str) -> bool:
    """Who wants to know of this user now comes to this edge."""
    watch = watcher.subscribe(presentity.aor, patience=60)
    watch.heard(1)
    return site.edge_of(watch) == edge

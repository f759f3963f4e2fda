"""Other domains by name server: SRV, TLS under the domain's own name, guests by name (D-02, D-22, RFC 3263, 5922)."""

import shutil
from collections.abc import Iterator

import pytest

from tests.flows.pair import FAR, THERE, Sites
from tests.nameserver import NameServer
from tests.phone import DOMAIN, pidf
from tests.services import valkey
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system


class World:
    """Two domains and the name server that knows both."""

    def __init__(self, names: NameServer, here: Deployment, there: Deployment) -> None:
        self.names = names
        self.here = here
        self.there = there

    def records(self, *transports: str) -> None:
        """The servers of the other domain, by SRV; short-lived, so that the next test can say something else."""
        ports = {"udp": self.there.proxy, "tcp": self.there.proxy, "tls": self.there.proxy_tls}
        prefix = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
        self.names.tell(
            f"{DOMAIN} 1 A 127.0.0.1",
            f"host.{THERE} 1 A 127.0.0.1",
            *(f"{prefix[kind]}.{THERE} 1 SRV 10 10 {ports[kind]} host.{THERE}" for kind in transports),
        )


LOOKED_UP_WITHIN = 60.0
"Seconds: an edge looks every five who the servers of a domain are, and may have asked between two records."

PAUSE = 0.5
"Seconds between two tries: a client that tries all the time is refused for a minute (D-39)."


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    far = FAR.replace("access_list: [{address: 127.0.0.1}]", f"access_list: [{{domain: {DOMAIN}}}]")
    with (
        NameServer() as names,
        valkey() as bus,
        valkey() as other,
        deployed(bus=bus, tls=True, dns=names.address) as here,
        deployed(bus=other, tls=True, dns=names.address, provisioned=far) as there,
    ):
        found = World(names, here, there)
        found.records("tcp")
        for one, peer in ((here, there), (there, here)):
            shutil.copy(peer.folder / "tls" / "development-ca.crt", one.folder / "tls" / "servers-ca.pem")
        here.apply(f"access_list: [{{name: host.{THERE}}}]")
        for one in (here, there):
            one.start_edge()
        yield found
        assert "Traceback" not in here.logs() + there.logs()


@pytest.fixture
def sites(world: World) -> Iterator[Sites]:
    found = Sites(world.here, world.there)
    yield found
    found.close()


@pytest.mark.parametrize("transport", ["tcp", "udp", "tls"])
def test_a_message_finds_the_server_of_its_domain(world: World, sites: Sites, transport: str) -> None:
    """R-ARC-07, R-TRN-01, D-02, D-22: by SRV; the other side lets the domain's server in, found the same way."""
    world.records(transport)
    near, far = sites.near("u1"), sites.far("f1", "TCP")
    far.register()

    def came() -> bool:
        """What the name server said before is forgotten within seconds."""
        far.messages.clear()
        return (
            near.message(far.aor, f"by {transport}").status == 200
            and far.reads(f"by {transport}").vias[1].transport == transport.upper()
        )

    wait_until(came, "the way that the name server says", LOOKED_UP_WITHIN, PAUSE)


def test_a_subscription_finds_it_too(world: World, sites: Sites) -> None:
    """R-ARC-07, R-FLW-03: and the NOTIFYs come back to a client behind its own connection."""
    world.records("tls", "tcp")
    near, far = sites.near("u2", "TCP"), sites.far("f2")
    far.publish(pidf(far.aor, activity="busy"))
    watch = wait_until(
        lambda: one if (one := near.subscribe(far.aor)).response.status == 200 else None,
        "the way",
        LOOKED_UP_WITHIN,
        PAUSE,
    )
    watch.sees("<rpid:busy/>")


def test_a_certificate_for_somebody_else_is_not_believed(world: World, sites: Sites) -> None:
    """RFC 5922 7.3: the next offer of the domain is taken, if there is one; sips is not carried in the clear."""
    world.names.tell(
        f"host.{THERE} 1 A 127.0.0.1",
        f"_sips._tcp.wrong.example 1 SRV 1 1 {world.there.proxy_tls} host.{THERE}",
        f"_sip._tcp.wrong.example 1 SRV 1 1 {world.there.proxy} host.{THERE}",
    )
    near = sites.near("u3")
    # The server there knows no domain wrong.example and carries no guests, so 403 says that it was reached.
    wait_until(
        lambda: near.message("sip:f1@wrong.example").status == 403, "the way in the clear", LOOKED_UP_WITHIN, PAUSE
    )
    assert near.message("sips:f1@wrong.example").status == 480
    assert "a certificate speaks for somebody else" in world.here.logs()


def test_a_domain_that_nobody_knows(world: World, sites: Sites) -> None:
    """D-02: 404; and 480 where its servers are not there."""
    world.names.tell("_sip._tcp.gone.example 1 SRV 1 1 9 host.gone.example", "host.gone.example 1 A 127.0.0.1")
    near = sites.near("u4")
    assert near.message("sip:a@unknown.example").status == 404
    assert near.message("sip:a@gone.example").status == 480


def test_a_foreign_server_is_found_by_its_domain(world: World, sites: Sites) -> None:
    """R-BCK-01, D-32: an address without a port is a domain; over TLS under that name."""
    world.records("tls")
    world.there.apply("trusted_peers: [{address: 127.0.0.1}]")
    world.here.apply(
        f"foreign_servers: [{{name: far, address: {THERE}, transport: tls}}]\n"
        f"mappings: [{{user: 'u9@{DOMAIN}', foreign: 'f9@{THERE}', server: far}}]"
    )
    near, far = sites.near("u5"), sites.far("f9")
    far.publish(pidf(far.aor, activity="meeting"))
    wait_until(
        lambda: b"<rpid:meeting/>" in near.subscribe(f"sip:u9@{DOMAIN}").heard(1).body,
        "the state from there",
        LOOKED_UP_WITHIN,
        PAUSE,
    )

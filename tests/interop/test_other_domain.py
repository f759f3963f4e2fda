"""We and the Kamailio of another domain: messages and presence both ways, found by the domain name system.

A request of a user of ours goes where NAPTR and SRV records say (RFC 3263), with us in the recorded route; the access
list admits the servers that the records of the domain name, and nobody else.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.rcode
import psutil
import pytest

from tests.interop.kamailio_domain import DOMAIN, KamailioDomain
from tests.nameserver import NameServer
from tests.phone import DOMAIN as OURS
from tests.phone import Phone, pidf
from tests.services import free_port, valkey
from tests.system import PROVISIONED, Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

HOST = "127.0.0.9"
"Where the other server is: 127.0.0.1 would be believed for other reasons."

LIFETIME = 2
"Seconds until it closes a connection that is idle; it looks every few seconds."

ADMITTED = PROVISIONED + f"access_list: [{{domain: {DOMAIN}}}]\n"
BOB, CAROL = f"sip:bob@{DOMAIN}", f"sip:carol@{DOMAIN}"
ANN, OTHER, THIRD = (f"sip:u{number}@{OURS}" for number in (1, 2, 3))
TEXT = "„Grüße“ to 'another' \"domain\"\r\n<and> back ☎"


@contextlib.contextmanager
def two_domains(
    folder: Path,
    transport: str,
    told: Callable[[KamailioDomain], list[str]] = KamailioDomain.records,
    **options: int,
) -> Iterator[tuple[Deployment, KamailioDomain, NameServer]]:
    """Our edge and the other domain's server, and the name server; `told`: what that says of it from the start."""
    with (
        NameServer() as names,
        valkey() as bus,
        deployed(bus=bus, dns=names.address, provisioned=ADMITTED, tls=transport == "tls") as site,
    ):
        port, authority = site.door(transport)
        certificate = None
        if authority is not None:
            site.manage("make_certificates", DOMAIN)
            certificate = authority.with_name(f"{DOMAIN}.pem")
            for believed in ("clients-ca.pem", "servers-ca.pem"):
                shutil.copy(authority, authority.with_name(believed))
        server = KamailioDomain(
            folder / "kamailio", port, transport=transport, host=HOST, certificate=certificate, authority=authority,
            **options,
        )  # fmt: skip
        names.tell(*told(server))
        site.start_edge()
        server.start()
        try:
            yield site, server, names
        finally:
            server.stop()
        assert "Traceback" not in site.logs()


@pytest.fixture(scope="module", params=["udp", "tcp", "tls"])
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Deployment, KamailioDomain, NameServer]]:
    with two_domains(tmp_path_factory.mktemp(request.param), request.param) as found:
        yield found


def registered(site: Deployment, aor: str) -> Phone:
    """A client of ours."""
    phone = site.phone(aor.removeprefix("sip:"))
    assert phone.register().status == 200
    return phone


def test_messages_go_both_ways(both: tuple[Deployment, KamailioDomain, NameServer]) -> None:
    """D-02, R-ARC-07, R-TRN-01, R-MSG-01, R-MSG-02, RFC 3263: to the letter; the name server is asked once."""
    site, server, names = both
    with registered(site, ANN) as ann, server.user("bob") as bob:
        for text in (TEXT, "the second"):
            assert ann.message(BOB, text).status == 200
            assert str(bob.reads(text).from_.uri) == ANN
            assert bob.message(ANN, text).status == 200
            assert str(ann.reads(text).from_.uri) == BOB
        assert names.asked(server.service, "SRV") == 1
        assert ann.message(f"sip:nobody@{DOMAIN}").status == 404
        assert bob.message(f"sip:nobody@{OURS}").status == 404


def test_its_user_is_watched_from_here(both: tuple[Deployment, KamailioDomain, NameServer]) -> None:
    """D-02, R-ARC-07, R-FLW-03: begun, told of a change, refreshed and ended, all through us."""
    site, server, _ = both
    with registered(site, OTHER) as other, server.user("carol") as carol:
        published = carol.publish(pidf(CAROL, activity="busy"))
        watch = other.subscribe(CAROL)
        assert watch.response.status in (200, 202)
        assert str(watch.sees("<rpid:busy/>").from_.uri) == CAROL
        carol.publish(pidf(CAROL, activity="away"), tag=published.get("SIP-ETag"))
        watch.sees("<rpid:away/>")
        assert watch.within_route(expires=600).status in (200, 202)
        assert watch.within_route(expires=0).status in (200, 202)
        wait_until(
            lambda: (watch.notifies[-1].get("Subscription-State") or "").startswith("terminated"), "the last NOTIFY"
        )


def test_its_user_watches_one_of_ours(both: tuple[Deployment, KamailioDomain, NameServer]) -> None:
    """R-ARC-07, R-SUB-08, D-10, D-21: as the user of its domain that it says it is."""
    site, server, _ = both
    with registered(site, THIRD) as third, server.user("dave") as dave:
        published = third.publish(pidf(THIRD, activity="busy"))
        watch = dave.subscribe(THIRD)
        assert watch.response.status == 200
        watch.sees("<rpid:busy/>")
        third.publish(pidf(THIRD, activity="away"), tag=published.get("SIP-ETag"))
        watch.sees("<rpid:away/>")
        assert watch.within_route(expires=600).status == 200
        assert watch.within_route(expires=0).status == 200
        wait_until(
            lambda: watch.notifies[-1].get("Subscription-State") == "terminated;reason=timeout", "the last NOTIFY"
        )


@pytest.mark.parametrize(
    ("transport", "ours_first"),
    [("tcp", True), ("tls", True), ("tcp", False), ("tls", False)],
)
def test_dialogs_outlive_connections(tmp_path: Path, transport: str, ours_first: bool) -> None:
    """R-ARC-07, R-TRN-01, D-46, RFC 3261 12.2.1.1: Kamailio records its IP address, and closes what is idle."""
    with (
        two_domains(tmp_path, transport, lifetime=LIFETIME) as (site, server, _),
        registered(site, ANN) as ann,
        server.user("bob") as bob,
    ):
        if ours_first:
            watch = ann.subscribe(BOB)
            watch.heard(1)
        else:
            watch = bob.subscribe(ANN)
            watch.heard(1)
        wait_until(lambda: not connected(site), "the end of the connections between the servers")
        if ours_first:
            assert watch.within_route(expires=600).status in (200, 202)
            bob.publish(pidf(BOB, activity="busy"))
        else:
            ann.publish(pidf(ANN, activity="busy"))
        watch.sees("<rpid:busy/>")


def connected(site: Deployment) -> bool:
    """The edge has a connection with the other server."""
    found = psutil.Process(site.edge.pid).net_connections("tcp")
    return any(one.status == psutil.CONN_ESTABLISHED and one.raddr.ip == HOST for one in found if one.raddr)


def test_a_dead_server_is_passed_over(tmp_path: Path) -> None:
    """RFC 3263 section 4.3: the first by priority refuses the connection, the second takes the message."""
    dead = f"_sip._tcp.{DOMAIN} SRV 5 50 {free_port(host=HOST)} sip.{DOMAIN}"
    with (
        two_domains(tmp_path, "tcp", lambda server: [*server.records(), dead]) as (site, server, _),
        registered(site, ANN) as ann,
        server.user("bob") as bob,
    ):
        assert ann.message(BOB, TEXT).status == 200
        bob.reads(TEXT)


def test_a_server_that_the_records_do_not_name_is_not_admitted(tmp_path: Path) -> None:
    """D-21: it says that it is of the domain, and is challenged like anybody; once the records name it, it is not."""
    with (
        two_domains(tmp_path, "tcp", lambda server: server.records("127.0.0.77", ttl=1)) as (site, server, names),
        registered(site, ANN) as ann,
        server.user("bob") as bob,
    ):
        assert bob.message(ANN, TEXT, login=False).status == 407
        names.tell(*server.records())
        wait_until(lambda: bob.message(ANN, TEXT, login=False).status == 200, "being admitted", 60)
        ann.reads(TEXT)


def test_an_answer_that_does_not_come_is_said_to_the_sender(tmp_path: Path) -> None:
    """RFC 3263: no such domain, a name server that fails, and one that is silent; the edge goes on meanwhile."""
    with (
        two_domains(tmp_path, "tcp") as (site, _, names),
        registered(site, ANN) as ann,
        registered(site, OTHER) as other,
    ):
        assert ann.message("sip:bob@nowhere.example").status >= 400
        names.rcode = dns.rcode.SERVFAIL
        assert ann.message("sip:bob@failing.example").status >= 400
        names.silent = True
        assert ann.message("sip:bob@silent.example").status >= 400
        for name in ("nowhere", "failing", "silent"):
            assert any(one.name.endswith(f"{name}.example") for one in names.questions)
        assert ann.message(other.aor, "meanwhile").status == 200
        other.reads("meanwhile")

"""A real Kamailio as trusted proxy before our engine role: over TCP and mutual TLS, and what it is refused."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.interop.kamailio_front import Front
from tests.phone import Phone, pidf
from tests.services import valkey
from tests.system import PROVISIONED, Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

TRUSTED, STRANGE = "127.0.0.9", "127.0.0.10"
"Addresses that a proxy speaks from; 127.0.0.1 is trusted since our own proxies listen there."

LIFETIME = 2
"Seconds until it closes a connection that is idle; it looks every few seconds."

PEERS = PROVISIONED.replace(
    'trusted_peers: [{address: 127.0.0.1}, {address: "::1"}]',
    f"trusted_peers: [{{address: {TRUSTED}}}, {{tls: proxy.example}}]",
)


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus, provisioned=PEERS, tls=True) as found:
        found.manage("make_certificates", "proxy.example", "stranger.example")
        for believed in ("clients-ca.pem", "servers-ca.pem"):
            shutil.copy(authority(found), found.folder / "tls" / believed)
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


def authority(site: Deployment) -> Path:
    return site.folder / "tls" / "development-ca.crt"


@contextlib.contextmanager
def front(
    site: Deployment, folder: Path, host: str, certificate: Path | None = None, **options: int
) -> Iterator[Front]:
    """A running proxy before the engine; with a certificate it speaks TLS."""
    engine = site.engine if certificate is None else site.engine_tls
    found = Front(folder, engine, host=host, certificate=certificate, authority=authority(site), **options)
    found.start()
    try:
        yield found
    finally:
        found.stop()


def way(site: Deployment, transport: str) -> tuple[str, Path | None]:
    """Where a trusted proxy speaks from, and the certificate that it shows."""
    return (TRUSTED, None) if transport == "tcp" else (STRANGE, site.folder / "tls" / "proxy.example.pem")


def accepted(site: Deployment, port: int) -> bool:
    """The edge holds a connection that was opened to this port of its."""
    found = psutil.Process(site.edge.pid).net_connections("tcp")
    return any(one.status == psutil.CONN_ESTABLISHED and one.laddr.port == port for one in found)


@pytest.mark.parametrize("client", ["UDP", "TCP"])
@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_its_clients_publish_and_watch_through_it(
    site: Deployment, tmp_path: Path, transport: str, client: str
) -> None:
    """F-1, F-2, R-ARC-05, R-TRN-01, R-SEC-03, R-SEC-05, R-SEC-07, R-SUB-08, D-10, D-21: both ways, to the end."""
    host, certificate = way(site, transport)
    with (
        front(site, tmp_path / "front", host, certificate) as proxy,
        proxy.phone("u1", transport=client) as one,
        proxy.phone("u2", transport=client) as watcher,
    ):
        published = one.publish(pidf(one.aor, activity="busy"))
        assert published.status == 200
        watch = watcher.subscribe(one.aor)
        assert watch.response.status == 200
        notify = watch.sees("<rpid:busy/>")
        assert len(notify.get_all("Via")) == 2 and notify.get_all("Via")[1].startswith(f"SIP/2.0/{transport.upper()} ")
        one.publish(pidf(one.aor, activity="away"), tag=published.get("SIP-ETag"))
        watch.sees("<rpid:away/>")
        assert watch.within_route(expires=600).status == 200
        assert watch.within_route(expires=0).status == 200
        assert watch.heard(4).get("Subscription-State") == "terminated;reason=timeout"


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_connection_that_it_has_closed_is_opened_from_here(site: Deployment, tmp_path: Path, transport: str) -> None:
    """R-NTF-01, D-46, RFC 3261 12.2.1.1: it stands in the recorded route; what is idle it closes."""
    host, certificate = way(site, transport)
    with (
        front(site, tmp_path / "front", host, certificate, lifetime=LIFETIME) as proxy,
        proxy.phone("u3") as watcher,
        site.phone("u4" if transport == "tcp" else "u5") as other,
    ):
        watch = watcher.subscribe(other.aor)
        watch.heard(1)
        port = site.engine if transport == "tcp" else site.engine_tls
        wait_until(lambda: not accepted(site, port), "the end of its connection")
        other.publish(pidf(other.aor, activity="busy"))
        watch.sees("<rpid:busy/>")


def test_it_is_refused_from_an_address_that_nobody_provisioned(site: Deployment, tmp_path: Path) -> None:
    """R-SEC-03, D-21: 403, whatever it asserts."""
    with front(site, tmp_path / "front", STRANGE) as proxy, proxy.phone("u1") as one:
        assert_refused(one)


def test_it_is_refused_by_another_name(site: Deployment, tmp_path: Path) -> None:
    """R-SEC-05, D-21: its certificate is good, and says stranger.example."""
    stranger = site.folder / "tls" / "stranger.example.pem"
    with front(site, tmp_path / "front", STRANGE, stranger) as proxy, proxy.phone("u1") as one:
        assert_refused(one)


def assert_refused(one: Phone) -> None:
    assert one.publish(pidf(one.aor)).status == 403
    assert one.subscribe(one.aor).response.status == 403


def test_a_certificate_of_another_authority_does_not_come_through(site: Deployment, tmp_path: Path) -> None:
    """R-SEC-05: the handshake fails, and Kamailio tells its client that the next hop does not answer."""
    with deployed(tls=True) as other:
        other.manage("make_certificates", "proxy.example")
        shutil.copy(other.folder / "tls" / "proxy.example.pem", tmp_path / "forged.pem")
    with front(site, tmp_path / "front", STRANGE, tmp_path / "forged.pem") as proxy, proxy.phone("u1") as one:
        assert one.publish(pidf(one.aor)).status == 408

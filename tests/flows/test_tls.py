"""TLS at a running edge (R-TRN-01, R-SEC-03, R-SEC-05, R-SEC-07, RFC 5922)."""

import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.phone import DOMAIN, Phone, pidf
from tests.services import valkey
from tests.system import PROVISIONED, Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

TRUSTED = 'trusted_peers: [{address: 127.0.0.1}, {address: "::1"}]'
PEERS = PROVISIONED.replace(TRUSTED, "trusted_peers: [{tls: peer.example}]")


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus, provisioned=PEERS, tls=True) as found:
        found.manage("make_certificates", "peer.example", "stranger.example", "*.example")
        # Who has a certificate of this authority may show it; in a site that is another authority.
        shutil.copy(folder(found) / "development-ca.crt", folder(found) / "clients-ca.pem")
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


def folder(site: Deployment) -> Path:
    return site.folder / "tls"


def context(site: Deployment, certificate: str = "") -> ssl.SSLContext:
    """A client that believes the development authority only, with a certificate of its own if it is named."""
    made = ssl.create_default_context(cafile=folder(site) / "development-ca.crt")
    if certificate:
        made.load_cert_chain(folder(site) / f"{certificate}.pem")
    return made


def phone(site: Deployment, user: str, server_name: str = DOMAIN) -> Phone:
    return connect(site.proxy_tls, user, context(site), server_name)


def peer(site: Deployment, user: str, certificate: str) -> Phone:
    return connect(site.engine_tls, user, context(site, certificate), asserted=True)


def connect(port: int, user: str, tls: ssl.SSLContext, server_name: str = DOMAIN, *, asserted: bool = False) -> Phone:
    return Phone(
        user, ("127.0.0.1", port), transport="TLS", tls=tls, server_name=server_name, asserted=asserted,
        source="127.0.0.9",
    )  # fmt: skip


def test_each_domain_shows_its_own_certificate(site: Deployment) -> None:
    """RFC 5922, SNI: by the name that the client asks for; others get the default, which strict clients refuse."""
    for name in (DOMAIN, "example.org"):
        with phone(site, "u4", name) as one:
            assert one.register().status == 200
            assert {("DNS", name), ("URI", f"sip:{name}")} <= one.certificate_names
    with pytest.raises(ssl.SSLCertVerificationError):
        phone(site, "u4", "elsewhere.example")


@pytest.mark.parametrize(
    ("certificate", "status"), [("peer.example", 200), ("stranger.example", 403), ("*.example", 403), ("", 403)]
)
def test_a_trusted_peer_is_known_by_the_name_in_its_certificate(
    site: Deployment, certificate: str, status: int
) -> None:
    """R-SEC-03, R-SEC-05, R-SEC-07, D-21, RFC 5922: exactly that name; wildcards count for nothing."""
    with peer(site, "u5", certificate) as one:
        assert one.publish(pidf(one.aor)).status == status


def test_a_certificate_of_another_authority_is_no_certificate(site: Deployment, tmp_path: Path) -> None:
    """R-SEC-05: the handshake fails."""
    with deployed(tls=True) as other:
        other.manage("make_certificates", "peer.example")
        shutil.copy(folder(other) / "peer.example.pem", tmp_path / "forged.pem")
    forged = context(site)
    forged.load_cert_chain(tmp_path / "forged.pem")
    with (
        pytest.raises((ssl.SSLError, OSError, AssertionError)),
        Phone(
            "u6", ("127.0.0.1", site.engine_tls), transport="TLS", tls=forged, server_name=DOMAIN, asserted=True
        ) as one,
    ):
        one.ask("OPTIONS", f"sip:{DOMAIN}", patience=3)


def test_a_new_certificate_counts_without_a_restart(site: Deployment) -> None:
    """R-TRN-01: connections that stand are not touched."""
    with phone(site, "u7") as standing:
        assert standing.register().status == 200
        path = folder(site) / "example.org.pem"
        before = path.read_bytes()
        path.unlink()
        site.manage("make_certificates")
        assert path.read_bytes() != before
        first = path.read_text().partition("-----END CERTIFICATE-----")
        new = ssl.PEM_cert_to_DER_cert(first[0] + first[1])

        def shown() -> bool:
            try:
                with phone(site, "u4", "example.org") as one:
                    return one.certificate == new
            except ssl.SSLCertVerificationError:  # seen while the file was away: the default stands in
                return False

        wait_until(shown, "the new certificate", 40)
        assert standing.register().status == 200


def test_bytes_that_are_no_tls_harm_nobody(site: Deployment) -> None:
    """R-TRN-01, D-39: the connection ends, others go on."""
    with Phone("u8", ("127.0.0.1", site.proxy_tls), transport="TCP") as plain:
        plain.send(b"OPTIONS sip:x SIP/2.0\r\n\r\n" * 10)
        with phone(site, "u9") as one:
            assert one.register().status == 200


def test_a_secure_address_is_reached_over_tls_only(site: Deployment) -> None:
    """D-01, R-TRN-01, RFC 3261 26.2.2: a contact in the clear is none for sips."""
    with phone(site, "u8") as sender, site.phone("u9") as plain, phone(site, "u9") as private:
        plain.register()
        assert sender.message(f"sips:u9@{DOMAIN}", "private").status == 480
        private.register()
        assert sender.message(f"sips:u9@{DOMAIN}", "private").status == 200
        private.reads("private")
        assert not plain.messages

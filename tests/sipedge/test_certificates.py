"""Certificates that change while they are used (R-TRN-01, R-SEC-05)."""

import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from sipedge.transport.tls import CLIENTS, OPTIONAL, REQUIRED, Certificates, NoCertificate, names_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path, settings: object) -> Path:
    settings.DATA_DIR = tmp_path  # type: ignore[attr-defined]
    call_command("make_certificates", "a.example", "peer.example")
    return tmp_path / "tls"


def touch(path: Path, data: bytes, second: int) -> None:
    """Write a file, at a time that tells it from the one before."""
    import os

    path.write_bytes(data)
    os.utime(path, (second, second))


def handshake(context: ssl.SSLContext, client: ssl.SSLContext, name: str | None) -> dict[str, object] | None:
    """Two ends joined in memory; the certificate that the server was shown. Raises ssl.SSLError."""
    wires = [ssl.MemoryBIO() for _ in range(4)]
    server = context.wrap_bio(wires[0], wires[1], server_side=True)
    peer = client.wrap_bio(wires[2], wires[3], server_hostname=name)
    done: set[ssl.SSLObject] = set()
    for _ in range(10):
        for end, out, into in ((peer, wires[3], wires[0]), (server, wires[1], wires[2])):
            if end not in done:
                try:
                    end.do_handshake()
                    done.add(end)
                except ssl.SSLWantReadError:
                    pass
            into.write(out.read())
    assert len(done) == 2
    return server.getpeercert()


def client_of(folder: Path, certificate: str = "") -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=folder / "development-ca.crt")
    made.check_hostname = False
    if certificate:
        made.load_cert_chain(folder / f"{certificate}.pem")
    return made


def test_a_file_that_is_half_written_harms_nothing(folder: Path) -> None:
    """The old certificate stays in use, and the repaired one is taken."""
    certificates = Certificates(folder)
    context = certificates.context(OPTIONAL)
    good = (folder / "default.pem").read_bytes()
    touch(folder / "default.pem", good[: len(good) // 2], 1000)
    certificates.reload()
    handshake(context, client_of(folder), None)
    touch(folder / "default.pem", good, 2000)
    touch(folder / CLIENTS, b"no certificate at all", 2000)
    certificates.reload()
    handshake(context, client_of(folder), "a.example")


@pytest.mark.parametrize("name", [None, "a.example", "elsewhere.example"])
def test_the_authorities_of_clients_are_those_of_now(folder: Path, tmp_path: Path, name: str | None) -> None:
    """R-SEC-05: added, replaced and removed while the listener stands, whatever name the client asks for."""
    certificates = Certificates(folder)
    context = certificates.context(OPTIONAL)
    assert not handshake(context, client_of(folder, "peer.example"), name), "nobody was asked for one"
    ours = (folder / "development-ca.crt").read_bytes()
    touch(folder / CLIENTS, ours, 1000)
    certificates.reload()
    assert names_of(handshake(context, client_of(folder, "peer.example"), name)) == {"peer.example"}
    assert not handshake(context, client_of(folder), name)
    (folder / "development-ca.crt").rename(folder / "kept.crt")
    (folder / "development-ca.key").unlink()
    call_command("make_certificates", "new.example")
    touch(folder / CLIENTS, (folder / "development-ca.crt").read_bytes(), 2000)
    (folder / "kept.crt").replace(folder / "development-ca.crt")
    certificates.reload()
    with pytest.raises(ssl.SSLError):
        handshake(context, client_of(folder, "peer.example"), name)
    (folder / CLIENTS).unlink()
    certificates.reload()
    assert not handshake(context, client_of(folder, "peer.example"), name)


def test_old_versions_are_refused(folder: Path) -> None:
    """TLS 1.2 and newer only. Read from the context: systems refuse older ones by themselves, so none can be tried."""
    assert Certificates(folder).context(OPTIONAL).minimum_version == ssl.TLSVersion.TLSv1_2


def test_what_cannot_be_served_is_said(tmp_path: Path, folder: Path) -> None:
    """No certificate at all, or required client certificates without an authority."""
    with pytest.raises(NoCertificate, match="make_certificates"):
        Certificates(tmp_path / "empty").context(OPTIONAL)
    with pytest.raises(NoCertificate, match="clients-ca"):
        Certificates(folder).context(REQUIRED)


def test_an_operator_is_told_what_is_wrong_with_a_file(folder: Path) -> None:
    """R-TRN-01, R-SEC-05: names, when it runs out, and why it cannot be used."""
    certificates = Certificates(folder)
    certificates.context(OPTIONAL)
    facts = certificates.files["a.example.pem"]
    assert facts.names == ("a.example",) and not facts.problem and facts.expires_at is not None
    assert not facts.expires_soon(facts.expires_at - timedelta(days=15))
    assert facts.expires_soon(facts.expires_at - timedelta(days=13))
    touch(folder / "a.example.pem", b"no certificate at all", 1000)
    touch(folder / CLIENTS, b"nor this", 1000)
    certificates.reload()
    assert certificates.files["a.example.pem"].problem and certificates.files[CLIENTS].problem
    assert not certificates.files["default.pem"].problem


def test_names_are_those_of_rfc_5922() -> None:
    """R-SEC-05, RFC 5922 section 7.1: SIP URIs before DNS names; no wildcards, no users."""
    both = {"subjectAltName": (("DNS", "a.example"), ("URI", "sip:B.example"), ("URI", "sip:user@c.example"))}
    assert names_of(both) == {"b.example"}
    assert names_of({"subjectAltName": (("DNS", "A.example"), ("DNS", "*.example"))}) == {"a.example"}
    assert names_of({}) == names_of(None) == frozenset()

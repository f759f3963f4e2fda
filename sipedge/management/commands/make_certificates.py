"""`manage.py make_certificates`: self-signed certificates for trying TLS; real ones replace them file by file."""

import datetime
import ipaddress
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.conf import settings
from django.core.management.base import BaseCommand

from provisioning.models import Domain
from sipedge.transport.tls import DEFAULT

LIFETIME = datetime.timedelta(days=825)
"Longer than this some clients refuse."

HERE = "localhost"
"What the default certificate speaks for."

AUTHORITY = "development-ca.crt"


class Command(BaseCommand):
    """Makes an authority of its own once, and a certificate by it for each domain that has none."""

    help = "Make self-signed TLS certificates for domains that have none; files that are there stay."

    def add_arguments(self, parser: Any) -> None:
        """Names beside the domains."""
        parser.add_argument("names", nargs="*", help="further DNS names")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write what is missing into the folder `tls` of the data directory."""
        folder = Path(settings.DATA_DIR) / "tls"
        folder.mkdir(parents=True, exist_ok=True)
        names = [DEFAULT, *Domain.objects.values_list("name", flat=True), *options["names"]]
        missing = [name for name in names if not (folder / f"{name}.pem").exists()]
        if not missing:
            return
        authority, key = _authority(folder)
        for name in missing:
            _issue(folder / f"{name}.pem", HERE if name == DEFAULT else name, authority, key)
        self.stdout.write(f"self-signed TLS certificates in {folder} for {', '.join(missing)}")


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    public, private = folder / AUTHORITY, folder / "development-ca.key"
    if public.exists() and private.exists():
        key = serialization.load_pem_private_key(private.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return x509.load_pem_x509_certificate(public.read_bytes()), key
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Presence server development authority")])
    certificate = (
        _begin(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(private, _private(key))
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def _issue(path: Path, name: str, authority: x509.Certificate, signer: ec.EllipticCurvePrivateKey) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    names: list[x509.GeneralName] = [x509.DNSName(name), x509.UniformResourceIdentifier(f"sip:{name}")]
    if name == HERE:  # as clients on this machine call it; liblinphone compares an address with DNS names only
        names += [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]
        names.append(x509.DNSName("127.0.0.1"))
    certificate = (
        _begin(subject, authority.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    chain = certificate.public_bytes(serialization.Encoding.PEM)
    _write(path, chain + authority.public_bytes(serialization.Encoding.PEM) + _private(key))


def _begin(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes) -> None:
    """A file with a key in it is for its owner only."""
    path.touch(mode=0o600)
    path.write_bytes(data)

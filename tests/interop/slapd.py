"""Debian's slapd with a database of its own, as a child on a loopback port."""

import base64
import datetime
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.programs import needs_file, needs_program
from tests.services import free_port
from tests.waiting import wait_until

BASE = "dc=example,dc=org"
PEOPLE = f"ou=people,{BASE}"
ADMIN, PASSWORD = f"cn=admin,{BASE}", "manager-secret"
MODULES, SCHEMAS = "/usr/lib/ldap", "/etc/ldap/schema"

CONFIGURATION = """\
modulepath {modules}
moduleload back_mdb
include {schemas}/core.schema
include {schemas}/cosine.schema
include {schemas}/inetorgperson.schema
pidfile {folder}/pid
sizelimit {sizelimit}
disallow bind_anon
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
database mdb
suffix "{base}"
rootdn "{admin}"
rootpw {password}
directory {folder}/data
maxsize 67108864
index entryUUID eq
"""
READER = f"cn=reader,{BASE}"
READER_PASSWORD = "reader-secret"
"For a log-in that the size limit counts for: it does not for the root DN."


def certificate(folder: Path) -> Path:
    """A self-signed certificate for `localhost` and its key beside it; the certificate's path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "server.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    plain, form = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
    (folder / "server.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return folder / "server.pem"


class Slapd:
    """One server; entries are loaded before it starts, and changed by its own tools' protocol afterwards."""

    def __init__(self, folder: Path, *, sizelimit: int = 5000) -> None:
        self._program = needs_program("slapd")
        needs_file(f"{SCHEMAS}/inetorgperson.schema")
        needs_file(f"{MODULES}/back_mdb.so")
        (folder / "data").mkdir(parents=True)
        self._folder = folder
        self.authority = certificate(folder)
        self.port, self.tls_port = free_port(), free_port()
        self._configuration = folder / "slapd.conf"
        self._configuration.write_text(
            CONFIGURATION.format(
                modules=MODULES, schemas=SCHEMAS, folder=folder, base=BASE, admin=ADMIN, password=PASSWORD,
                sizelimit=sizelimit,
            )
        )  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """In the clear, or for StartTLS."""
        return f"ldap://localhost:{self.port}"

    @property
    def tls_url(self) -> str:
        """TLS from the start."""
        return f"ldaps://localhost:{self.tls_port}"

    def load(self, people: Iterable[dict[str, str | bytes]]) -> None:
        """Fill the database with these people, attribute by attribute, before the server runs."""
        lines = [
            f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n",
            f"dn: {PEOPLE}\nobjectClass: organizationalUnit\nou: people\n",
            f"dn: {READER}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\n"
            f"userPassword: {READER_PASSWORD}\n",
        ]
        lines += [ldif(person) for person in people]
        done = subprocess.run(
            [self._program, "-T", "add", "-q", "-f", str(self._configuration), "-l", "/dev/stdin"],
            input="\n".join(lines).encode(), capture_output=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode(errors="replace")

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(
            [
                self._program, "-d", "0", "-h", f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}",
                "-f", str(self._configuration),
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        log.close()
        wait_until(self._answers, "slapd", 30)

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, (self._folder / "log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


def ldif(person: dict[str, str | bytes]) -> str:
    """One person as an LDIF record, each value in base64, so that anything can stand in it."""
    values = {"cn": person["uid"], "sn": person["uid"], **person}
    uid = "".join(f"\\{byte:02x}" for byte in str(person["uid"]).encode())
    rows = [f"dn: uid={uid},{PEOPLE}", "objectClass: inetOrgPerson"]
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            raw = one if isinstance(one, bytes) else one.encode()
            rows.append(f"{name}:: {base64.b64encode(raw).decode()}")
    return "\n".join(rows) + "\n"

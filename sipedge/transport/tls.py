"""TLS: server certificates by domain, client certificates, new files without a restart (R-TRN-01, R-SEC-05, RFC 5922).

A folder holds `NAME.pem` for each domain, the chain and the key in one file; a client that names a domain (SNI) is
shown its certificate, any other the one of `default.pem`, or the first by name. `clients-ca.pem` has the authorities
whose client certificates are believed, `servers-ca.pem` those of servers elsewhere, beside the machine's own.
"""

import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509

log = structlog.get_logger(__name__)

CLIENTS = "clients-ca.pem"
SERVERS = "servers-ca.pem"
DEFAULT = "default"

NONE, OPTIONAL, REQUIRED = "none", "optional", "required"
_VERIFY = {NONE: ssl.CERT_NONE, OPTIONAL: ssl.CERT_OPTIONAL, REQUIRED: ssl.CERT_REQUIRED}


EXPIRES_SOON = timedelta(days=14)
"Before a certificate runs out an operator is warned for so long."


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What an operator has to know about a file of the folder."""

    names: tuple[str, ...] = ()
    "Domains of the certificate; of authorities none."
    expires_at: datetime | None = None
    "When the first certificate of the file runs out; None when it cannot be read."
    problem: str = ""
    "Why the file cannot be used; what was read before it changed is still used."

    def expires_soon(self, now: datetime) -> bool:
        """It runs out within days, or has."""
        return self.expires_at is not None and self.expires_at - now < EXPIRES_SOON


class NoCertificate(Exception):
    """TLS cannot be served; the message is for the operator."""


class Certificates:
    """The certificates of a folder, as contexts for listeners."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._by_name: dict[str, dict[str, ssl.SSLContext]] = {}
        "Contexts by what is asked of clients, then by domain: with the certificate a connection takes over all of it."
        self._served: list[tuple[ssl.SSLContext, str]] = []
        self._seen: dict[Path, float] = {}
        self._client: ssl.SSLContext | None = None
        self.files: dict[str, FileFacts] = {}
        "By name of the file, as it was read last."
        self._warned: set[tuple[str, datetime | None]] = set()

    def context(self, clients: str) -> ssl.SSLContext:
        """A context for one listener, kept up to date; `clients`: NONE, OPTIONAL or REQUIRED. Raises NoCertificate."""
        if clients == REQUIRED and not (self.folder / CLIENTS).exists():
            raise NoCertificate(f"client certificates are required, but there is no {self.folder / CLIENTS}")
        self._by_name.setdefault(clients, {})
        self._seen.clear()
        context = self._fresh(clients)
        self._served.append((context, clients))
        self.reload()
        default = self._default()
        if default is None:
            raise NoCertificate(
                f"there is no certificate in {self.folder}: put NAME.pem there (chain and key), or run "
                "“./run manage make_certificates” for self-signed ones"
            )
        table = self._by_name[clients]

        def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            """Always away from the context that the listener was opened with: its authorities may be old."""
            found = table.get((name or "").lower().rstrip(".")) or table.get(self._default() or "")
            if found is not None:
                connection.context = found

        context.sni_callback = choose
        return context

    def client(self) -> ssl.SSLContext:
        """A context for connections of our own: we show the default certificate, whom we reach has to show a good one.

        For whom it speaks is looked at by us, since OpenSSL knows no SIP URIs and lets wildcards pass (RFC 5922 7.2).
        """
        if self._client is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.check_hostname = False
            context.load_default_certs()
            try:
                if (self.folder / SERVERS).exists():
                    context.load_verify_locations(self.folder / SERVERS)
                default = self._default()
                if default is not None:
                    context.load_cert_chain(self.folder / f"{default}.pem")
            except (OSError, ssl.SSLError) as error:
                log.error("a certificate for connections of our own cannot be used", error=str(error))
            self._client = context
        return self._client

    def reload(self) -> None:
        """Read the folder again if a file has changed; what cannot be read is logged, and the old one stays."""
        try:
            found = {path: path.stat().st_mtime for path in sorted(self.folder.glob("*.pem"))}
        except OSError:  # a file is being replaced at this moment: the next look will do
            return
        if found == self._seen or not self._served:
            return
        again, self._seen = bool(self._seen), found
        self._client = None
        names = {path.stem.lower(): path for path in found if path.name not in (CLIENTS, SERVERS)}
        self.files = {path.name: _facts(path) for path in found}
        for clients, table in self._by_name.items():
            for gone in table.keys() - names.keys():
                del table[gone]
            try:
                self._fresh(clients)
            except (OSError, ssl.SSLError) as error:
                self._cannot_use(self.folder / CLIENTS, error)
                continue
            for name, path in names.items():
                try:
                    context = self._fresh(clients)
                    context.load_cert_chain(path)
                except (OSError, ssl.SSLError) as error:
                    self._cannot_use(path, error)
                else:
                    table[name] = context
        default = self._default()
        for context, clients in self._served:
            current = self._by_name[clients].get(default or "")
            if current is not None:  # whether a client is asked for its certificate is decided before it names a domain
                context.verify_mode = current.verify_mode
        if default is not None:
            for context, _ in self._served:
                try:
                    context.load_cert_chain(names[default])
                except (OSError, ssl.SSLError):
                    pass  # said above; the one that was read before is still in there
        if again:
            log.info("certificates read again", names=sorted(names))

    def warn(self, now: datetime) -> None:
        """Say once of each certificate that it runs out soon."""
        for name, facts in self.files.items():
            if facts.expires_soon(now) and (name, facts.expires_at) not in self._warned:
                self._warned.add((name, facts.expires_at))
                log.warning("a certificate runs out", file=name, at=str(facts.expires_at))

    def _cannot_use(self, path: Path, error: Exception) -> None:
        log.error("a certificate cannot be used", file=str(path), error=str(error))
        known = self.files.get(path.name, FileFacts())
        self.files[path.name] = FileFacts(known.names, known.expires_at, str(error))

    def _default(self) -> str | None:
        """The domain whose certificate is shown to clients that name none of ours."""
        names = sorted({name for table in self._by_name.values() for name in table})
        return DEFAULT if DEFAULT in names else next(iter(names), None)

    def _fresh(self, clients: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        authorities = self.folder / CLIENTS
        if clients != NONE and authorities.exists():
            context.load_verify_locations(authorities)
            context.verify_mode = _VERIFY[clients]
        return context


def _facts(path: Path) -> FileFacts:
    try:
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
        expires_at = min(one.not_valid_after_utc for one in certificates)
        names = () if path.name == CLIENTS else _domains(certificates[0])
    except (OSError, ValueError) as error:
        return FileFacts(problem=str(error))
    return FileFacts(names, expires_at)


def _domains(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        said = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(said.get_values_for_type(x509.DNSName))


def names_of(certificate: object) -> frozenset[str]:
    """The domains that a verified certificate speaks for (RFC 5922 7.1): SIP URIs, else DNS names; no wildcards.

    IP addresses count beside them, for servers that are provisioned by address.
    """
    if not isinstance(certificate, dict):
        return frozenset()
    said = [(kind, str(value).lower()) for kind, value in certificate.get("subjectAltName", ())]
    uris = {value[4:] for kind, value in said if kind == "URI" and value.startswith("sip:") and "@" not in value}
    domains = uris or {value for kind, value in said if kind == "DNS" and "*" not in value}
    return frozenset(domains | {value for kind, value in said if kind == "IP Address"})

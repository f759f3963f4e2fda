"""Kamailio as a proxy before our engine role."""

from pathlib import Path

from tests.interop.kamailio import Server
from tests.phone import PASSWORD
from tests.services import free_port

TLS_CONFIGURATION = """\
[server:default]
method = TLSv1.2+
certificate = {certificate}
private_key = {certificate}
ca_list = {authority}

[client:default]
method = TLSv1.2+
certificate = {certificate}
private_key = {certificate}
ca_list = {authority}
verify_certificate = yes
require_certificate = yes
"""


class Front(Server):
    """A proxy that passes what its clients want on to an engine at this port."""

    template = "kamailio_front.cfg"

    def __init__(
        self,
        folder: Path,
        engine: int,
        *,
        host: str,
        certificate: Path | None = None,
        authority: Path | None = None,
        lifetime: int = 120,
    ) -> None:
        """`certificate`: speak TLS and show this one, believing the `authority`; `lifetime`: seconds after which it
        closes a connection that nobody uses.
        """
        self.module = "tls" if certificate is not None else "tm"
        super().__init__(folder, host)
        self._engine = engine
        self._certificate = certificate
        self._authority = authority
        self._lifetime = lifetime
        self._tls_port = free_port(host=host)

    def start(self) -> None:
        """Start."""
        values = {
            "ENGINE": str(self._engine),
            "TRANSPORT": "tls" if self._certificate is not None else "tcp",
            "TLS_PORT": str(self._tls_port),
            "LIFETIME": str(self._lifetime),
            "PASSWORD": PASSWORD,
        }
        self._start(values, *(("TLS",) if self._certificate is not None else ()))

    def _write(self) -> None:
        if self._certificate is not None:
            text = TLS_CONFIGURATION.format(certificate=self._certificate, authority=self._authority)
            (self._folder / "tls.cfg").write_text(text)

"""Kamailio as the server of another domain: its users register there, talk, publish and watch."""

from pathlib import Path
from typing import Any

from tests.interop.kamailio import Server
from tests.phone import DOMAIN as OURS
from tests.phone import Phone

DOMAIN = "other.example"


class KamailioDomain(Server):
    """The server of `other.example`; requests for our domain go to the proxy at this port."""

    template = "kamailio_domain.cfg"
    module = "presence_xml"

    def __init__(self, folder: Path, proxy: int, *, transport: str, host: str, **options: Any) -> None:
        """`transport`: over which it comes to us, and we to it."""
        super().__init__(folder, host, **options)
        self._proxy = proxy
        self.transport = transport
        self._door = self.tls_port if transport == "tls" else self.port

    def start(self) -> None:
        """Start with empty tables."""
        self._start(
            {
                "DOMAIN": DOMAIN,
                "OURS": OURS,
                "PROXY": str(self._proxy),
                "TRANSPORT": self.transport,
                "DOOR": str(self._door),
            }
        )

    def user(self, name: str, *, transport: str = "UDP") -> Phone:
        """A client of its own, registered."""
        phone = self.phone(f"{name}@{DOMAIN}", transport=transport)
        assert phone.register().status == 200
        return phone

    @property
    def service(self) -> str:
        """The name of its SRV records."""
        return f"_sips._tcp.{DOMAIN}" if self.transport == "tls" else f"_sip._{self.transport}.{DOMAIN}"

    def records(self, host: str = "", ttl: int = 60) -> list[str]:
        """What the name server of its domain says of it (RFC 3263), or of another `host`, for so many seconds."""
        kind = {"udp": "SIP+D2U", "tcp": "SIP+D2T", "tls": "SIPS+D2T"}[self.transport]
        return [
            f'{DOMAIN} {ttl} NAPTR 10 50 "s" "{kind}" "" {self.service}',
            f"{self.service} {ttl} SRV 10 50 {self._door} sip.{DOMAIN}",
            f"sip.{DOMAIN} {ttl} A {host or self.host}",
        ]

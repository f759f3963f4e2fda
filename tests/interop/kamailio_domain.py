"""Kamailio as the server of another domain: its users register there, talk, publish and watch."""

from pathlib import Path

from tests.interop.kamailio import Server
from tests.phone import DOMAIN as OURS
from tests.phone import Phone

DOMAIN = "other.example"


class KamailioDomain(Server):
    """The server of `other.example`; requests for our domain go to the proxy at this port."""

    template = "kamailio_domain.cfg"
    module = "presence_xml"

    def __init__(self, folder: Path, proxy: int, *, transport: str, host: str) -> None:
        """`transport`: over which it comes to us."""
        super().__init__(folder, host)
        self._proxy = proxy
        self.transport = transport

    def start(self) -> None:
        """Start with empty tables."""
        self._start({"DOMAIN": DOMAIN, "OURS": OURS, "PROXY": str(self._proxy), "TRANSPORT": self.transport})

    def user(self, name: str, *, transport: str = "UDP") -> Phone:
        """A client of its own, registered."""
        phone = self.phone(f"{name}@{DOMAIN}", transport=transport)
        assert phone.register().status == 200
        return phone

    def records(self, host: str = "", ttl: int = 60) -> list[str]:
        """What the name server of its domain says of it (RFC 3263), or of another `host`, for so many seconds."""
        return [
            f'{DOMAIN} {ttl} NAPTR 10 50 "s" "SIP+D2{self.transport[0].upper()}" "" _sip._{self.transport}.{DOMAIN}',
            f"_sip._{self.transport}.{DOMAIN} {ttl} SRV 10 50 {self.port} sip.{DOMAIN}",
            f"sip.{DOMAIN} {ttl} A {host or self.host}",
        ]

"""Listening addresses and their roles (DESIGN: listeners have roles; CUPS_SIP_LISTEN)."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from provisioning.policy import Network, plain_address

PROXY = "proxy"
ENGINE = "engine"
MESSENGER = "messenger"
"The edge's own user agents, by memory; they are whom they say."
ROLES = (PROXY, ENGINE)
TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")


@dataclass(frozen=True, slots=True)
class Listener:
    """One address that the edge opens."""

    transport: str
    "udp, tcp, tls, ws or wss."
    host: str
    port: int
    role: str
    "proxy (authenticates clients) or engine (trusted peers only)."
    authentication: bool = True
    "Digest challenges at a proxy listener; off only behind something else that authenticates."
    advertised: str = ""
    "host or host:port that peers are told, where it differs from the address that is opened."
    client_certificates: str = "optional"
    "TLS: none, optional or required."
    local_names: tuple[tuple[Network, str], ...] = ()
    "Networks, and what peers in them are told instead; the narrowest first."

    @property
    def proxies(self) -> bool:
        """What comes here is passed on where it is for somebody else; an engine only answers."""
        return self.role != ENGINE

    @property
    def sent_by(self) -> str:
        """What stands in Via and Contact: host:port, an IPv6 host in brackets."""
        if self.advertised:
            return self.advertised
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def seen_from(self, address: str) -> "Listener":
        """This listener as a peer with this IP address has to be told of it."""
        return _seen(self, address) if self.local_names else self

    @property
    def contact(self) -> str:
        """The Contact value of answers and NOTIFYs that go out through this listener."""
        return f"<sip:{self.sent_by};transport={self.transport}>"


@lru_cache(maxsize=4096)
def _seen(listener: Listener, address: str) -> Listener:
    parsed = ipaddress.ip_address(plain_address(address))
    name = next((name for network, name in listener.local_names if parsed in network), None)
    return listener if name is None else replace(listener, advertised=name)


class BadListener(ValueError):
    """The text does not describe a listener; the message says what is wrong."""


def parse(text: str) -> list[Listener]:
    """Read `transport:host:port:role, ...`; an IPv6 host stands in brackets. Raises BadListener."""
    return [_parse_one(part.strip()) for part in text.split(",") if part.strip()]


def _parse_one(text: str) -> Listener:
    transport, _, rest = text.partition(":")
    address, _, role = rest.rpartition(":")
    host, _, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if transport not in TRANSPORTS:
        raise BadListener(f"{text!r}: the transport is one of {', '.join(TRANSPORTS)}")
    if role not in ROLES:
        raise BadListener(f"{text!r}: the role is one of {', '.join(ROLES)}")
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise BadListener(f"{text!r}: expected transport:host:port:role")
    return Listener(transport, host, int(port), role)


def with_options(listeners: Iterable[Listener], known: Iterable[Listener]) -> list[Listener]:
    """Give each address the options of the provisioned row with the same transport, host and port."""
    rows = {(row.transport, row.host, row.port): row for row in known}
    return [
        replace(
            one,
            authentication=row.authentication,
            advertised=row.advertised,
            client_certificates=row.client_certificates,
            local_names=row.local_names,
        )
        if (row := rows.get((one.transport, one.host, one.port)))
        else one
        for one in listeners
    ]

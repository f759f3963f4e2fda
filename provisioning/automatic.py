"""Trusted peers that follow from other provisioning (R-SEC-06, R-SEC-07, D-22): our proxies and the CallManager nodes.

One entry by IP address for each, marked automatic and not editable. An entry by hand for the same address stays what it
is. Names in certificates are never automatic.
"""

import ipaddress
import socket

import structlog

from provisioning.choices import Role
from provisioning.history import recording
from provisioning.models import ForeignServer, Listener, TrustedPeer

log = structlog.get_logger(__name__)

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"A proxy on all addresses reaches the engine of its own machine over loopback."

FOLLOWS = "Follows from other provisioning."
"Why such an entry comes and goes, in its history."

SOURCES: frozenset[type] = frozenset({Listener, ForeignServer})
"Tables that automatic entries follow from."


def settle() -> bool:
    """Make the automatic entries what they have to be; True when something has changed."""
    wanted: dict[str, str] = {}
    for host in Listener.objects.filter(role=Role.PROXY).values_list("host", flat=True):
        wanted.setdefault(ANYWHERE.get(host, host), "our proxy")
    for name, address in ForeignServer.objects.filter(call_manager=True).values_list("name", "address"):
        for found in _addresses(name, address):
            wanted.setdefault(found, f"CallManager node {name}")
    held = {peer.network: peer for peer in TrustedPeer.objects.exclude(network=None)}
    stale = [peer.pk for network, peer in held.items() if peer.automatic and network not in wanted]
    fresh = [
        TrustedPeer(network=network, description=description, automatic=True)
        for network, description in wanted.items()
        if network not in held
    ]
    with recording.together():
        TrustedPeer.objects.filter(pk__in=stale).delete()
        recording.deleted(TrustedPeer, stale, reason=FOLLOWS)
        recording.written(TrustedPeer.objects.bulk_create(fresh), reason=FOLLOWS)
    return bool(stale or fresh)


def _addresses(name: str, address: str) -> list[str]:
    """The IP addresses of a node; a host name is looked up."""
    host = address if address.endswith("]") or ":" not in address else address.rpartition(":")[0]
    host = host.strip("[]")
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    try:
        return sorted({str(one[4][0]) for one in socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)})
    except OSError:
        log.warning("a CallManager node is no trusted peer yet: its name has no address", server=name, host=host)
        return []

"""Where a request of ours goes (RFC 3261 12.2.1.1 and 18.2.2, RFC 3581, D-46).

On streams a NOTIFY goes over the connection that the client opened. Over UDP it goes to the client's Contact when
that is the address the client speaks from, else to that address itself: a client behind a NAT writes a Contact that
nobody can reach. A request that came through other proxies goes back along the route that they recorded.
"""

import asyncio
import ipaddress
import socket

from provisioning.uri import SipUri
from sipedge.sip.dialog import Dialog
from sipedge.sip.flow import Flow

DEFAULT_PORT = 5060
"SIP over UDP and TCP (RFC 3261 19.1.2)."


def notify_flow(dialog: Dialog, flow: Flow) -> Flow:
    """The flow for NOTIFYs of a dialog whose last request from the watcher came over `flow`."""
    if flow.reliable:
        return flow
    address = address_of(dialog.next_hop)
    if address is None:
        return flow  # a host name: answering where the request came from needs no name server
    if dialog.single_via and address[0] != flow.remote[0]:
        return flow
    return flow._replace(remote=address)


def address_of(uri: SipUri) -> tuple[str, int] | None:
    """IP address and port of a URI; None when its host is a name."""
    host = uri.maddr or uri.host
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
    return str(address), uri.port or DEFAULT_PORT


async def addresses_of(text: str) -> list[tuple[str, int]]:
    """IP addresses and port of a provisioned server address; none when its name is not known."""
    host, port = text, DEFAULT_PORT
    if not text.endswith("]") and ":" in text:
        host, _, number = text.rpartition(":")
        port = int(number)
    host = host.strip("[]")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except OSError:
        return []
    return list(dict.fromkeys((str(one[4][0]), port) for one in found))

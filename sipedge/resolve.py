"""Where a request of ours goes: route, binding, static route, name servers (RFC 3261 16.5, RFC 3263, D-46).

On streams a NOTIFY goes over the connection that the client opened. Over UDP it goes to the client's Contact when
that is the address the client speaks from, else to that address itself: a client behind a NAT writes a Contact that
nobody can reach. A request that came through other proxies goes back along the route that they recorded.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from provisioning.policy import MethodRouteFacts, Policy, RouteFacts
from provisioning.uri import BadUri, SipUri, TelUri, Uri, parse_uri
from sipedge.locate import Hop, Locator
from sipedge.rows import BindingRow
from sipedge.sip.dialog import Dialog
from sipedge.sip.errors import SipError
from sipedge.sip.flow import Flow
from sipedge.sip.headers import NameAddr

DEFAULT_PORT = 5060
"SIP over UDP and TCP (RFC 3261 19.1.2)."


class Target(NamedTuple):
    """One place that a request can go to (RFC 3261 16.5)."""

    uri: str
    "The Request-URI of the copy that goes there."
    q: float = 1.0
    routes: tuple[str, ...] = ()
    "Route values of that copy."
    hops: tuple[Hop, ...] = ()
    "Servers to try, one after the other; empty where a flow is known or looked up by the binding."
    flow: Flow | None = None
    "The connection to use."
    binding: BindingRow | None = None
    "The contact of a user."


def of_bindings(rows: Iterable[BindingRow], uri: Uri) -> list[Target]:
    """The contacts of a user, in their order; of a sips URI those only that were registered over TLS."""
    if isinstance(uri, SipUri) and uri.scheme == "sips":
        rows = [row for row in rows if row.flow.startswith(_PRIVATE)]
    return [Target(row.contact, row.q, (row.path,) if row.path else (), binding=row) for row in rows]


_PRIVATE = ("TLS ", "WSS ")


def of_flow(uri: str, routes: Sequence[str], flow: Flow) -> Target:
    """A client, over the connection that it opened."""
    return Target(uri, routes=tuple(routes), flow=flow)


async def onward(uri: str, routes: Sequence[str], locator: Locator) -> Target:
    """Where a request goes whose path is settled: its next Route, else its Request-URI; raises SipError.

    A strict router in front gets its own URI as Request-URI, and the other one last (RFC 3261 16.6 step 6).
    """
    left = list(routes)
    first: Uri = NameAddr.parse(left[0]).uri if left else _parsed(uri)
    if not isinstance(first, SipUri):
        raise SipError(416, "Unsupported URI Scheme")
    if left and not first.lr:
        left.append(f"<{uri}>")
        uri = NameAddr.parse(left.pop(0)).uri_text
    return Target(uri, routes=tuple(left), hops=tuple(await locator.of_uri(first)))


async def elsewhere(uri: str, policy: Policy, locator: Locator) -> list[Target]:
    """Where a request for another domain or a number goes: static routes, else name servers (D-02); raises SipError."""
    parsed = _parsed(uri)
    if isinstance(parsed, TelUri):
        user, host = parsed.number, ""
    elif isinstance(parsed, SipUri):
        user, host = parsed.user or "", parsed.host
        require_allowed(parsed, policy)
    else:
        raise SipError(416, "Unsupported URI Scheme")
    hops = await _along(policy.static_routes(user, host), locator)
    if not hops and isinstance(parsed, SipUri):
        hops = await locator.of_uri(parsed)
    return [Target(uri, hops=tuple(hops))] if hops else []


def require_allowed(uri: Uri, policy: Policy) -> None:
    """403 for a domain that users of ours may not reach, also where it only stands in maddr (D-02)."""
    if isinstance(uri, SipUri) and not all(map(policy.may_reach, {uri.host, uri.maddr or uri.host})):
        raise SipError(403, "Domain Not Allowed")


async def by_method(uri: str, route: MethodRouteFacts, locator: Locator) -> Target:
    """Where a method or event route leads."""
    return Target(uri, hops=tuple(await locator.locate(route.next_hop, route.port, route.transport)))


async def _along(routes: Iterable[RouteFacts], locator: Locator) -> list[Hop]:
    found: list[Hop] = []
    for route in routes:
        found += await locator.locate(route.next_hop, route.port, route.transport)
    return locator.ordered(found)


def _parsed(uri: str) -> Uri:
    try:
        return parse_uri(uri)
    except BadUri:
        raise SipError(400, "Bad Request-URI") from None


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

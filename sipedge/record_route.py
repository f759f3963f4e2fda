"""The path of dialogs through this proxy (RFC 3261 16.6, RFC 5626 5.2 and 5.3, RFC 5658).

Two Record-Route values are put on a request that begins a dialog, one for each side. On a client's side the value
carries a token: the flow that the client opened, signed together with the Call-ID. Later requests of the dialog come
with these values as Route; the token tells to which client they go, and is their ticket past the challenge.
"""

import base64
import hmac
import json
from collections.abc import Callable
from typing import NamedTuple

from provisioning.uri import SipUri
from sipedge.sip.flow import Flow
from sipedge.sip.headers import NameAddr
from sipedge.sip.message import Request

_MAC = 12
"Octets of the signature: 96 bits."


ALONE = frozenset({"MESSAGE", "PUBLISH", "REGISTER"})
"Methods that mean the same without a dialog: where they leave for a server, their sender logs in and is named."


class Tickets:
    """Makes and reads tokens; the key is known to the edges only."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"flow token", "sha256")

    def issue(self, flow: Flow, call_id: str, *, onward: bool = False) -> str:
        """A token for this flow in this call; `onward`: the other side of the call is no client with a token."""
        fields = [flow.transport, *flow.local, *flow.remote, flow.serial, onward]
        text = json.dumps(fields, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mac(text, call_id) + text).decode().rstrip("=")

    def read(self, token: str, call_id: str) -> tuple[Flow, bool] | None:
        """Flow and `onward` of a token; None for one that was not made here for this call."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        mac, text = raw[:_MAC], raw[_MAC:]
        if not hmac.compare_digest(mac, self._mac(text, call_id)):
            return None
        transport, host, port, peer, peer_port, serial, onward = json.loads(text)
        return Flow(transport, (host, port), (peer, peer_port), serial), onward

    def _mac(self, text: bytes, call_id: str) -> bytes:
        message = text + b"|" + call_id.encode("utf-8", "surrogateescape")
        return hmac.digest(self._key, message, "sha256")[:_MAC]


class Passage(NamedTuple):
    """What the Route values of a request that are ours say."""

    routes: list[str]
    "The Route values that are left."
    ticket: bool
    "It comes from, or goes to, a client that a token of this call names: its dialog was let through before."
    flow: Flow | None
    "The client that it goes to; None when it goes where its Route or Request-URI say."


NO_PASSAGE = Passage([], False, None)
"Of a request without Route."


def passage(request: Request, arrived: Flow, tickets: Tickets, ours: Callable[[SipUri], bool]) -> Passage:
    """Take the Route values that are ours off the front (RFC 3261 16.4); raises SipError(400).

    A token counts within a dialog only. A client's own one lets it go where its call went: to the client that the
    other token names, or onward.
    """
    routes = request.get_all("Route")
    within = request.to.tag is not None
    own, goal = False, None
    while routes:
        uri = NameAddr.parse(routes[0]).uri
        if not isinstance(uri, SipUri) or not ours(uri):
            break
        routes.pop(0)
        flow, onward = (tickets.read(uri.user, request.call_id) if uri.user and within else None) or (None, False)
        own = own or (flow is not None and onward and _same(flow, arrived) and request.method not in ALONE)
        goal = flow if flow is not None and not _same(flow, arrived) else None
    return Passage(routes, own or goal is not None, goal)


def record_route(sent_by: str, transport: str, token: str = "") -> str:
    """A Record-Route value."""
    user = f"{token}@" if token else ""
    return f"<sip:{user}{sent_by};transport={transport};lr>"


def _same(flow: Flow, arrived: Flow) -> bool:
    """The request came from the client that the token names."""
    return (flow.transport, flow.remote) == (arrived.transport, arrived.remote)

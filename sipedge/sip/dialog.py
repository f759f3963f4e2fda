"""Dialogs as notifiers and gateways use them (RFC 3261 section 12, RFC 6665 section 4.4)."""

import json
from sys import intern
from typing import Any

from provisioning.uri import BadUri, SipUri, parse_uri
from sipedge.sip.errors import SipError
from sipedge.sip.flow import Flow
from sipedge.sip.headers import NameAddr
from sipedge.sip.message import STAR, Request, Response

MAX_ROUTES = 20
"Record-Route values that are kept: more proxies than any path has."


class Dialog:
    """The state that both ends share, seen from our side."""

    __slots__ = (
        "call_id", "flow", "local", "local_cseq", "local_tag", "remote", "remote_cseq", "remote_tag",
        "remote_target", "route_set", "single_via",
    )  # fmt: skip

    def __init__(
        self,
        *,
        call_id: str,
        local: str,
        local_tag: str,
        remote: str,
        remote_tag: str,
        remote_cseq: int,
        remote_target: str,
        route_set: tuple[str, ...],
        flow: Flow,
        single_via: bool,
        local_cseq: int = 0,
    ) -> None:
        self.call_id = call_id
        self.local = local
        "Our address as the peer wrote it, without tag (D-46)."
        self.local_tag = local_tag
        self.remote = remote
        "The peer's address as it wrote it, tag included."
        self.remote_tag = remote_tag
        self.local_cseq = local_cseq
        "Of the last request that we sent."
        self.remote_cseq = remote_cseq
        self.remote_target = remote_target
        "The URI in the peer's Contact."
        self.route_set = route_set
        "Route values for our requests, nearest proxy first."
        self.flow = flow
        "Where our requests go."
        self.single_via = single_via
        "The peer's last request came from its user agent itself, through no proxy."

    @classmethod
    def from_request(cls, request: Request, local_tag: str, flow: Flow) -> "Dialog":
        """The dialog that a 2xx to this request makes (RFC 3261 12.1.1); raises SipError(400)."""
        from_, to = request.from_, request.to
        return cls(
            call_id=request.call_id,
            local=str(NameAddr(to.display, to.uri_text, _without_tag(to))),
            local_tag=local_tag,
            remote=str(from_),
            remote_tag=from_.tag or "",
            remote_cseq=request.cseq.number,
            remote_target=_target(request, required=True) or "",
            route_set=tuple(map(str, request.record_routes[:MAX_ROUTES])),
            flow=flow,
            single_via=len(request.get_all("Via")) == 1,
        )

    @classmethod
    def to_peer(cls, *, call_id: str, local: str, local_tag: str, remote: str, flow: Flow) -> "Dialog":
        """A dialog that a request of ours will begin; the peer's answer or NOTIFY completes it (RFC 6665 4.1.2)."""
        return cls(
            call_id=call_id,
            local=f"<{local}>",
            local_tag=local_tag,
            remote=f"<{remote}>",
            remote_tag="",
            remote_cseq=-1,
            remote_target=remote,
            route_set=(),
            flow=flow,
            single_via=True,
        )

    def answered(self, response: Response) -> None:
        """Take in a 2xx to a request of ours (RFC 3261 12.1.2): tag, Contact and route; raises SipError(400)."""
        target = _target(response, required=False)
        if target is not None:
            self.remote_target = target
        if not self.remote_tag:
            self._complete(response.to)
            self.route_set = tuple(map(str, reversed(response.record_routes[:MAX_ROUTES])))

    def notified(self, request: Request) -> None:
        """Take in a NOTIFY within a dialog that we began; the first may come before the 2xx (RFC 6665 4.1.2.4).

        Raises SipError(481) for another dialog than the one that stands, as from a fork, SipError(500) when it is
        not newer than the last one.
        """
        tag = request.from_.tag or ""
        if self.remote_tag and tag != self.remote_tag:
            raise SipError(481, "Subscription Does Not Exist")
        self.receive(request)
        if not self.remote_tag:
            self._complete(request.from_)
            self.route_set = tuple(map(str, request.record_routes[:MAX_ROUTES]))

    def _complete(self, peer: NameAddr) -> None:
        """The peer's tag is known."""
        if peer.tag:
            self.remote_tag = peer.tag
            self.remote = f"{self.remote};tag={peer.tag}"

    def matches(self, request: Request) -> bool:
        """The request belongs to this dialog; its Request-URI does not matter."""
        return (
            request.call_id == self.call_id
            and request.to.tag == self.local_tag
            and (request.from_.tag or "") == self.remote_tag
        )

    def receive(self, request: Request) -> None:
        """Take in a later request of the peer (RFC 3261 12.2.2): its CSeq and, when it has one, its Contact.

        Raises SipError(500) when it is not newer than the last one.
        """
        number = request.cseq.number
        if number <= self.remote_cseq:
            raise SipError(500, "CSeq Out of Order")
        target = _target(request, required=False)
        self.remote_cseq = number
        if target is not None:
            self.remote_target = target
        self.single_via = len(request.get_all("Via")) == 1

    @property
    def next_hop(self) -> SipUri:
        """Where our requests go first: the nearest proxy of the route, else the peer; raises SipError(400)."""
        if self.route_set:
            uri = NameAddr.parse(self.route_set[0]).uri
        else:
            try:
                uri = parse_uri(self.remote_target)
            except BadUri:
                raise SipError(400, "Bad Contact") from None
        if not isinstance(uri, SipUri):
            raise SipError(400, "Contact Is Not a SIP URI")
        return uri

    def target_and_routes(self) -> tuple[str, list[str]]:
        """Request-URI and Route values of our requests.

        With a strict router in front its URI is the Request-URI and the peer's goes last (RFC 3261 12.2.1.1).
        """
        target, routes = self.remote_target, list(self.route_set)
        if routes and not self.next_hop.lr:
            target = NameAddr.parse(routes.pop(0)).uri_text
            routes.append(f"<{self.remote_target}>")
        return target, routes

    def constant_head(self, method: str, contact: str, event: str) -> tuple[bytes, bytes]:
        """What does not change from one of our requests to the next: the request line, and the headers after Via."""
        target, routes = self.target_and_routes()
        lines = [f"Route: {route}" for route in routes]
        lines += [
            "Max-Forwards: 70",
            f"From: {self.local};tag={self.local_tag}",
            f"To: {self.remote}",
            f"Call-ID: {self.call_id}",
            f"Contact: {contact}",
            f"Event: {event}",
            "",
        ]
        line = f"{method} {target} SIP/2.0\r\n"
        return _encode(line), _encode("\r\n".join(lines))

    def dumps(self) -> str:
        """The dialog as text for a database column."""
        return json.dumps(
            [
                self.call_id,
                self.local,
                self.local_tag,
                self.remote,
                self.remote_tag,
                self.local_cseq,
                self.remote_cseq,
                self.remote_target,
                self.route_set,
                [self.flow.transport, self.flow.local, self.flow.remote, self.flow.serial],
                self.single_via,
            ],
            separators=(",", ":"),
        )

    @classmethod
    def loads(cls, text: str) -> "Dialog":
        """Read what `dumps` wrote; raises ValueError."""
        try:
            fields: list[Any] = json.loads(text)
            transport, local, remote, serial = fields[9]
            return cls(
                call_id=fields[0],
                local=fields[1],
                local_tag=fields[2],
                remote=fields[3],
                remote_tag=fields[4],
                local_cseq=fields[5],
                remote_cseq=fields[6],
                remote_target=fields[7],
                route_set=tuple(fields[8]),
                flow=Flow(intern(transport), (intern(local[0]), local[1]), (remote[0], remote[1]), serial),
                single_via=fields[10],
            )
        except (TypeError, IndexError, KeyError) as error:
            raise ValueError("not a dialog") from error


def _target(request: Request | Response, *, required: bool) -> str | None:
    contacts = request.contacts
    if contacts == STAR or (required and len(contacts) != 1) or len(contacts) > 1:
        raise SipError(400, "Exactly One Contact Expected")
    for contact in contacts:
        if isinstance(contact, NameAddr):
            if not isinstance(contact.uri, SipUri):
                raise SipError(400, "Contact Is Not a SIP URI")
            return contact.uri_text
    return None


def _without_tag(address: NameAddr) -> tuple[tuple[str, str | None], ...]:
    return tuple((name, value) for name, value in address.params if name.lower() != "tag")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

"""A phone that makes and takes calls: each request waits until the test answers it."""

import contextlib
from typing import Any

from sipedge.sip.message import Request, Response
from tests.phone import Phone
from tests.waiting import wait_until


class Caller(Phone):
    """A client whose every answer is the test's business."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.requests: list[Request] = []
        super().__init__(*args, **options)

    def _take(self, message: Request | Response) -> None:
        if isinstance(message, Response):
            self.responses.append(message)
        elif not any(one.via.branch == message.via.branch and one.method == message.method for one in self.requests):
            self.requests.append(message)

    def takes(self, method: str, number: int = 1) -> Request:
        """The request of this method with this number, once it is there."""

        def found() -> Request | None:
            mine = [one for one in self.requests if one.method == method]
            return mine[number - 1] if len(mine) >= number else None

        request: Request = wait_until(found, f"{method} at {self.aor}")
        return request

    def answer(self, request: Request, status: int, **headers: str) -> None:
        """Answer a request."""
        more = [(name.replace("_", "-"), value) for name, value in headers.items()]
        if request.method in ("INVITE", "SUBSCRIBE") and 100 < status < 300:
            more.append(("Contact", self.contact))
        self.send(request.respond(status, headers=more, to_tag="callee").encode())

    def hears(self, status: int, method: str = "INVITE") -> Response:
        """An answer with this status to a request of this method."""
        response: Response = wait_until(
            lambda: next((one for one in self.responses if one.status == status and one.cseq.method == method), None),
            f"{status} to {method} at {self.aor}",
        )
        return response

    def call(self, target: str, *, by_proxy: bool = False, **changes: Any) -> Request:
        """INVITE somebody, log in when challenged; the INVITE that was let through.

        `by_proxy`: a proxy stands between, which says 100 before anybody challenges.
        """
        request = self.build("INVITE", target, **changes)
        self.send(request.encode())
        least = 101 if by_proxy else 100
        challenge: Response = wait_until(
            lambda: next(
                (one for one in self.responses if one.call_id == request.call_id and one.status >= least), None
            ),
            "the first answer",
        )
        if challenge.status != 407:
            return request
        self.acknowledge(request, challenge)
        again = self.build("INVITE", target, **changes)
        for name in ("From", "Call-ID"):
            again.headers = [(n, request.get(n) or v) if n == name else (n, v) for n, v in again.headers]
        again.headers.append(self.credentials(challenge, "INVITE", target))
        invite = Request.build("INVITE", target, again.headers)
        self.send(invite.encode())
        return invite

    def acknowledge(self, invite: Request, response: Response) -> None:
        """ACK: of a failure within the transaction, of a 2xx along the route of the dialog."""
        if response.status >= 300:
            headers = [(n, v) for n, v in invite.headers if n in ("Via", "From", "Call-ID", "Max-Forwards")]
            headers += [("To", response.get("To") or ""), ("CSeq", f"{invite.cseq.number} ACK")]
            self.send(Request.build("ACK", invite.target, headers).encode())
        else:
            self.send(self.within(invite, response, "ACK", invite.cseq.number).encode())

    def within(self, invite: Request, response: Response, method: str, number: int) -> Request:
        """A request of the caller in the dialog that a 2xx has made."""
        routes = [("Route", str(one)) for one in reversed(response.record_routes)]
        target = response.contacts[0].uri_text  # type: ignore[union-attr]
        request = self.build(method, target, routes, Contact=None)
        for name in ("From", "Call-ID"):
            request.headers = [(n, invite.get(n) or v) if n == name else (n, v) for n, v in request.headers]
        request.headers = [
            (n, {"To": response.get("To") or v, "CSeq": f"{number} {method}"}.get(n, v)) for n, v in request.headers
        ]
        return Request.build(method, target, request.headers)

    def back(self, invite: Request, method: str) -> Request:
        """A request of the one who was called, in the dialog of the INVITE that it took."""
        routes = [("Route", str(one)) for one in invite.record_routes]
        target = invite.contacts[0].uri_text  # type: ignore[union-attr]
        own = f"{invite.get('To')};tag=callee"
        request = self.build(method, target, routes, Contact=None, From=own, To=invite.get("From"))
        request.headers = [(n, invite.call_id if n == "Call-ID" else v) for n, v in request.headers]
        return Request.build(method, target, request.headers)

    def hang_up(self) -> None:
        """Nothing is said any more."""
        with contextlib.suppress(OSError):
            self.close()

"""A foreign presence server for tests: it records each SUBSCRIBE, answers as told, and notifies when told."""

import contextlib
import secrets
import socket
import threading
from collections.abc import Callable

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.message import Request, Response, parse
from tests.services import free_port
from tests.waiting import wait_until


class Foreign:
    """A server on UDP."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port or free_port()
        self.requests: list[Request] = []
        self.responses: list[Response] = []
        self.answer: Callable[[Request], Response | None] = self.accept
        "What is answered; None for silence."
        self.tag = secrets.token_hex(4)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, self.port))
        self._cseq = 0
        self._closed = False
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> "Foreign":
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    @property
    def contact(self) -> str:
        """Where requests within its dialogs go."""
        return f"<sip:{self.host}:{self.port}>"

    def accept(self, request: Request) -> Response:
        """200 for what was asked."""
        headers = [("Contact", self.contact), ("Expires", request.get("Expires") or "3600")]
        return request.respond(200, headers=headers, to_tag=self.tag)

    def refuse(self, status: int, **headers: str) -> None:
        """From now on answer with this status."""
        more = [(name.replace("_", "-"), value) for name, value in headers.items()]
        self.answer = lambda request: request.respond(status, headers=more)

    def asked(self, number: int) -> Request:
        """The SUBSCRIBE with this number, from 1."""
        wait_until(lambda: len(self.requests) >= number, f"SUBSCRIBE {number} at the foreign server", 40)
        return self.requests[number - 1]

    def notify(
        self,
        subscribe: Request,
        body: bytes = b"",
        state: str = "active;expires=3600",
        *,
        via: "Foreign | None" = None,
        **changes: str | None,
    ) -> Response:
        """Send a NOTIFY in the dialog of a SUBSCRIBE; its final answer. `via` sends it from another address."""
        self._cseq += 1
        contact = subscribe.contacts[0]
        target = contact.uri_text  # type: ignore[union-attr]
        sender = via or self
        base: dict[str, str | None] = {
            "Via": f"SIP/2.0/UDP {sender.host}:{sender.port};branch=z9hG4bK{secrets.token_hex(8)}",
            "Max-Forwards": "70",
            "From": f"{subscribe.get('To')};tag={self.tag}" if subscribe.to.tag is None else subscribe.get("To"),
            "To": subscribe.get("From"),
            "Call-ID": subscribe.call_id,
            "CSeq": f"{self._cseq} NOTIFY",
            "Contact": self.contact,
            "Event": "presence",
            "Subscription-State": state,
            "User-Agent": "Cisco-CCM5.1",
            "Content-Type": "application/pidf+xml" if body else None,
        }
        base.update({name.replace("_", "-"): value for name, value in changes.items()})
        request = Request.build(
            "NOTIFY", target, [(name, value) for name, value in base.items() if value is not None], body
        )
        address = request.uri.host, request.uri.port  # type: ignore[union-attr]
        seen = len(sender.responses)
        sender.socket.sendto(request.encode(), address)
        found: Response = wait_until(
            lambda: next(
                (one for one in sender.responses[seen:] if one.via.branch == request.via.branch and one.status >= 200),
                None,
            ),
            "an answer to the NOTIFY",
        )
        return found

    def _read(self) -> None:
        while not self._closed:
            try:
                data, address = self.socket.recvfrom(65535)
            except OSError:
                return
            with contextlib.suppress(MalformedMessage):
                message = parse(data)
                if isinstance(message, Response):
                    self.responses.append(message)
                    continue
                response = self.answer(message)
                if response is not None:
                    with contextlib.suppress(OSError):
                        self.socket.sendto(response.encode(), address)
                if not any(one.via.branch == message.via.branch for one in self.requests):
                    self.requests.append(message)

"""The home server that pidgin-sipe needs, as far as it needs one: Live Communications Server 2005 with call control.

It takes the user at its word, tells it the line and the gateway, and is the proxy between it and the gateway, where it
asserts who the user is and records its route.
"""

import contextlib
import secrets
import socket
import threading
from typing import TypeVar

from cti.csta.codec import decode
from cti.csta.messages import Message
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.framing import StreamFramer
from sipedge.sip.message import Request, Response, parse
from tests.waiting import wait_until

PROVISIONING = "vnd-microsoft-provisioning"
"The event that a client of 2005 learns its line from; no other is offered."

M = TypeVar("M", bound=Message)


class HomeServer:
    """Listens on loopback for one client at a time; one connection leads to the edge."""

    def __init__(self, edge: tuple[str, int], user: str, line: str, gateway: str) -> None:
        """`edge`: an engine listener that trusts us; the others are URIs."""
        self.user, self.line, self.gateway = user, line, gateway
        self.registered = False
        self.told: list[Message] = []
        "What the gateway has said to the client: answers and events, in their order."
        self.asked: list[str] = []
        "Methods of the client's requests to the gateway."
        self.answers: list[tuple[str, int]] = []
        "Method and status of what the gateway has answered."
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._client: socket.socket | None = None
        self._edge = socket.create_connection(edge)
        threading.Thread(target=self._accept, daemon=True).start()
        threading.Thread(target=self._read, args=(self._edge,), daemon=True).start()

    def __enter__(self) -> "HomeServer":
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listening, self._edge, self._client):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()

    def tells(self, kind: type[M], number: int = 1) -> M:
        """The message with this number of this kind that went from the gateway to the client, once it is there."""

        def found() -> M | None:
            some = [one for one in self.told if isinstance(one, kind)]
            return some[number - 1] if len(some) >= number else None

        seen: M = wait_until(found, f"{kind.__name__} {number} at the client; there were {self.told}")
        return seen

    @property
    def _address(self) -> str:
        return f"sip:127.0.0.1:{self.port};transport=tcp;lr"

    def _accept(self) -> None:
        while True:
            try:
                self._client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._read, args=(self._client,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        framer = StreamFramer()
        with contextlib.suppress(OSError):
            while data := connection.recv(65535):
                for piece in framer.feed(data):
                    if isinstance(piece, bytes):
                        with contextlib.suppress(MalformedMessage):
                            self._take(parse(piece), connection)

    def _take(self, message: Request | Response, connection: socket.socket) -> None:
        if connection is self._edge:
            self._pass_on(message, self._client)
            self._note(message)
        elif isinstance(message, Response) or message.method not in ("REGISTER", "SUBSCRIBE"):
            self._pass_on(message, self._edge)
            if isinstance(message, Request):
                self.asked.append(message.method)
        elif message.method == "REGISTER":
            self._register(message)
        else:
            self._provision(message)

    def _note(self, message: Request | Response) -> None:
        if message.body:
            self.told.append(decode(message.body).message)
        if isinstance(message, Response):
            self.answers.append((message.cseq.method, message.status))

    # A home server's own work

    def _register(self, request: Request) -> None:
        self.registered = request.get("Expires") != "0"
        headers = [("Contact", request.get("Contact") or ""), ("Expires", "3600"), ("Allow-Events", PROVISIONING)]
        self._send(request.respond(200, headers=headers, to_tag=secrets.token_hex(4)), self._client)

    def _provision(self, request: Request) -> None:
        """Answer a subscription; its NOTIFY says which line the user has, and who controls it."""
        if request.to.tag is not None:
            self._send(request.respond(200), self._client)
            return
        response = request.respond(200, headers=[("Contact", f"<{self._address}>"), ("Expires", "0")], to_tag="home")
        self._send(response, self._client)
        headers = [
            ("Via", self._via()),
            ("Max-Forwards", "70"),
            ("From", response.get("To") or ""),
            ("To", request.get("From") or ""),
            ("Call-ID", request.call_id),
            ("CSeq", "1 NOTIFY"),
            ("Contact", f"<{self._address}>"),
            ("Event", PROVISIONING),
            ("Subscription-State", "terminated"),
            ("Content-Type", "application/vnd-microsoft-roaming-provisioning+xml"),
        ]
        line = f'<line uri="{self.line}" server="{self.gateway}"/>'
        document = f'<provisionConfiguration><user uri="{self.user}">{line}</user></provisionConfiguration>'
        target = request.contacts[0].uri_text  # type: ignore[union-attr]
        self._send(Request.build("NOTIFY", target, headers, document.encode()), self._client)

    # A proxy's work

    def _via(self) -> str:
        return f"SIP/2.0/TCP 127.0.0.1:{self.port};branch=z9hG4bK{secrets.token_hex(8)}"

    def _pass_on(self, message: Request | Response, to: socket.socket | None) -> None:
        headers = list(message.headers)
        if isinstance(message, Response):
            headers.pop(next(place for place, (name, _) in enumerate(headers) if name == "Via"))
            if not any(name == "Via" for name, _ in headers):
                return  # the answer to a NOTIFY of ours
        else:
            headers = [one for one in headers if one != ("Route", f"<{self._address}>")]
            if message.method == "INVITE":
                headers.insert(0, ("Record-Route", f"<{self._address}>"))
            if to is self._edge:
                headers.append(("P-Asserted-Identity", f"<{self.user}>"))
            headers.insert(0, ("Via", self._via()))
        message.headers = headers
        self._send(message, to)

    def _send(self, message: Request | Response, to: socket.socket | None) -> None:
        if to is not None:
            with contextlib.suppress(OSError):  # it does not wait for the answers to its farewell
                to.sendall(message.encode())

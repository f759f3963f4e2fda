"""A SIP client for tests: it sends what the test says, and keeps what it is told."""

import contextlib
import secrets
import select
import socket
import ssl
import threading
import time
from itertools import chain, repeat
from typing import Any

from websockets.exceptions import ConnectionClosed

from provisioning.uri import Aor
from sipedge.sip import digest
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.framing import StreamFramer
from sipedge.sip.message import Request, Response, parse
from tests.waiting import PATIENCE, wait_until

DOMAIN = "compb.cisco.com"
PASSWORD = "secret"


def pidf(aor: str, basic: str = "open", activity: str = "", *, tuple_id: str = "t1", extra: str = "") -> bytes:
    """A small presence document."""
    person = f'<dm:person id="p1"><rpid:activities><rpid:{activity}/></rpid:activities></dm:person>' if activity else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n<presence xmlns="urn:ietf:params:xml:ns:pidf" '
        'xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" '
        f'entity="{aor}"><tuple id="{tuple_id}"><status><basic>{basic}</basic></status>{extra}</tuple>{person}'
        "</presence>\r\n"
    ).encode()


class WebSocket:
    """A WebSocket that looks like a socket: one message at a time (RFC 7118)."""

    def __init__(self, server: tuple[str, int], tls: ssl.SSLContext | None, server_name: str, source: str) -> None:
        from websockets.sync.client import connect

        host = f"[{server[0]}]" if ":" in server[0] else server[0]
        self._open = contextlib.ExitStack()
        self._connection = self._open.enter_context(
            connect(
                f"{'wss' if tls else 'ws'}://{host}:{server[1]}/",
                subprotocols=["sip"],  # type: ignore[list-item]
                ssl=tls,
                server_hostname=server_name or None,
                source_address=(source, 0) if source else None,
            )
        )

    def sendall(self, data: bytes) -> None:
        self._connection.send(data.decode())

    def recv(self, size: int) -> bytes:
        message = self._connection.recv()
        return message.encode() if isinstance(message, str) else message

    def getsockname(self) -> tuple[str, int]:
        name: tuple[str, int] = self._connection.local_address
        return name

    def shutdown(self, how: int) -> None:
        """Closing says it."""

    def close(self) -> None:
        self._open.close()


class Phone:
    """A SIP client: sends requests, logs in when challenged, answers NOTIFYs and keeps them."""

    def __init__(
        self,
        user: str,
        server: tuple[str, int],
        *,
        transport: str = "UDP",
        password: str = PASSWORD,
        asserted: bool = False,
        algorithm: str = digest.SHA256,
        tls: ssl.SSLContext | None = None,
        server_name: str = "",
        source: str = "",
    ) -> None:
        """`source`: the address that it speaks from, another one of this machine's."""
        self.aor = Aor.parse(user if "@" in user else f"{user}@{DOMAIN}")
        self.password = password
        self.asserted = asserted
        self.algorithm = algorithm
        self.transport = transport
        self.pauses: tuple[float, ...] = (1.0,)
        "Seconds between two repetitions of a request over UDP; the last one again and again."
        self.answer_with = 200
        "Status of the answers to NOTIFYs; 0 for none."
        self.notifies: list[Request] = []
        self.messages: list[Request] = []
        self.responses: list[Response] = []
        self._server = server
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM if transport == "UDP" else socket.SOCK_STREAM)
        if source:
            self.socket.bind((source, 0))
        if transport in ("WS", "WSS"):
            self.socket.close()
            self.socket = WebSocket(server, tls, server_name, source)  # type: ignore[assignment]
            tls = None
        else:
            self._connect(server)
        if tls is not None:
            wrapped = tls.wrap_socket(self.socket, server_hostname=server_name or None)
            self.socket, self.certificate = wrapped, wrapped.getpeercert(binary_form=True) or b""
            self.certificate_names = set(dict(wrapped.getpeercert() or {}).get("subjectAltName", ()))
        host, port = self.socket.getsockname()[:2]
        self._reserved = _reserved(family, host, port) if transport == "UDP" else None
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.contact = f"<sip:{self.aor.user}@{self.address};transport={transport.lower()}>"
        self._cseq = 0
        self._closed = False
        self._lock = threading.Lock() if tls is not None else contextlib.nullcontext()
        "OpenSSL takes no reading and writing at once."
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _connect(self, server: tuple[str, int]) -> None:
        """Where it speaks to, and whom it hears."""
        self.socket.connect(server)

    def close(self) -> None:
        """Hang up."""
        self._closed = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.release_tcp()

    def release_tcp(self) -> None:
        """Whoever wants to may listen for TCP at the phone's UDP address."""
        if self._reserved is not None:
            self._reserved.close()

    def __enter__(self) -> "Phone":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def skip_to(self, earlier: "Phone") -> None:
        """Go on numbering where another connection of this client has ended."""
        self._cseq = earlier._cseq

    def send(self, data: bytes) -> None:
        """Raw bytes."""
        with self._lock:
            self.socket.sendall(data)

    def build(
        self,
        method: str,
        target: str,
        headers: list[tuple[str, str]] | None = None,
        body: bytes = b"",
        **changes: Any,
    ) -> Request:
        """A well-formed request; `changes` replace or (None) remove headers by name with _ for -."""
        self._cseq += 1
        base: dict[str, str | None] = {
            "Via": f"SIP/2.0/{self.transport} {self.address};branch=z9hG4bK{secrets.token_hex(8)};rport",
            "Max-Forwards": "70",
            "From": f"<{self.aor}>;tag={secrets.token_hex(4)}",
            "To": f"<{target if method != 'REGISTER' else self.aor}>",
            "Call-ID": secrets.token_hex(8),
            "CSeq": f"{self._cseq} {method}",
            "Contact": self.contact,
        }
        if self.asserted:
            base["P-Asserted-Identity"] = f"<{self.aor}>"
        base.update({name.replace("_", "-"): value for name, value in changes.items()})
        lines = [(name, value) for name, value in base.items() if value is not None]
        return Request.build(method, target, [*lines, *(headers or [])], body)

    def ask(
        self,
        method: str,
        target: str,
        headers: list[tuple[str, str]] | None = None,
        body: bytes = b"",
        *,
        login: bool = True,
        patience: float = PATIENCE,
        **changes: Any,
    ) -> Response:
        """Send a request, log in when challenged; the final answer."""
        request = self.build(method, target, headers, body, **changes)
        response = self.exchange(request, patience)
        if login and response.status in (401, 407):
            again = self.build(method, target, headers, body, **changes)
            for name in ("From", "Call-ID"):
                again.headers = [(n, request.get(n) or v) if n == name else (n, v) for n, v in again.headers]
            again.headers.append(self.credentials(response, method, target))
            response = self.exchange(Request.build(method, target, again.headers, body), patience)
        return response

    def exchange(self, request: Request, patience: float = PATIENCE) -> Response:
        """Send as it is; the final answer. Over UDP the request is repeated while there is none."""
        key = (request.get("Call-ID"), request.get("CSeq"))
        data = request.encode()
        limit = time.monotonic() + patience
        seen = len(self.responses)
        pauses = chain(self.pauses, repeat(self.pauses[-1])) if self.transport == "UDP" else repeat(patience)
        while time.monotonic() < limit:
            with contextlib.suppress(ConnectionRefusedError):
                self.send(data)
            again = min(time.monotonic() + next(pauses), limit)
            while time.monotonic() < again:
                for response in self.responses[seen:]:
                    if (response.get("Call-ID"), response.get("CSeq")) == key and response.status >= 200:
                        return response
                time.sleep(0.002)
        raise AssertionError(f"no answer to {request!r}")

    def credentials(self, challenge: Response, method: str, target: str, count: int = 1) -> tuple[str, str]:
        """The header that answers a challenge."""
        header = "WWW-Authenticate" if challenge.status == 401 else "Proxy-Authenticate"
        offered = [_challenge(value) for value in challenge.get_all(header)]
        values = next(one for one in offered if one["algorithm"] == self.algorithm)
        name = self.aor.user
        unanswered = digest.Credentials(
            name, values["realm"], values["nonce"], target, "", self.algorithm, "auth", f"{count:08x}", "0a4f113b"
        )
        secret = digest.ha1(name, values["realm"], self.password, self.algorithm)
        text = (
            f'Digest username="{name}", realm="{values["realm"]}", nonce="{values["nonce"]}", uri="{target}", '
            f'response="{digest.response(unanswered, method, secret)}", algorithm={self.algorithm}, qop=auth, '
            f'nc={unanswered.nc}, cnonce="{unanswered.cnonce}"'
        )
        return ("Authorization" if challenge.status == 401 else "Proxy-Authorization"), text

    def register(self, *contacts: str, expires: int | None = 3600, **changes: Any) -> Response:
        """REGISTER these contacts (else the phone's own)."""
        headers = [("Contact", contact) for contact in contacts]
        if expires is not None:
            headers.append(("Expires", str(expires)))
        if contacts:
            changes["Contact"] = None
        return self.ask("REGISTER", f"sip:{self.aor.host}", headers, **changes)

    def publish(
        self,
        body: bytes | None = None,
        *,
        tag: str | None = None,
        expires: int | None = 3600,
        to: str | None = None,
        **changes: Any,
    ) -> Response:
        """PUBLISH the phone's state."""
        headers = [("Event", "presence")]
        if expires is not None:
            headers.append(("Expires", str(expires)))
        if tag is not None:
            headers.append(("SIP-If-Match", tag))
        if body:
            headers.append(("Content-Type", "application/pidf+xml"))
        return self.ask("PUBLISH", to or self.aor, headers, body or b"", **changes)

    def message(
        self,
        to: str,
        text: str = "Hello xten4!",
        kind: str = "text/plain",
        *,
        body: bytes | None = None,
        **changes: Any,
    ) -> Response:
        """MESSAGE somebody; its answer."""
        changes.setdefault("Contact", None)
        target = to if ":" in to else str(Aor.parse(f"{to}@{DOMAIN}"))
        return self.ask("MESSAGE", target, [("Content-Type", kind)], text.encode() if body is None else body, **changes)

    def reads(self, text: str) -> Request:
        """The message with this text, once it is there."""
        found: Request = wait_until(
            lambda: next((one for one in self.messages if one.body == text.encode()), None), f"the message “{text}”"
        )
        return found

    def subscribe(
        self,
        presentity: str,
        *,
        expires: int | None = 3600,
        accept: str | None = "application/pidf+xml",
        **changes: Any,
    ) -> "Watch":
        """SUBSCRIBE; the answer and what follows."""
        headers = [("Event", "presence")]
        if expires is not None:
            headers.append(("Expires", str(expires)))
        if accept is not None:
            headers.append(("Accept", accept))
        target = presentity if ":" in presentity else str(Aor.parse(f"{presentity}@{DOMAIN}"))
        changes.setdefault("Call_ID", secrets.token_hex(8))
        changes.setdefault("From", f"<{self.aor}>;tag={secrets.token_hex(4)}")
        response = self.ask("SUBSCRIBE", target, headers, **changes)
        return Watch(self, target, changes, response)

    def _read(self) -> None:
        framer = StreamFramer()
        while not self._closed:
            try:
                data = self._receive()
            except (ConnectionRefusedError, TimeoutError):
                continue
            except (OSError, ValueError, ConnectionClosed):
                return
            if not data and self.transport != "UDP":
                return
            pieces = (
                [data]
                if self.transport in ("UDP", "WS", "WSS")
                else [one for one in framer.feed(data) if isinstance(one, bytes)]
            )
            for piece in pieces:
                with contextlib.suppress(MalformedMessage, OSError):
                    self._take(parse(piece))

    def _receive(self) -> bytes:
        """What has come; over TLS without getting in the way of what is sent."""
        if not isinstance(self.socket, ssl.SSLSocket):
            return self.socket.recv(65535)
        if not self.socket.pending():
            select.select([self.socket], [], [], 1.0)
        with self._lock:
            self.socket.settimeout(0.05)
            try:
                return self.socket.recv(65535)
            finally:
                self.socket.settimeout(None)

    def _take(self, message: Request | Response) -> None:
        if isinstance(message, Response):
            self.responses.append(message)
            return
        if self.answer_with:
            self.send(message.respond(self.answer_with).encode())
        if message.method == "NOTIFY":
            _keep(message, self.notifies)
        elif message.method == "MESSAGE":
            _keep(message, self.messages)


def _reserved(family: int, host: str, port: int) -> socket.socket | None:
    """The TCP port beside a UDP port, bound and never listening: else another program's is taken for the phone's."""
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.bind((host, port))
    except OSError:
        found.close()
        return None
    return found


def _keep(message: Request, kept: list[Request]) -> None:
    """Keep a request, but not the repetition of one that is there."""
    if not any((one.call_id, one.cseq, one.target) == (message.call_id, message.cseq, message.target) for one in kept):
        kept.append(message)


class Watch:
    """A subscription of a phone: its answer, and the NOTIFYs in its dialog."""

    def __init__(self, phone: Phone, target: str, identity: dict[str, Any], response: Response) -> None:
        self.phone = phone
        self.target = target
        self.identity = identity
        self.response = response

    @property
    def notifies(self) -> list[Request]:
        """In the order of their arrival."""
        return [one for one in self.phone.notifies if one.call_id == self.identity["Call_ID"]]

    def heard(self, number: int) -> Request:
        """The NOTIFY with this number, from 1."""
        found: list[Request] = wait_until(
            lambda: self.notifies if len(self.notifies) >= number else None,
            f"NOTIFY {number} of {self.target} after {self.response.status}",
        )
        return found[number - 1]

    def sees(self, text: str) -> Request:
        """The last NOTIFY, once it contains this text."""
        notify: Request = wait_until(
            lambda: self.notifies[-1] if self.notifies and text.encode() in self.notifies[-1].body else None,
            f"{text} in what {self.phone.aor} sees of {self.target}",
        )
        return notify

    def loses(self, text: str) -> Request:
        """The last NOTIFY, once it does not contain this text any more."""
        notify: Request = wait_until(
            lambda: self.notifies[-1] if text.encode() not in self.notifies[-1].body else None,
            f"no {text} in what {self.phone.aor} sees of {self.target}",
        )
        return notify

    def refresh(self, *, expires: int | None = 3600, **changes: Any) -> Response:
        """SUBSCRIBE within the dialog."""
        headers = [("Event", "presence")] + ([("Expires", str(expires))] if expires is not None else [])
        to = self.response.get("To") or ""
        return self.phone.ask("SUBSCRIBE", self.target, headers, **{**self.identity, "To": to, **changes})

    def within_route(self, *, expires: int) -> Response:
        """SUBSCRIBE within the dialog through the proxies that recorded themselves (RFC 3261 12.2.1.1)."""
        routes = [("Route", value) for value in reversed(self.response.get_all("Record-Route"))]
        last = self.notifies[-1] if self.notifies else self.response
        contact = (last.get("Contact") or "").partition("<")[2].partition(">")[0]
        headers = [("Event", "presence"), ("Expires", str(expires)), *routes]
        to = self.response.get("To") or ""
        return self.phone.ask("SUBSCRIBE", contact, headers, **{**self.identity, "To": to})


def _challenge(value: str) -> dict[str, str]:
    parts = (part.partition("=") for part in value.removeprefix("Digest ").split(","))
    return {name.strip(): text.strip().strip('"') for name, _, text in parts}

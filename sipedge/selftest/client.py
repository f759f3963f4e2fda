"""The smallest SIP clients that can log in, over UDP, all of them in one thread: for an operator's first look."""

import secrets
import select
import socket
import time
from collections.abc import Callable, Sequence

from provisioning.uri import Aor
from sipedge.sip import digest
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.message import Request, Response, parse

PATIENCE = 5.0
"Seconds to wait for a message."

LARGEST = 65_535
"Octets of a datagram."

Header = tuple[str, str]


class Failed(Exception):
    """Something was not as it should be; the text is for people."""


class Wire:
    """All clients of one run: whichever of them is written to answers, whoever waits."""

    def __init__(self, proxy: tuple[str, int], tell: Callable[[str], None] = lambda line: None) -> None:
        """`proxy`: a UDP listener in the proxy role; `tell` hears of each message in a line."""
        self.proxy = proxy
        self.tell = tell
        self.clients: list[Client] = []

    def client(self, aor: Aor, password: str) -> "Client":
        """One more; raises Failed."""
        made = Client(self, aor, password)
        self.clients.append(made)
        return made

    def close(self) -> None:
        """Nobody listens any more."""
        for client in self.clients:
            client.socket.close()

    def turn(self, ends: float, what: str) -> None:
        """Take what has come to anybody; raises Failed when nothing comes until then (monotonic seconds)."""
        sockets = {client.socket: client for client in self.clients}
        ready, _, _ = select.select(list(sockets), [], [], max(0.0, ends - time.monotonic()))
        if not ready:
            raise Failed("no {} from {}:{}; is it running there?".format(what, *self.proxy))
        for one in ready:
            sockets[one].take()


class Client:
    """One user agent."""

    def __init__(self, wire: Wire, aor: Aor, password: str) -> None:
        self._wire = wire
        self.aor = aor
        self._password = password
        self.socket = socket.socket(socket.AF_INET6 if ":" in wire.proxy[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(wire.proxy)
        host, port = self.socket.getsockname()[:2]
        self._here = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._cseq = 0
        self._requests: list[Request] = []
        self._responses: list[Response] = []
        self.challenged = False
        "It was asked for its password."

    def ask(
        self,
        method: str,
        target: Aor,
        headers: Sequence[Header] = (),
        body: bytes = b"",
        *,
        within: Response | None = None,
        may_fail: bool = False,
    ) -> Response:
        """Send a request, log in when challenged; the final answer.

        Raises Failed when there is none, and, unless it `may_fail`, when it is not 200. `within`: the answer that has
        begun the dialog; its Contact is where the request goes.
        """
        call_id, to = secrets.token_hex(8), f"<{target}>"
        uri = f"sip:{target.host}" if method == "REGISTER" else str(target)
        if within is not None:
            call_id, to = within.call_id, within.get("To") or to
            uri = (within.get("Contact") or uri).strip("<>")
        answer = self._exchange(method, uri, to, call_id, headers, body)
        if answer.status in (401, 407):
            self.challenged = True
            headers = [self._credentials(answer, method, uri), *headers]
            answer = self._exchange(method, uri, to, call_id, headers, body)
        if answer.status != 200 and not may_fail:
            raise Failed(f"{method} was answered {answer.status} {answer.reason}")
        return answer

    def hear(self, method: str, wanted: Callable[[Request], bool] = lambda request: True) -> Request:
        """The next such request that has come, which was answered by 200; raises Failed."""
        ends = time.monotonic() + PATIENCE
        while True:
            for request in self._requests:
                if request.method == method and wanted(request):
                    self._requests.remove(request)
                    return request
            self._wire.turn(ends, f"{method} for {self.aor}")

    def take(self) -> None:
        """Read one datagram; a request is answered."""
        try:
            message = parse(self.socket.recv(LARGEST))
        except ConnectionRefusedError:
            raise Failed("nobody listens at {}:{}".format(*self._wire.proxy)) from None
        except MalformedMessage as error:
            raise Failed(f"a message that cannot be read: {error.reason}") from None
        if isinstance(message, Response):
            self._responses.append(message)
            return
        self._wire.tell(f"{self.aor.user:>8} <- {message.method}, {message.get('Subscription-State')}")
        self.socket.send(message.respond(200).encode())
        if not any((one.call_id, one.cseq) == (message.call_id, message.cseq) for one in self._requests):
            self._requests.append(message)

    def _exchange(
        self, method: str, uri: str, to: str, call_id: str, headers: Sequence[Header], body: bytes
    ) -> Response:
        self._cseq += 1
        request = Request.build(
            method,
            uri,
            [
                ("Via", f"SIP/2.0/UDP {self._here};branch=z9hG4bK{secrets.token_hex(8)};rport"),
                ("Max-Forwards", "70"),
                ("From", f"<{self.aor}>;tag={call_id}"),
                ("To", to),
                ("Call-ID", call_id),
                ("CSeq", f"{self._cseq} {method}"),
                ("Contact", f"<sip:{self.aor.user}@{self._here}>"),
                *headers,
            ],
            body,
        )
        self._wire.tell(f"{self.aor.user:>8} -> {method} {uri}")
        self.socket.send(request.encode())
        ends = time.monotonic() + PATIENCE
        while True:
            for response in self._responses:
                if response.cseq.number == self._cseq and response.status >= 200:
                    self._responses.clear()
                    self._wire.tell(f"{self.aor.user:>8} <- {response.status} {response.reason}")
                    return response
            self._wire.turn(ends, f"answer to {method}")

    def _credentials(self, challenge: Response, method: str, uri: str) -> Header:
        header = "WWW-Authenticate" if challenge.status == 401 else "Proxy-Authenticate"
        values = {
            name.strip(): value.strip('" ')
            for part in (challenge.get(header) or "").removeprefix("Digest ").split(",")
            for name, _, value in [part.partition("=")]
        }
        if not {"realm", "nonce"} <= values.keys():
            raise Failed(f"{challenge.status} without a challenge that can be answered")
        algorithm, realm = values.get("algorithm", digest.MD5), values["realm"]
        unanswered = digest.Credentials(
            self.aor.user, realm, values["nonce"], uri, "", algorithm, "auth", "00000001", secrets.token_hex(8)
        )
        secret = digest.ha1(self.aor.user, realm, self._password, algorithm)
        text = (
            f'Digest username="{self.aor.user}", realm="{realm}", nonce="{values["nonce"]}", uri="{uri}", '
            f'response="{digest.response(unanswered, method, secret)}", algorithm={algorithm}, qop=auth, '
            f'nc={unanswered.nc}, cnonce="{unanswered.cnonce}"'
        )
        return ("Authorization" if challenge.status == 401 else "Proxy-Authorization"), text

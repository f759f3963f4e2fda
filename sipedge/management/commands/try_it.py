"""`manage.py try_it`: two users of the demonstration see each other, message by message.

xten4 registers and subscribes to xten3, xten3 publishes Busy, and the NOTIFY that xten4 gets is printed: proof for a
newcomer that everything is in place, and for an operator that a listener answers.
"""

import secrets
import socket
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from provisioning.uri import Aor
from sipedge.sip import digest
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.message import Request, Response, parse

PATIENCE = 5.0
"Seconds to wait for a message."

DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
 xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="{aor}">
<tuple id="demo"><status><basic>open</basic></status></tuple>
<dm:person id="p2"><rpid:activities><rpid:busy/></rpid:activities></dm:person>
</presence>
"""


class Command(BaseCommand):
    """Plays the guide's figure of a publication that reaches its watcher."""

    help = "Publish as one user and watch as another, over UDP, and print what goes over the wire."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which users, and where."""
        parser.add_argument("--proxy", default="127.0.0.1:5060", help="host:port of a UDP proxy listener")
        parser.add_argument("--publisher", default="xten3@compB.cisco.com:xten3-demo", help="user@domain:password")
        parser.add_argument("--watcher", default="xten4@compB.cisco.com:xten4-demo", help="user@domain:password")

    def handle(self, *args: Any, **options: Any) -> None:
        """Play it; the exit status tells."""
        host, _, port = options["proxy"].rpartition(":")
        publisher = _Client(self, options["publisher"], (host, int(port)))
        watcher = _Client(self, options["watcher"], (host, int(port)))
        watcher.ask("REGISTER", watcher.aor, [("Expires", "60")])
        subscribed = watcher.ask("SUBSCRIBE", publisher.aor, [("Event", "presence"), ("Expires", "60")])
        watcher.hear_notify()
        published = [("Event", "presence"), ("Expires", "60"), ("Content-Type", "application/pidf+xml")]
        body = DOCUMENT.format(aor=publisher.aor).replace("\n", "\r\n").encode()
        answer = publisher.ask("PUBLISH", publisher.aor, published, body)
        notify = watcher.hear_notify()
        self.stdout.write(notify.body.decode())
        found = b"rpid:busy" in notify.body
        ended = [("Event", "presence"), ("Expires", "0"), ("SIP-If-Match", answer.get("SIP-ETag") or "")]
        publisher.ask("PUBLISH", publisher.aor, ended)
        watcher.ask("SUBSCRIBE", publisher.aor, [("Event", "presence"), ("Expires", "0")], within=subscribed)
        while not (watcher.hear_notify().get("Subscription-State") or "").startswith("terminated"):
            pass
        watcher.ask("REGISTER", watcher.aor, [("Expires", "0")])
        if not found:
            raise CommandError("the NOTIFY does not say Busy; does another client of this user publish?")
        self.stdout.write(self.style.SUCCESS(f"{watcher.aor} was told that {publisher.aor} is busy"))


class _Client:
    """The smallest SIP client that can log in."""

    def __init__(self, command: BaseCommand, account: str, proxy: tuple[str, int]) -> None:
        aor, _, self._password = account.rpartition(":")
        self.aor = Aor.parse(aor)
        self._out = command.stdout
        self._proxy = proxy
        self._socket = socket.socket(socket.AF_INET6 if ":" in proxy[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(proxy)
        self._here = "{}:{}".format(*self._socket.getsockname()[:2])
        self._cseq = 0
        self._notifies: list[Request] = []

    def ask(
        self,
        method: str,
        target: Aor,
        headers: list[tuple[str, str]],
        body: bytes = b"",
        *,
        within: Response | None = None,
    ) -> Response:
        """Send a request, log in when challenged; the final answer, which has to be 200.

        `within`: the answer that began the dialog; its Contact is where the request goes.
        """
        call_id, to = secrets.token_hex(8), f"<{target}>"
        uri = f"sip:{target.host}" if method == "REGISTER" else str(target)
        if within is not None:
            call_id, to = within.call_id, within.get("To") or to
            uri = (within.get("Contact") or uri).strip("<>")
        answer = self._exchange(method, uri, to, call_id, headers, body)
        if answer.status in (401, 407):
            answer = self._exchange(method, uri, to, call_id, [self._credentials(answer, method, uri), *headers], body)
        if answer.status != 200:
            hint = "; --publisher and --watcher name other users" if answer.status in (401, 407) else ""
            raise CommandError(f"{method} was answered {answer.status} {answer.reason}{hint}")
        return answer

    def hear_notify(self) -> Request:
        """The next NOTIFY, answered."""
        while not self._notifies:
            self._receive()
        return self._notifies.pop(0)

    def _exchange(
        self, method: str, uri: str, to: str, call_id: str, headers: list[tuple[str, str]], body: bytes
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
        self._socket.send(request.encode())
        self._out.write(f"{self.aor.user:>8} -> {method} {uri}")
        while True:
            message = self._receive()
            if isinstance(message, Response) and message.call_id == call_id and message.status >= 200:
                self._out.write(f"{self.aor.user:>8} <- {message.status} {message.reason}")
                return message

    def _receive(self) -> Request | Response:
        self._socket.settimeout(PATIENCE)
        try:
            message = parse(self._socket.recv(65535))
        except (TimeoutError, ConnectionRefusedError):
            where = "{}:{}".format(*self._proxy)
            raise CommandError(f"no answer from {where}; is it running there? --proxy names another address") from None
        except MalformedMessage as error:
            raise CommandError(f"an answer that cannot be read: {error.reason}") from None
        if isinstance(message, Request):
            self._out.write(f"{self.aor.user:>8} <- {message.method}, {message.get('Subscription-State')}")
            self._socket.send(message.respond(200).encode())
            self._notifies.append(message)
        return message

    def _credentials(self, challenge: Response, method: str, uri: str) -> tuple[str, str]:
        header = "WWW-Authenticate" if challenge.status == 401 else "Proxy-Authenticate"
        values = {
            name.strip(): value.strip('" ')
            for part in (challenge.get(header) or "").removeprefix("Digest ").split(",")
            for name, _, value in [part.partition("=")]
        }
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

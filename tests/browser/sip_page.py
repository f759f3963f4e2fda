"""A page with a SIP client in a browser: JsSIP over WebSocket, served on loopback for the test only."""

import base64
import contextlib
import hashlib
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.phone import DOMAIN, PASSWORD
from tests.programs import needs_program
from tests.waiting import wait_until

FILES = {
    "/": Path(__file__).with_name("sip_page.html"),
    "/jssip.min.js": Path(__file__).parent / "vendor" / "jssip.min.js",
}


class Page:
    """One page: a user who registers over WebSocket."""

    def __init__(self, page: Any, url: str) -> None:
        self._page = page
        self.sent: list[str] = []
        self.received: list[str] = []
        "SIP messages in the order in which the browser saw them."
        page.on("websocket", self._listen)
        page.goto(url)

    def start(
        self, socket: str, user: str, *, domain: str = DOMAIN, password: str = PASSWORD, expires: int = 600
    ) -> None:
        """Connect and register; returns at once."""
        self.user = f"{user}@{domain}"
        self._page.evaluate("words => start(...words)", [socket, f"sip:{self.user}", password, expires])

    def is_now(self, state: str) -> None:
        """Wait until the registration is so: `registered`, `unregistered`, `failed` with the status."""
        wait_until(lambda: self._page.evaluate("state") == state, f"“{state}” in the browser of {self.user}")

    def register(self) -> None:
        """Register anew, as after a pause."""
        self._page.evaluate("phone.register()")

    def unregister(self) -> None:
        """Take the binding away; the connection stays."""
        self._page.evaluate("phone.unregister()")

    def message(self, to: str, text: str) -> int:
        """Send a message; the status of its answer."""
        status: int = self._page.evaluate("words => send(...words)", [f"sip:{to}", text])
        return status

    def reads(self, sender: str, text: str) -> None:
        """Wait until this message from this sender is there."""
        wanted = {"from": sender, "text": text}
        wait_until(lambda: wanted in self._page.evaluate("heard"), f"{text!r} in the browser of {self.user}")

    def answers(self, cseq_method: str, status: int) -> list[str]:
        """The answers that it got to its requests of this method."""
        return [
            message
            for message in self.received
            if message.startswith(f"SIP/2.0 {status} ") and f" {cseq_method}\r\n" in message.partition("\r\n\r\n")[0]
        ]

    def wait(self, milliseconds: float) -> None:
        """Let the browser's events come in."""
        self._page.wait_for_timeout(milliseconds)

    def _listen(self, socket: Any) -> None:
        socket.on("framesent", lambda data: self.sent.append(str(data)))
        socket.on("framereceived", lambda data: self.received.append(str(data)))


class Browser:
    """A browser with pages."""

    def __init__(self, chromium: Any, url: str) -> None:
        self._chromium = chromium
        self._url = url

    def page(self) -> Page:
        """A new one."""
        return Page(self._chromium.new_page(), self._url)


@contextlib.contextmanager
def browsing(authority: Path | None = None) -> Iterator[Browser]:
    """A headless Chromium. `authority`: the one that it believes beside the usual, by the hash of its key: this needs
    no store of certificates on the machine, and errors of other authorities remain errors.
    """
    program = needs_program("chromium")
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox"]
    if authority is not None:
        arguments.append(f"--ignore-certificate-errors-spki-list={_hash_of_key(authority)}")
    with _served() as url, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield Browser(chromium, url)
        finally:
            chromium.close()


def _hash_of_key(certificate: Path) -> str:
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    data = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


class _Handler(SimpleHTTPRequestHandler):
    """The two files and nothing else."""

    def translate_path(self, path: str) -> str:
        return str(FILES.get(path, "/nowhere"))

    def guess_type(self, path: Any) -> str:
        return "text/javascript" if str(path).endswith(".js") else "text/html"

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


@contextlib.contextmanager
def _served() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()

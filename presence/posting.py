"""One HTTP request to an address that an administrator named, and that must lead nowhere else (webhooks).

The name is looked up once and the connection goes to what was found, so that nothing can change between looking
and connecting; no proxy, no redirection, and an end to time and size.
"""

import contextlib
import http.client
import socket
import ssl
import threading
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings

from provisioning.models.integrators import is_loopback, url_problem

TIMEOUT = 5.0
"Seconds for the whole exchange after the look-up: a receiver answers first and works afterwards."

MAX_ANSWER = 4096
"Octets of an answer that are read; nothing in it matters but its status."

PRODUCT = "Presence-Webhook/1.0"


class Answer(NamedTuple):
    """What became of it."""

    status: int | None
    "None when there was no answer."
    error: str
    "In words; empty for a status of 2xx."


class Forbidden(Exception):
    """The URL may not be asked; the message says why."""


def post(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    """POST to a URL; never raises for what the network or the receiver does."""
    try:
        status = _post(url, body, headers)
    except Forbidden as error:
        return Answer(None, str(error))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(None, f"{type(error).__name__}: {error}"[:200])
    return Answer(status, "" if 200 <= status < 300 else f"the answer was {status}")


def allowed_address(host: str, port: int, *, plain: bool) -> str:
    """The IP address to connect to; raises Forbidden when the name leads to one that may not be asked, or OSError."""
    found = [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if plain or settings.CUPS_WEBHOOK_PRIVATE:
        return found[0]
    for text in found:
        address = ip_address(text.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if not address.is_global or address.is_multicast:
            raise Forbidden(f"{host} leads to a private address (CUPS_WEBHOOK_PRIVATE)")
    return found[0]


def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    if problem := url_problem(url):
        raise Forbidden(problem)
    parts = urlsplit(url)
    host, plain = parts.hostname or "", parts.scheme == "http"
    port = parts.port or (80 if plain else 443)
    address = allowed_address(host, port, plain=plain and is_loopback(host))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    with contextlib.closing(connection):
        connection.sock = socket.create_connection((address, port), TIMEOUT)
        watch = threading.Timer(TIMEOUT, _cut, (connection.sock,))  # who sends an octet a second is not waited for
        watch.start()
        try:
            if not plain:
                context = ssl.create_default_context()
                connection.sock = context.wrap_socket(connection.sock, server_hostname=host)
                watch.cancel()
                watch = threading.Timer(TIMEOUT, _cut, (connection.sock,))
                watch.start()
            connection.request("POST", path, body, {**headers, "User-Agent": PRODUCT, "Connection": "close"})
            answer = connection.getresponse()
            answer.read(MAX_ANSWER)
            return answer.status
        finally:
            watch.cancel()


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)

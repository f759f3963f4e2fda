"""A very small web server for Prometheus and load balancers: `GET /metrics`, `/livez`, `/readyz` and nothing else.

One request a connection, a bounded head and no body: whoever reaches the address can cost no more than a few
connections (DESIGN section 11).
"""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import structlog

from sipedge.metrics.families import CONTENT_TYPE
from sipedge.sip.flow import Address

log = structlog.get_logger(__name__)

METRICS, LIVE, READY = "/metrics", "/livez", "/readyz"

Checks = Callable[[], Awaitable[Mapping[str, bool | None]]]
"What is needed, and whether it is there; None: not configured."

MAX_HEAD = 8_192
"Octets of a request: Prometheus sends some 300, and a token."

JSON = "application/json"

PATIENCE = 5.0
"Seconds for the request to come, and for the answer to go."

MAX_CONNECTIONS = 16
"At one time: one Prometheus has one open, two of them and a person three."


class Responder:
    """Answers with what `render` gives; `token`: what a client has to show (`Authorization: Bearer`), if anything.

    Whether it is well may be asked without it, since load balancers have none and the answer tells no secret.
    """

    def __init__(self, render: Callable[[], bytes], checks: Checks, token: str = "") -> None:
        self._render = render
        self._checks = checks
        self._token = token
        self._open = 0
        self._server: asyncio.Server | None = None

    async def open(self, host: str, port: int) -> Address:
        """Listen; the address as it was opened. Raises OSError."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_HEAD)
        address: Address = self._server.sockets[0].getsockname()[:2]
        return address

    def close(self) -> None:
        """Give up the address."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= MAX_CONNECTIONS:
                async with asyncio.timeout(PATIENCE):
                    writer.write(await self._answer(reader))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # it did not ask, or did not want the answer
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        line, *headers = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        words = line.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _response(HTTPStatus.BAD_REQUEST)
        method, target, _ = words
        path = target.partition("?")[0]
        if path not in (METRICS, LIVE, READY):
            return _response(HTTPStatus.NOT_FOUND)
        if method != "GET":
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, "Allow: GET\r\n")
        if path == LIVE:
            return _response(HTTPStatus.OK, body=_json(live=True), kind=JSON)
        if path == READY:
            return await self._ready()
        if self._token and not any(bears(self._token, _authorization(header)) for header in headers):
            return _response(HTTPStatus.UNAUTHORIZED, "WWW-Authenticate: Bearer\r\n")
        try:
            body = self._render()
        except Exception:
            log.exception("the metrics cannot be read")
            return _response(HTTPStatus.INTERNAL_SERVER_ERROR)
        return _response(HTTPStatus.OK, body=body)

    async def _ready(self) -> bytes:
        try:
            found = await self._checks()
        except Exception:
            log.exception("readiness cannot be told")
            return _response(HTTPStatus.INTERNAL_SERVER_ERROR)
        well = False not in found.values()
        status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
        return _response(status, body=_json(ready=well, **found), kind=JSON)


def _json(**fields: bool | None) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def bears(token: str, authorization: str) -> bool:
    """The value of an Authorization header shows this token; tells nobody by its time how much of it was right."""
    scheme, _, shown = authorization.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), token.encode())


def _authorization(header: str) -> str:
    name, _, value = header.partition(":")
    return value.strip() if name.lower() == "authorization" else ""


def _response(status: HTTPStatus, headers: str = "", body: bytes = b"", kind: str = CONTENT_TYPE) -> bytes:
    kind = kind if body else "text/plain; charset=utf-8"
    body = body or f"{status.phrase}\n".encode()
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body

"""What hostile tests are made of: raw connections, WebSocket frames by hand, and honest clients who must not notice."""

import base64
import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Iterator

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.framing import StreamFramer
from tests.phone import DOMAIN, Phone
from tests.system import Deployment

TEXT, BINARY, CONTINUED = 1, 2, 0
"Opcodes of WebSocket frames (RFC 6455 section 5.2)."

HONEST_PAUSE = 0.02
"Seconds between two requests of an honest client."


def connection(site: Deployment, transport: str, *, port: int | None = None) -> socket.socket:
    """A raw connection to the proxy; over WS the handshake is done. A UDP socket for UDP."""
    host, own = site.address(transport)
    kind = socket.SOCK_DGRAM if transport == "UDP" else socket.SOCK_STREAM
    made = socket.socket(socket.AF_INET, kind)
    made.settimeout(10)
    made.connect((host, port or own))
    if transport == "TLS":
        made = site.trust().wrap_socket(made, server_hostname=DOMAIN)
    elif transport == "WS":
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        made.sendall(
            f"GET / HTTP/1.1\r\nHost: {DOMAIN}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n".encode()
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += made.recv(1)
        assert answer.startswith(b"HTTP/1.1 101 "), answer
    return made


def frame(payload: bytes, kind: int = TEXT, *, last: bool = True) -> bytes:
    """A WebSocket frame of a client, masked (RFC 6455 section 5.3)."""
    mask = secrets.token_bytes(4)
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    return bytes([kind | (0x80 if last else 0)]) + length + mask + masked


def unframed(connection: socket.socket) -> bytes:
    """The payload of the next frame of the server."""
    _, size = _exactly(connection, 2)
    if size == 126:
        size = int.from_bytes(_exactly(connection, 2), "big")
    return _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = connection.recv(size - len(found))
        assert more, "the connection has ended"
        found += more
    return found


def status_of(answer: bytes) -> int:
    """The status of an answer, which has each header that it needs once; what it repeats may be as bad as it came."""
    head, blank, _ = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    assert blank and first.startswith(b"SIP/2.0 "), answer
    names = [line.partition(b":")[0] for line in lines]
    assert b"Via" in names and all(names.count(name) == 1 for name in (b"From", b"To", b"Call-ID", b"CSeq")), answer
    return int(first[8:11])


def answers(connection: socket.socket, patience: float) -> tuple[list[int], bool]:
    """The statuses that come within `patience` seconds over a TCP or TLS connection, and whether it then has ended."""
    framer, found = StreamFramer(), []
    limit = time.monotonic() + patience
    while (left := limit - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            data = connection.recv(65_535)
        except TimeoutError:
            return found, False
        except OSError:  # what we sent last was not read any more
            return found, True
        if not data:
            return found, True
        for item in framer.feed(data):
            assert not isinstance(item, MalformedMessage), data
            if isinstance(item, bytes):
                found.append(status_of(item))
    return found, False


@contextlib.contextmanager
def unnoticed(site: Deployment) -> Iterator[None]:
    """Honest clients over UDP and TCP ask all the time, and once more at the end: each gets every answer."""
    stop = threading.Event()
    wrong: list[object] = []
    served = {"UDP": 0, "TCP": 0}

    def ask(transport: str) -> None:
        try:
            with Phone("ippm4", ("127.0.0.1", site.engine), transport=transport, asserted=True) as honest:
                while True:
                    last = stop.is_set()
                    status = honest.ask("OPTIONS", f"sip:{DOMAIN}").status
                    honest.responses.clear()
                    served[transport] += 1
                    if status != 200:
                        wrong.append((transport, status))
                    if last:
                        return
                    stop.wait(HONEST_PAUSE)
        except Exception as error:
            wrong.append((transport, error))

    threads = [threading.Thread(target=ask, args=(transport,)) for transport in served]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not wrong, wrong
    assert all(served.values()), served

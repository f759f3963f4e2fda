"""Very many subscriptions behind one UDP socket, of watchers who answer or who have fallen silent."""

import re
import secrets
import socket
import threading
from types import TracebackType
from typing import Self

from sipedge.sip.message import Request
from tests.faults.load import PATIENCE
from tests.phone import DOMAIN
from tests.waiting import wait_until

ROOM = 4 << 20
"Octets that the kernel keeps for us while we are busy."

AT_ONCE = 100
"Subscriptions that are on their way at a time."

_ECHOED = re.compile(rb"^(?:Via|From|To|Call-ID|CSeq): [^\r\n]*\r\n", re.MULTILINE)
_CALL_ID = re.compile(rb"^Call-ID: ([^\r\n]*)\r\n", re.MULTILINE)
_CSEQ = re.compile(rb"^CSeq: (\d+) ", re.MULTILINE)


class Seen:
    """What one subscription was told."""

    def __init__(self) -> None:
        self.accepted = False
        self.cseqs: list[int] = []
        "In the order of their arrival, repetitions left out."
        self.body = b""
        self.over = False
        "It was told that it has ended."


class Crowd:
    """Subscriptions of one user's many clients to one presentity."""

    def __init__(self, port: int, user: str = "u100", *, answers: bool = True) -> None:
        self.answers = answers
        self.seen: dict[bytes, Seen] = {}
        "By Call-ID."
        self.received = 0
        "NOTIFYs, repetitions included."
        self._user = user
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        self._socket.bind(("127.0.0.1", 0))
        self._server = ("127.0.0.1", port)
        self._closed = False
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._closed = True
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def subscribe(self, presentity: str, number: int) -> None:
        """So many subscriptions; waits until all are accepted."""
        for start in range(0, number, AT_ONCE):
            batch = [self._subscription(presentity) for _ in range(min(AT_ONCE, number - start))]

            def ask(batch: list[tuple[bytes, bytes]] = batch) -> bool:
                """Whether all were accepted; asks for the others again."""
                waiting = [data for call_id, data in batch if not self.seen[call_id].accepted]
                for data in waiting:
                    self._socket.sendto(data, self._server)
                return not waiting

            wait_until(ask, "subscriptions", PATIENCE, 0.2)

    def _subscription(self, presentity: str) -> tuple[bytes, bytes]:
        """A Call-ID and its SUBSCRIBE."""
        address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        call_id = secrets.token_hex(8)
        headers = [
            ("Via", f"SIP/2.0/UDP {address};branch=z9hG4bK{call_id};rport"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{self._user}@{DOMAIN}>;tag={secrets.token_hex(4)}"),
            ("To", f"<{presentity}>"),
            ("Call-ID", call_id),
            ("CSeq", "1 SUBSCRIBE"),
            ("Contact", f"<sip:{self._user}@{address}>"),
            ("P-Asserted-Identity", f"<sip:{self._user}@{DOMAIN}>"),
            ("Event", "presence"),
            ("Accept", "application/pidf+xml"),
            ("Expires", "3600"),
        ]
        self.seen[call_id.encode()] = Seen()
        return call_id.encode(), Request.build("SUBSCRIBE", presentity, headers, b"").encode()

    def all_see(self, *texts: str) -> None:
        """Wait until each was told a document with all of these, and CSeq has only risen."""
        wanted = [text.encode() for text in texts]
        wait_until(
            lambda: all(text in one.body for one in self.seen.values() for text in wanted),
            f"{texts} at {len(self.seen)} watchers", PATIENCE, 0.1,
        )  # fmt: skip
        assert all(one.cseqs == sorted(one.cseqs) for one in self.seen.values())

    def _read(self) -> None:
        while not self._closed:
            data, source = self._socket.recvfrom(65_535)
            found = _CALL_ID.search(data)
            one = self.seen.get(found[1]) if found is not None else None
            if one is None:
                continue
            if data.startswith(b"SIP/2.0 200 "):
                one.accepted = True
            elif data.startswith(b"NOTIFY "):
                self._notified(one, data, source)

    def _notified(self, one: Seen, data: bytes, source: tuple[str, int]) -> None:
        self.received += 1
        head, _, body = data.partition(b"\r\n\r\n")
        head += b"\r\n"
        if self.answers:
            self._socket.sendto(
                b"SIP/2.0 200 OK\r\n" + b"".join(_ECHOED.findall(head)) + b"Content-Length: 0\r\n\r\n", source
            )
        number = _CSEQ.search(head)
        if number is not None and int(number[1]) not in one.cseqs[-3:]:
            one.cseqs.append(int(number[1]))
            one.body, one.over = body, b"terminated" in head

"""A program that controls phones: CSTA over TCP or TLS, with a header of eight bytes before each document."""

import socket
import ssl
import struct
from collections import deque
from types import TracebackType
from typing import Self, TypeVar

from cti.csta import messages as m
from cti.csta.codec import ED3, decode, encode
from cti.csta.messages import Message

PATIENCE = 10.0
"Seconds for one document."

M = TypeVar("M", bound=Message)


class Program:
    """One connection; the header is made and read here, not by the product's code."""

    def __init__(self, address: tuple[str, int], tls: ssl.SSLContext | None = None, name: str = "") -> None:
        self.socket = socket.create_connection(address, PATIENCE)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname=name)
        self.namespace = ED3
        self.session = ""
        self.unasked: deque[Message] = deque()
        self._invoke = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.socket.close()

    def send(self, document: bytes, invoke: int) -> None:
        self.socket.sendall(struct.pack(">HH4s", 0, 8 + len(document), b"%04d" % invoke) + document)

    def next(self) -> tuple[int, Message]:
        """The next document and its invoke id; raises EOFError when the connection is closed."""
        indicator, length, invoke = struct.unpack(">HH4s", self._exactly(8))
        assert indicator == 0
        return int(invoke), decode(self._exactly(length - 8)).message

    def _exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self.socket.recv(length - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def ask(self, request: Message) -> Message:
        """The answer; what comes unasked before it is kept."""
        return self.ask_document(encode(request, self.namespace))

    def ask_document(self, document: bytes) -> Message:
        self._invoke += 1
        self.send(document, self._invoke)
        while True:
            invoke, message = self.next()
            if invoke == self._invoke:
                return message
            assert invoke == 9999
            self.unasked.append(message)

    def log_in(self, name: str, password: str, duration: int | None = None) -> Message:
        """ECMA-354; the answer."""
        info = m.ApplicationInfo(name, None, password)
        answer = self.ask(m.StartApplicationSession(info, (self.namespace,), duration))
        if isinstance(answer, m.StartApplicationSessionPosResponse):
            self.session = answer.session_id
        return answer

    def event(self, kind: type[M]) -> M:
        """The next thing that comes unasked; it has to be of this kind."""
        message = self.unasked.popleft() if self.unasked else self._unasked()
        assert isinstance(message, kind), message
        return message

    def _unasked(self) -> Message:
        invoke, message = self.next()
        assert invoke == 9999
        return message

"""Connections of the CTI gateway: what does not fit into a frame (D-36)."""

from types import SimpleNamespace
from typing import Any

from cti.csta.framing import HEADER, MAX_FRAME
from sipedge.transport.csta import CstaConnection


class Transport:
    """What was written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.aborted = False

    def get_extra_info(self, name: str) -> Any:
        return ("192.0.2.1", 40_000) if name == "peername" else None

    def set_write_buffer_limits(self, high: int) -> None:
        pass

    def is_closing(self) -> bool:
        return self.aborted

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def abort(self) -> None:
        self.aborted = True


def test_a_document_that_is_too_long_ends_the_connection() -> None:
    """No event is left out, and none may stop those of others: each is told to the next client after this one."""
    transport: Any = Transport()
    clients: Any = SimpleNamespace(joined=lambda link: object(), sending=lambda link, frame: None)
    arrival: Any = SimpleNamespace(end=lambda: None)
    link = CstaConnection(clients, arrival, ("127.0.0.1", 1040), None)  # type: ignore[arg-type]
    link.connection_made(transport)
    link.send(b"x" * (MAX_FRAME - HEADER), 1)
    assert len(transport.written[0]) == MAX_FRAME and not transport.aborted
    link.send(b"x" * (MAX_FRAME - HEADER + 1), None)
    link.send(b"x", None)
    assert len(transport.written) == 1 and transport.aborted

"""A flow: where bytes came from and where answers go (RFC 5626 section 3)."""

from typing import NamedTuple

Address = tuple[str, int]
"IP address and port; IPv6 without brackets."


class Flow(NamedTuple):
    """One pair of addresses over one transport; on streams, one connection."""

    transport: str
    "`UDP`, `TCP`, `TLS`, `WS` or `WSS`, as in Via."
    local: Address
    "The listening address it belongs to."
    remote: Address
    serial: int = 0
    "The number of the connection on streams, so that a reused port is another flow."

    @property
    def reliable(self) -> bool:
        """Nothing is retransmitted on a stream (RFC 3261 17)."""
        return self.transport != "UDP"


def address_text(address: Address) -> str:
    """For people, and for headers: `192.0.2.1:5060`, `[2001:db8::1]:5060`."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def flow_text(flow: Flow) -> str:
    """A flow in words, for columns that a person may read: `UDP 127.0.0.1:5060`, `TCP 127.0.0.1:40000 #7`."""
    return f"{flow.transport} {flow.remote[0]}:{flow.remote[1]}" + (f" #{flow.serial}" if flow.serial else "")


def flow_of_text(text: str) -> Flow | None:
    """What `flow_text` has written, without the address on our side; None for anything else."""
    transport, _, where = text.partition(" ")
    where, _, serial = where.partition(" #")
    host, _, port = where.rpartition(":")
    if not all(number.isascii() and number.isdecimal() for number in (port, serial or "0")):
        return None
    return Flow(transport, ("", 0), (host, int(port)), int(serial or 0))

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

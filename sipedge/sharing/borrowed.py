"""A connection that another process holds, as this one uses it."""

from sipedge.sharing.frames import Kind
from sipedge.sharing.link import Link
from sipedge.sip.flow import Flow


class Borrowed:
    """Looks like any connection to those who send over it."""

    def __init__(self, flow: Flow, names: frozenset[str], outbound: bool, holder: Link) -> None:
        self.flow = flow
        self.names = names
        self.outbound = outbound
        self.holder = holder

    def send(self, data: bytes) -> None:
        """The other process writes it."""
        self.holder.send(Kind.SEND, self.flow, data)

    def space(self) -> None:
        """The other process writes one message at a time from now on (D-47)."""
        self.holder.send(Kind.SPACE, self.flow)

    def slow(self, now: float) -> bool:
        """Its holder looks after that."""
        return False

    def idle(self, now: float) -> bool:
        """Its holder looks after that."""
        return False

    def close(self) -> None:
        """It is not ours to close."""

    def abort(self) -> None:
        """It is not ours to close."""

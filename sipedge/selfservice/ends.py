"""What an edge ends because a user wants it (DESIGN section 15)."""

from typing import TYPE_CHECKING, Any

from sipedge.sip.errors import SipError

if TYPE_CHECKING:
    from sipedge.worker import Edge


class Ends:
    """One edge's part."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge

    async def watcher(self, subscription: int, persona: int) -> dict[str, Any]:
        """End a subscription to this user; raises SipError (481) for one that is not here, or is to somebody else."""
        live = self._edge.subscriptions.get(subscription)
        if live is None or live.ended or live.row.persona_id != persona:
            raise SipError(481, "There is no such subscription.")
        self._edge.notifier.end(live, "rejected")
        return {}

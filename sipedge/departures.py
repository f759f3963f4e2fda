"""Connections that are gone: what went over them ends, unless their clients come back (RFC 5626 4.2.1, D-46).

A client that changes its network is back within seconds, over another connection; one that listens elsewhere can be
reached there. Whatever else was registered or subscribed over a lost connection would only be in the way.
"""

import contextlib
from collections import deque
from typing import TYPE_CHECKING

from presence.engine.errors import TryAgainLater
from presence.store import Outcome, Plan, Put
from sipedge import registrar
from sipedge.rows import BINDING, BindingRow
from sipedge.sip.flow import Address, Flow, flow_text

if TYPE_CHECKING:
    from sipedge.worker import Edge

FLOW_GRACE = 15.0
"Seconds after a connection was lost until its bindings and subscriptions end: who changes networks is back by then."


class Departures:
    """Connections that were lost, oldest first."""

    def __init__(self, edge: "Edge") -> None:
        self._edge = edge
        self._lost: deque[tuple[float, Flow]] = deque()
        "With the loop's time at which what went over them ends."

    def lost(self, flow: Flow) -> None:
        """A connection is gone."""
        self._lost.append((self._edge.loop.time() + FLOW_GRACE, flow))

    def end(self) -> None:
        """End what went over connections that have been gone for long enough."""
        edge = self._edge
        gone: dict[tuple[str, Address], Flow] = {}
        while self._lost and self._lost[0][0] <= edge.loop.time():
            flow = self._lost.popleft()[1]
            gone[flow.transport, flow.remote] = flow
        if not gone:
            return
        reachable = edge.network.reachable
        for live in edge.subscriptions:
            flow = live.dialog.flow
            if (flow.transport, flow.remote) in gone:
                by_proxy = bool(live.dialog.route_set)
                if not reachable(flow, live.dialog.remote_target, by_proxy=by_proxy):
                    edge.notifier.lost(live)
        over = {flow_text(flow): flow for flow in gone.values()}
        for row in edge.registrar.over(over):
            if not reachable(over[row.flow], row.contact, by_proxy=bool(row.path)):
                edge.background(self._unbind(row))

    async def _unbind(self, row: BindingRow) -> None:
        """Nobody can be reached at this contact any more."""
        edge, now = self._edge, self._edge.now()
        ended = registrar.ended(row, now)

        def applied(outcome: Outcome) -> None:
            if outcome is Outcome.COMMITTED:
                edge.registrar.discard(ended)

        with contextlib.suppress(TryAgainLater):
            await edge.commit(Plan(row.persona_id, (Put(BINDING, ended, row.version),)), applied)

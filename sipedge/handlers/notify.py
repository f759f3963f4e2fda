"""NOTIFY coming in: only inside a back-end subscription of ours (R-FRN, D-31, V-23)."""

from sipedge.dispatch import Call
from sipedge.sip.message import Response


async def handle(call: Call) -> Response:
    """Hand it to the subscription that it belongs to; 481 when there is none."""
    return await call.edge.backends.notified(call)

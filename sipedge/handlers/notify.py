"""NOTIFY coming in: only inside a back-end subscription of ours (D-31, V-23)."""

from sipedge.dispatch import Call
from sipedge.sip.errors import SipError
from sipedge.sip.message import Response


async def handle(call: Call) -> Response:
    """No back-end subscription is ever made yet, so every NOTIFY belongs to a dialog that is not ours."""
    raise SipError(481, "Subscription Does Not Exist")

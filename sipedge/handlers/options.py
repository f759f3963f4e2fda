"""OPTIONS: what this server can do (RFC 3261 section 11)."""

from sipedge.dispatch import ALLOW, SUPPORTED, Call
from sipedge.sip.message import Response


async def handle(call: Call) -> Response:
    """Answer with the methods, event package and document types that are served."""
    return call.request.respond(
        200,
        headers=[
            ("Allow", ALLOW),
            ("Allow-Events", "presence"),
            ("Accept", "application/pidf+xml, application/cpim-pidf+xml, application/resource-lists+xml"),
            ("Supported", ", ".join(sorted(SUPPORTED))),
        ],
    )

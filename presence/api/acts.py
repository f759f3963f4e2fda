"""Acting on live objects by REST: one row, and an edge's answer as a status."""

from typing import Any, Final

from rest_framework import exceptions
from rest_framework.response import Response

from presence import acts
from presence.acts import Act

RETRY_AFTER: Final = 5
"Seconds until an edge that has not answered may be asked again."


class NoEdge(exceptions.APIException):
    """Nobody has answered; `detail` says whether it is known that nothing was done."""

    status_code = 503
    wait = RETRY_AFTER


class RefusedByEdge(exceptions.APIException):
    """The edge has said no."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status_code = status


def perform(act: Act, row: Any, **arguments: Any) -> Response:
    """204 once it is done. Raises APIException: 404 for what is gone, 409 where it makes no sense, 503: no answer."""
    result = acts.perform(act, [row], **arguments)
    for refusal in result.refused:
        if refusal.status == acts.AWAY:
            raise NoEdge(refusal.why)
        raise RefusedByEdge(refusal.status, refusal.why)
    return Response(status=204)

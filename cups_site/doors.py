"""Which door a request comes in by, for the history of what it changes."""

from collections.abc import Callable
from typing import Any, Final

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.utils.decorators import sync_and_async_middleware

from provisioning.history.doors import Door, acting

DOORS: Final = {"admin/": Door.ADMIN, "api/": Door.REST}
"Beginning of an address -> door; the messenger says by itself who is at it."


@sync_and_async_middleware
def recorded(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware: whatever a request changes is changed by its account."""
    if iscoroutinefunction(get_response):

        async def answer_later(request: HttpRequest) -> Any:
            with acting(_door(request), request=request):
                return await get_response(request)

        return answer_later

    def answer(request: HttpRequest) -> Any:
        with acting(_door(request), request=request):
            return get_response(request)

    return answer


def _door(request: HttpRequest) -> Door:
    path = request.path_info.lstrip("/")
    return next((door for beginning, door in DOORS.items() if path.startswith(beginning)), Door.SYSTEM)

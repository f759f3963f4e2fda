"""How often the REST API may be asked: by one account, and by strangers of one address.

Each web process counts by itself, in its memory: it keeps one program from taking everything, and need not be exact.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from cups_site.problems import PREFIX, plain
from sipedge.rates import Rate

MAX_ADDRESSES = 100_000
"Addresses that are kept out at the same time; the oldest go first."

_accounts = Rate()
_strangers = Rate()
_kept_out: OrderedDict[str, float] = OrderedDict()
"Address -> when it may ask again, by the monotonic clock."


class PerAccount(BaseThrottle):
    """Requests of one account in a minute, whatever tokens it has (`CUPS_API_RATE`)."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Whether there is room for one more."""
        limit = settings.CUPS_API_RATE
        if not limit or not request.user.is_authenticated:
            return True
        self._wait = _accounts.over(request.user.pk, limit, time.monotonic())
        return not self._wait

    def wait(self) -> float:
        """Seconds until there is."""
        return self._wait


def strangers(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware: an address with too many requests that are refused for want of a token is not listened to for a while
    (`CUPS_API_RATE_STRANGERS`); nobody tries tokens one after the other."""

    def answer(request: HttpRequest) -> Any:
        limit = settings.CUPS_API_RATE_STRANGERS
        if not limit or not request.path_info.startswith(PREFIX):
            return get_response(request)
        address = request.META.get("REMOTE_ADDR", "")
        now = time.monotonic()
        left = _kept_out.get(address, 0.0) - now
        if left <= 0:
            response = get_response(request)
            if response.status_code != 401:
                return response
            left = _strangers.over(address, limit, now)
            if not left:
                return response
            _keep_out(address, now + left)
        return plain(429, "Too many requests without a token that counts.", math.ceil(left))

    return answer


def _keep_out(address: str, until: float) -> None:
    _kept_out[address] = until
    _kept_out.move_to_end(address)
    while len(_kept_out) > MAX_ADDRESSES:
        _kept_out.popitem(last=False)

"""Which message of SIP is worked on: log lines say so without being told each time (`cups_site.logs`)."""

from contextvars import ContextVar
from typing import Final

MESSAGE: Final[ContextVar[tuple[str, str, str] | None]] = ContextVar("message", default=None)
"Method, Call-ID and branch; one variable, since it is set for every message and looked at for few."

"""Log lines of every process: one line each, keys and values, nothing that a peer sent left unescaped.

As logfmt for people, or as JSON for programs (CUPS_LOG_FORMAT). What the line is about stands in it without being
said each time: `request_id` in the web process, `method`, `call_id` and `branch` at an edge (`structlog.contextvars`,
`sipedge.about`).
"""

import logging
import re
from typing import Any, Final

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied

from sipedge.about import MESSAGE

CONTROLS: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"What ends a line, speaks to a terminal, turns the direction of writing, or cannot be encoded."

LONGEST: Final = 2000
"Characters of a value in a line: a header of a hostile peer has up to 64 kB."

TRACEBACK: Final = "exception"
"The key of our own tracebacks, which are longer."


def about_message(logger: Any, method: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A processor: say which message of SIP a line is about."""
    message = MESSAGE.get()
    if message is not None:
        for key, value in zip(("method", "call_id", "branch"), message, strict=True):
            fields.setdefault(key, value)
    return fields


def escaped(logger: Any, method: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A processor: no value can break its line, pretend to be another one, or fill the disk."""
    for key, value in fields.items():
        if isinstance(value, str):
            fields[key] = _escape(value if key == TRACEBACK else value[:LONGEST])
        elif value is not None and not isinstance(value, bool | int | float):
            fields[key] = _escape(repr(value)[:LONGEST])
    return fields


def _escape(text: str) -> str:
    return CONTROLS.sub(lambda found: found.group().encode("unicode_escape", "surrogatepass").decode(), text)


_SHARED: Final[list[Any]] = [
    structlog.contextvars.merge_contextvars,
    about_message,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

_FIRST: Final = ["timestamp", "level", "logger", "event"]

_RENDERERS: Final[dict[str, Any]] = {
    "logfmt": structlog.processors.LogfmtRenderer(key_order=_FIRST, bool_as_flag=False),
    "json": structlog.processors.JSONRenderer(),
}
"By CUPS_LOG_FORMAT."


class Refused(logging.Filter):
    """What somebody may not do is a line without a traceback: nothing is wrong here."""

    def filter(self, record: logging.LogRecord) -> bool:
        """The line, always."""
        if record.exc_info and isinstance(record.exc_info[1], PermissionDenied):
            record.exc_info = None
        return True


def configure() -> None:
    """Send structlog's events through the standard library's handlers."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def formatter(form: str = "") -> logging.Formatter:
    """The formatter that settings.LOGGING names; `form`: another one than CUPS_LOG_FORMAT."""
    configure()
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            escaped,
            _RENDERERS[form or settings.CUPS_LOG_FORMAT],
        ],
    )

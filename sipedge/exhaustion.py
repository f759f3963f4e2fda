"""No memory is left: the edge ends at once, and its successor goes on, as after kill -9.

Whatever memory was missing for is done by half then: a change that is written and not known here, a thread that is
gone. Going on with that would be worse than ending, since nothing that was acknowledged is lost by it.
"""

import asyncio
import os
import threading
from typing import Any, Final, NoReturn

STATUS: Final = 71
"Exit status (EX_OSERR of sysexits.h): the supervisor starts the edge again."

_LAST_WORDS: Final = b"out of memory: this edge ends, and is started again by whoever supervises it\n"
"Ready from the start: there may be no memory to make them."


def end() -> NoReturn:
    """Without anything that needs memory."""
    os.write(2, _LAST_WORDS)
    os._exit(STATUS)


def watch(loop: asyncio.AbstractEventLoop) -> None:
    """From now on, what nobody catches ends the process when it is for want of memory."""
    loop.set_exception_handler(_in_loop)
    threading.excepthook = _in_thread


def _in_loop(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if isinstance(context.get("exception"), MemoryError):
        end()
    loop.default_exception_handler(context)


def _in_thread(context: threading.ExceptHookArgs) -> None:
    if isinstance(context.exc_value, MemoryError):
        end()
    threading.__excepthook__(context)

"""How tests wait: for what should come, not for a time."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 20.0
"Seconds that a test waits for what should come at once."


def wait_until(what: Callable[[], Any], about: str, patience: float = PATIENCE) -> Any:
    """What the function gives as soon as it is true."""
    limit = time.monotonic() + patience
    while True:
        found = what()
        if found:
            return found
        if time.monotonic() > limit:
            raise AssertionError(f"waited {patience:g} s in vain for: {about}")
        time.sleep(0.01)

"""How tests wait: for what should come, not for a time."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 20.0
"Seconds that a test waits for what should come at once."


def wait_until(what: Callable[[], Any], about: str, patience: float = PATIENCE, pause: float = 0.01) -> Any:
    """What the function gives as soon as it is true; `pause` in seconds between two looks, longer where they cost."""
    limit = time.monotonic() + patience
    while True:
        found = what()
        if found:
            return found
        if time.monotonic() > limit:
            raise AssertionError(f"waited {patience:g} s in vain for: {about}")
        time.sleep(pause)

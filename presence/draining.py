"""Asking an edge to drain, from every door: the command line, the admin and REST (`sipedge.draining` does it)."""

from typing import Any, Final

from provisioning import asking

PATIENCE: Final = 60
"Seconds that calls and transactions get to end, unless somebody says otherwise."

LONGEST: Final = 3600
"Seconds at most."


def drain(edge: str, *, patience: int = PATIENCE, restart: bool = False) -> dict[str, Any]:
    """Begin, or ask how far it is; raises asking.NoAnswer or asking.Refused."""
    return asking.ask_now(edge, "drain", seconds=patience, restart=restart)

"""Asking an edge to drain, from every door: the command line, the admin and REST (`sipedge.draining` does it)."""

from typing import Any, Final

from django.utils import timezone

from presence.models import EdgeLease
from provisioning import asking

PATIENCE: Final = 60
"Seconds that calls and transactions get to end, unless somebody says otherwise."

LONGEST: Final = 3600
"Seconds at most."


def drain(edge: str, *, patience: int = PATIENCE, restart: bool = False) -> dict[str, Any]:
    """Begin, or ask how far it is; raises asking.NoAnswer or asking.Refused."""
    return asking.ask_now(edge, "drain", seconds=patience, restart=restart)


def progress(edge: str, **options: Any) -> dict[str, Any]:
    """`drain`; of an edge that leaves, or has left, because it was drained: what it has said last."""
    try:
        return drain(edge, **options)
    except asking.NotHeard:
        lease = EdgeLease.objects.filter(edge=edge).first()
        if lease is None or not lease.draining or lease.state(timezone.now()) == "lost":
            raise
        found: dict[str, Any] = lease.report["drain"]
        return found

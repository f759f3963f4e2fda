"""Is an edge well? What its responder answers to load balancers (`/livez`, `/readyz`; docs/operations.md).

Live: the loop answers. Ready: what comes in can be answered, and changes can be written down.
"""

import contextlib
from typing import TYPE_CHECKING

from django.db import connection

from presence.engine.errors import TryAgainLater
from provisioning import bus
from provisioning.migrated import migrated

if TYPE_CHECKING:
    from sipedge.worker import Edge


async def checks(edge: "Edge") -> dict[str, bool | None]:
    """Each thing that an edge needs; None: not configured."""
    readable = tables = False
    with contextlib.suppress(TryAgainLater):
        tables = await edge.read(_tables)
        readable = True
    return {
        "database": readable and edge.committer.healthy,
        "migrations": tables,
        "bus": edge.hints.up if bus.configured() else None,
        "lease": edge.lease_held,
        "listeners": edge.network.accepting,
    }


def _tables() -> bool:
    """Whether none is missing; asks the database each time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return migrated()

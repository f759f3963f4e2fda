"""One place that tells the edges when provisioning was saved, whatever door it came in by."""

from django.db import models

from provisioning import automatic, bus
from provisioning.snapshot.parts import PEERS, part_of


def announce(*saved: type[models.Model]) -> None:
    """Rows of these models were saved or deleted: settle the automatic peers, and tell the edges at commit."""
    parts = {part for model in saved if (part := part_of(model)) is not None}
    if not automatic.SOURCES.isdisjoint(saved) and automatic.settle():
        parts.add(PEERS)
    if parts:
        bus.announce_policy(*parts)

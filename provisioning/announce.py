"""One place that tells the edges when provisioning was saved, whatever door it came in by."""

from django.db import models

from provisioning import bus, policy


def announce(model: type[models.Model]) -> None:
    """Rows of this model were saved or deleted; edges hear of it after the commit."""
    part = policy.part_of(model)
    if part is not None:
        bus.announce_policy(part)

"""System checks: a wrong deployment says so before it is used."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register


@register()
def deployment(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Facts from the environment that cannot work."""
    found: list[CheckMessage] = []
    if settings.CUPS_EDGES < 1:
        found.append(Error("CUPS_EDGES is below 1.", hint="Leave it out for one edge process.", id="provisioning.E001"))
    if settings.CUPS_EDGES > 1 and not settings.VALKEY_URL:
        found.append(
            Warning(
                "Several edges without a bus hear of each other's changes only after half a minute.",
                hint="Set VALKEY_URL.",
                id="provisioning.W002",
            )
        )
    if settings.VALKEY_URL and not settings.VALKEY_URL.startswith(("redis://", "rediss://", "unix://")):
        found.append(Error("VALKEY_URL is not a redis:// URL.", hint="redis://host:6379/0", id="provisioning.E003"))
    return found

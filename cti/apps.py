"""The CTI gateway as a Django application."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CtiConfig(AppConfig):
    """Desktop software controls phones."""

    name = "cti"
    verbose_name = "CTI gateway"

    def ready(self) -> None:
        from cti import bulk, facts, importing
        from cti.models import CtiSettings
        from provisioning.bulk import kinds
        from provisioning.importing import sections, settings
        from provisioning.snapshot import parts

        parts.register(facts.PART, "Line", "ApplicationUser", "CtiSettings")
        for section in importing.SECTIONS:
            sections.register(section)
        settings.register("cti", CtiSettings)
        kinds.register(bulk.Lines())
        post_migrate.connect(_install, sender=self)


def _install(using: str = "default", **_: Any) -> None:
    from cti.models import CtiSettings

    if not CtiSettings.objects.using(using).exists():
        CtiSettings().save(using=using)

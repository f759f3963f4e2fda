"""Provisioning as a Django application."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ProvisioningConfig(AppConfig):
    """What an administrator said."""

    name = "provisioning"
    verbose_name = "Provisioning"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from provisioning import checks  # noqa: F401  (registers itself)
        from provisioning.bulk import others  # noqa: F401  (registers the kinds)

        post_migrate.connect(_install, sender=self)
        post_migrate.connect(_install_roles, dispatch_uid="roles")


def _install(using: str = "default", **_: Any) -> None:
    from provisioning.installation import install

    install(using)


def _install_roles(sender: Any, using: str = "default", **_: Any) -> None:
    from provisioning import roles

    roles.install(sender, using)

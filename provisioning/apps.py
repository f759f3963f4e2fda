"""Provisioning as a Django application."""

from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class ProvisioningConfig(AppConfig):
    """What an administrator said."""

    name = "provisioning"
    verbose_name = "Provisioning"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from provisioning import checks  # noqa: F401  (registers itself)
        from provisioning.history import recording

        recording.connect()
        post_migrate.connect(_install, sender=self)
        post_migrate.connect(_install_roles, dispatch_uid="roles")
        post_migrate.connect(_begin_history, dispatch_uid="history")


def _install(using: str = "default", **_: Any) -> None:
    from provisioning.installation import install

    install(using)


def _install_roles(sender: Any, using: str = "default", **_: Any) -> None:
    from provisioning import roles

    roles.install(sender, using)


def _begin_history(sender: Any, **_: Any) -> None:
    from provisioning.history import recording

    if sender.label == list(apps.get_app_configs())[-1].label:  # rows of all applications are there
        recording.begin()

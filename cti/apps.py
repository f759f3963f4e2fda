"""The CTI gateway as a Django application."""

from django.apps import AppConfig


class CtiConfig(AppConfig):
    """Desktop software controls phones."""

    name = "cti"
    verbose_name = "CTI gateway"

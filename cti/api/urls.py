"""What the CTI gateway adds to the REST API."""

from rest_framework.routers import BaseRouter

from cti.api import telephony, views


def register(router: BaseRouter) -> None:
    """Add the resources of this package."""
    router.register("lines", views.LineViewSet)
    router.register("application-users", views.ApplicationUserViewSet)
    router.register("cti-settings", views.CtiSettingsViewSet)
    router.register("telephony", telephony.TelephonyViewSet, basename="telephony")

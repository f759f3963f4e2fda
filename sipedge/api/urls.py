"""What the SIP edge adds to the REST API."""

from rest_framework.routers import BaseRouter

from sipedge.api import logins, trace, views


def register(router: BaseRouter) -> None:
    """Add the resources of this package."""
    router.register("bindings", views.BindingViewSet)
    router.register("messages", views.LoggedMessageViewSet)
    router.register("log-ins", logins.LoginViewSet)
    router.register("kept-messages", logins.KeptMessageViewSet)
    router.register("phone-preferences", logins.PhonePreferencesViewSet)
    router.register("trace", trace.TraceViewSet, basename="trace")

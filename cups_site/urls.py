"""Every address of the web process."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from cups_site import api, health
from cups_site.metrics import views

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/v1/", include(api.urlpatterns)),
    path("messenger/", include("sipedge.messenger.urls")),
    path("account/", include("sipedge.selfservice.urls")),
    path("phone/", include("sipedge.phone.urls")),
    path("language/", set_language, name="set_language"),
    path("metrics", views.metrics, name="metrics"),
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("healthz", health.healthz, name="healthz"),
]

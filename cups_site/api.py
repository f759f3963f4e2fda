"""The root of the REST API: one router for the resources of all packages."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import DefaultRouter

from cti.api import urls as cti_urls
from presence.api import urls as presence_urls
from provisioning.api import urls as provisioning_urls
from sipedge.api import urls as sipedge_urls

router = DefaultRouter()
for part in (provisioning_urls, presence_urls, cti_urls, sipedge_urls):
    part.register(router)

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("", include(router.urls)),
]

"""The root of the REST API: one router for the resources of all packages."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import DefaultRouter, Route

from cti.api import urls as cti_urls
from presence.api import urls as presence_urls
from provisioning.api import urls as provisioning_urls
from sipedge.api import urls as sipedge_urls

MANY = {"put": "bulk_update", "patch": "partial_bulk_update", "delete": "bulk_destroy"}
"Method at the address of a resource -> what it means there, for resources that take many rows at once."


class Router(DefaultRouter):
    """Addresses of resources; a list can be changed and deleted too, where its view set knows how."""

    routes = [
        one._replace(mapping={**one.mapping, **MANY}) if isinstance(one, Route) and not one.detail else one
        for one in DefaultRouter.routes
    ]


router = Router()
for part in (provisioning_urls, presence_urls, cti_urls, sipedge_urls):
    part.register(router)

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("", include(router.urls)),
]

"""`/metrics` of the web process: for those who show the token or come from an allowed network (docs/metrics.md)."""

from ipaddress import ip_address

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from prometheus_client import CollectorRegistry, ProcessCollector

from cups_site.metrics import web
from cups_site.metrics.database import FAMILIES, FIGURES
from cups_site.metrics.exposition import exposition
from sipedge.metrics.families import CONTENT_TYPE, Readings, text
from sipedge.metrics.responder import bears

WHOLE = CollectorRegistry()
"What is the same whichever web process is asked."
WHOLE.register(Readings(FAMILIES, FIGURES))
ProcessCollector(registry=web.REGISTRY)


@require_GET
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """The numbers; 404 where nobody is allowed, 403 for others."""
    if not settings.CUPS_METRICS_TOKEN and not settings.CUPS_METRICS_NETWORKS:
        raise Http404("set CUPS_METRICS_TOKEN or CUPS_METRICS_NETWORKS")
    if not _may_read(request):
        return HttpResponse("the token is missing or wrong, and the address is not allowed\n", "text/plain", 403)
    return HttpResponse(exposition(web.REGISTRY) + text(WHOLE), CONTENT_TYPE)


def _may_read(request: HttpRequest) -> bool:
    """By the token; or by the address of the connection, whatever a header says of another one."""
    token = settings.CUPS_METRICS_TOKEN
    if token and bears(token, request.headers.get("Authorization", "")):
        return True
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(address in network for network in settings.CUPS_METRICS_NETWORKS)

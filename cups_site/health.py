"""Is it well? For load balancers and for the launcher: small documents without secrets, so without a log-in.

`/livez`: the process answers; who gets no answer starts it again. `/readyz`: it can do its work; who gets 503 sends
requests elsewhere meanwhile. `/healthz` is what both were before: database and bus.
"""

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from provisioning import bus
from provisioning.migrated import migrated


@never_cache
def livez(request: HttpRequest) -> JsonResponse:
    """200, whatever is the matter with others."""
    return JsonResponse({"live": True})


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when everything is there, 503 otherwise."""
    found = checks()
    well = all(value is not False for value in found.values())
    return JsonResponse({"ready": well, **found}, status=200 if well else 503)


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when database and bus answer, 503 otherwise."""
    found = {"database": _database(), "bus": _bus()}
    return JsonResponse(found, status=503 if False in found.values() else 200)


def checks() -> dict[str, bool | None]:
    """What the web process and the worker need; None: not configured."""
    database = _database()
    return {"database": database, "migrations": database and _migrated(), "bus": _bus()}


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        connection.close()
        return False
    return True


def _migrated() -> bool:
    try:
        return migrated()
    except Error:
        connection.close()
        return False


def _bus() -> bool | None:
    return bus.reachable() if settings.VALKEY_URL else None

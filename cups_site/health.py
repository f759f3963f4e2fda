"""Is it well? For load balancers and for the launcher: database and bus, in one small document."""

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse

from provisioning import bus


def healthz(request: HttpRequest) -> JsonResponse:
    """200 when everything answers, 503 otherwise; no secrets, so no log-in."""
    database = _database()
    reachable = bus.reachable() if settings.VALKEY_URL else None
    well = database and reachable is not False
    return JsonResponse({"database": database, "bus": reachable}, status=200 if well else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        connection.close()
        return False
    return True

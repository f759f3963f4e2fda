"""The first page of the admin: is it well? What wants to be looked at, what is held, and how much comes in."""

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cti.models import Line
from cups_site.metrics.database import FIGURES, Figures
from cups_site.pulse import PULSE, curves, errors
from presence.backend import ACTIVE
from presence.models import EdgeLease, WebhookDelivery
from provisioning import bus
from sipedge.sip.names import REASONS

LOOK: Final = 10
"Seconds between two looks of the page: the figures are kept for as many."

SWEPT_WITHIN: Final = 120
"Seconds for which expired state may wait: twice what Celery's sweep takes when it runs."

SOCKET: Final = "/ws/dashboard/"
"Where a page hears of it (`board`)."

RIGHT: Final = "presence.view_edgelease"
"Who may look."


class Remark(NamedTuple):
    """One thing that is as it should be, or is not."""

    well: bool
    text: str
    address: str = ""
    "Where there is more of it."


class Number(NamedTuple):
    """One thing that is counted."""

    title: str
    value: int
    address: str


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the first page shows beside the tables; nothing to who may not view edges."""
    if request.user.has_perm(RIGHT):
        context |= {"dashboard": look(), "look": LOOK, "fragment": reverse("admin:dashboard"), "socket": SOCKET}
        context["names"] = json.dumps(_names())
    return context


def _names() -> dict[str, str]:
    """What the curves are called that stand beside others in a picture."""
    return {
        "registered": _("registered"),
        "subscriptions": _("subscriptions"),
        "queues": _("queues"),
        "late": _("late"),
    }


def fragment(request: HttpRequest) -> HttpResponse:
    """The same once more, for a page that is open; 403 to others."""
    if not request.user.has_perm(RIGHT):
        return HttpResponse(status=403)
    return HttpResponse(drawn())


def drawn() -> str:
    """This moment as a part of the page."""
    return render_to_string("admin/presence/dashboard.html", {"dashboard": look()})


def look() -> dict[str, Any]:
    """This moment."""
    figures, leases = FIGURES.figures(), list(EdgeLease.objects.all())
    running = [lease for lease in leases if lease.state(timezone.now()) == "running"]
    remarks = [*_processes(leases, len(running)), *_waiting(figures), *_certificates(running), *_telephony(running)]
    looks = PULSE.look(running, figures)
    return {
        "remarks": sorted(remarks, key=lambda one: one.well),
        "wrong": sum(not one.well for one in remarks),
        "numbers": _numbers(figures) if figures is not None else [],
        "curves": json.dumps(curves(looks)),
        "errors": [(code, REASONS.get(int(code), ""), number) for code, number in errors(looks)],
    }


def _processes(leases: list[EdgeLease], running: int) -> Iterator[Remark]:
    page = _list("presence", "edgelease")
    lost = [lease.edge for lease in leases if lease.state(timezone.now()) == "lost"]
    if running:
        said = ngettext("%(number)d edge runs", "%(number)d edges run", running)
        yield Remark(True, said % {"number": running}, page)
    else:
        yield Remark(False, _("No edge runs: nobody can register, publish or subscribe"), page)
    if lost:
        said = _("Lost without an ordered stop: %(edges)s")
        yield Remark(False, said % {"edges": ", ".join(lost)}, page)
    if not settings.VALKEY_URL:
        yield Remark(False, _("There is no bus: changes reach the edges late, and pages cannot ask them (VALKEY_URL)"))
    else:
        reachable = bus.reachable()
        yield Remark(bool(reachable), _("The bus answers") if reachable else _("The bus does not answer (VALKEY_URL)"))


def _waiting(figures: Figures | None) -> Iterator[Remark]:
    if figures is None:
        yield Remark(False, _("The database cannot be read"))
        return
    late = max(figures.sweep_lag.values(), default=0.0)
    if late > SWEPT_WITHIN:
        said = _("Expired state waits for the sweep for %(minutes)d minutes: does the worker run?")
        yield Remark(False, said % {"minutes": round(late / 60)})
    else:
        yield Remark(True, _("Expired state is swept in time"))
    trying = sum(count for state, count in figures.backends.items() if state != ACTIVE)
    if figures.backends and not trying:
        page = _list("presence", "backendsubscription")
        said = _("Subscriptions to foreign servers work: %(number)d")
        yield Remark(True, said % {"number": figures.backends[ACTIVE]}, page)
    if trying:
        page = _list("presence", "backendsubscription")
        said = ngettext(
            "%(number)d subscription to foreign servers does not work",
            "%(number)d subscriptions to foreign servers do not work",
            trying,
        )
        yield Remark(False, said % {"number": trying}, page)
    dead = figures.webhooks.get(WebhookDelivery.DEAD, 0)
    if dead:
        said = ngettext("%(number)d webhook delivery was given up", "%(number)d webhook deliveries were given up", dead)
        yield Remark(False, said % {"number": dead}, _list("presence", "webhookdelivery"))


def _telephony(running: list[EdgeLease]) -> Iterator[Remark]:
    if not Line.objects.exists():
        return
    told = [lease.report.get("telephony", {}) for lease in running]
    sessions, calls = (sum(one.get(name, 0) for one in told) for name in ("sessions", "calls"))
    if running:
        said = _("The CTI gateway runs; sessions: %(sessions)d, calls: %(calls)d")
        yield Remark(True, said % {"sessions": sessions, "calls": calls}, reverse("admin:cti_calls"))


def _certificates(running: list[EdgeLease]) -> Iterator[Remark]:
    found = {
        (row["file"], row["problem"] or _("runs out soon"))
        for lease in running
        for row in lease.report.get("certificates", ())
        if row["problem"] or row["expires_soon"]
    }
    for file, why in sorted(found):
        said = _("Certificate %(file)s: %(why)s") % {"file": file, "why": why}
        yield Remark(False, said, _list("presence", "edgelease"))


def _numbers(figures: Figures) -> list[Number]:
    return [
        Number(_("Users"), figures.users, _list("provisioning", "persona")),
        Number(_("Registered contacts"), figures.bindings, _list("sipedge", "binding")),
        Number(_("Publications"), figures.publications, _list("presence", "publication")),
        Number(_("Subscriptions"), sum(figures.subscriptions.values()), _list("presence", "subscription")),
        Number(_("Messenger log-ins"), figures.logins, _list("sipedge", "messengersession")),
        Number(_("Messages kept for later"), figures.messages, ""),
    ]


def _list(app: str, table: str) -> str:
    return reverse(f"admin:{app}_{table}_changelist")

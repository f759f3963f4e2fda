"""The administrator's pages of the signalling trace: a list to filter and to follow, a ladder, single messages."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import path
from django.utils.http import urlencode

from presence.admin import ReadOnly
from presence.engine.errors import TryAgainLater
from sipedge.models import SignallingTrace
from sipedge.trace import collecting, ladder
from sipedge.trace.filters import NAMES, BadFilter

SHOWN = 200
"Messages of a page: what a ladder can be followed in."

NOBODY = "No edge answers."

FIELDS = (
    ("aor", "Address, user or device", "xten3@example.org"),
    ("call_id", "Call-ID", ""),
    ("peer", "Other side", "192.0.2.9:5060"),
    ("method", "Method or document", "SUBSCRIBE"),
    ("status", "Status", "4xx"),
)
"Of the form: name, label, example."

METHODS = ("INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PUBLISH", "REGISTER", "SUBSCRIBE", "MakeCall", "DeliveredEvent")
"Offered in the form; any other can be typed."


@admin.register(SignallingTrace)
class SignallingTraceAdmin(ReadOnly):
    """The newest messages of all edges."""

    def get_urls(self) -> list[Any]:
        """Of our own only: there is no table behind the others."""
        view, name = self.admin_site.admin_view, "sipedge_signallingtrace"
        return [
            path("", view(self.changelist_view), name=f"{name}_changelist"),
            path("tail/", view(self.tail_view), name=f"{name}_tail"),
            path("<str:edge>/<int:number>/", view(self.message_view), name=f"{name}_message"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The form, the newest that is wanted, and a ladder where it is a dialog's or somebody's."""
        self._check(request)
        wanted = _wanted(request)
        page, said, wrong = None, "", ""
        try:
            page = collecting.page(wanted, before=_number(request, "before"), limit=SHOWN, full=False)
        except BadFilter as error:
            said, wrong = str(error), error.field
        except TryAgainLater:
            said = NOBODY
        entries = _marked(page.entries) if page is not None else []
        context = {
            **self.admin_site.each_context(request),
            "title": "Signalling trace",
            "opts": self.model._meta,
            "fields": [(name, label, example, wanted.get(name, "")) for name, label, example in FIELDS],
            "methods": METHODS,
            "protocol": wanted.get("protocol", ""),
            "query": urlencode(wanted),
            "page": page,
            "entries": entries,
            "older": urlencode({**wanted, "before": entries[0]["number"]}) if entries and page and page.more else "",
            "is_older": "before" in request.GET,
            "ladder": ladder.draw(entries) if entries and ("call_id" in wanted or "aor" in wanted) else None,
            "said": said,
            "wrong": wrong,
        }
        return render(request, "admin/sipedge/trace.html", context)

    def tail_view(self, request: HttpRequest) -> HttpResponse:
        """Rows after a number, for the script of the page that follows."""
        self._check(request)
        try:
            page = collecting.page(_wanted(request), since=_number(request, "since") or 0, limit=SHOWN, full=False)
        except BadFilter as error:
            return JsonResponse({"said": str(error)}, status=400)
        except TryAgainLater as error:
            return JsonResponse({"said": NOBODY}, status=503, headers={"Retry-After": str(error.retry_after)})
        rows = render_to_string("admin/sipedge/trace_rows.html", {"entries": _marked(page.entries)})
        return JsonResponse({"rows": rows, "until": page.until, "more": page.more})

    def message_view(self, request: HttpRequest, edge: str, number: int) -> HttpResponse:
        """One message, without secrets."""
        self._check(request)
        try:
            entry = collecting.message(edge, number)
        except TryAgainLater:
            entry, said = None, NOBODY
        else:
            if entry is None:
                raise Http404("The message is kept no more.")
            said = ""
        context = {
            **self.admin_site.each_context(request),
            "title": entry["first_line"] if entry is not None else "Signalling trace",
            "opts": self.model._meta,
            "entry": entry,
            "said": said,
        }
        return render(request, "admin/sipedge/trace_message.html", context)

    def _check(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied


def _wanted(request: HttpRequest) -> dict[str, str]:
    return {name: text for name in NAMES if (text := request.GET.get(name, "").strip())}


def _marked(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "failed": ladder.failed(one)} for one in entries]


def _number(request: HttpRequest, name: str) -> int | None:
    """A number of the request; None when there is none, or nonsense."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None

"""The administrator's pages for lines, application users and the gateway's settings."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from unfold.widgets import UnfoldAdminPasswordWidget

from cti.models import ApplicationUser, CtiSettings, Line
from provisioning.admin.base import PolicyAdmin
from provisioning.admin.rules import OneRowAdmin
from provisioning.admin_pages import PAGES, Page


@admin.register(Line)
class LineAdmin(PolicyAdmin):
    """Lines."""

    list_display = ["uri", "owner", "switch", "device", "may_call", "takes_calls"]
    list_filter = ["switch", "may_call", "takes_calls"]
    list_select_related = ["owner"]
    search_fields = ["uri", "owner__aor", "owner__name", "device"]
    autocomplete_fields = ["owner"]

    def get_form(self, request: HttpRequest, obj: Line | None = None, change: bool = False, **kwargs: Any) -> Any:
        """With what the switches are."""
        return super().get_form(request, obj, change, **{**kwargs, "help_texts": {"switch": SWITCHES}})


SWITCHES = "Simulated: a telephone in memory, its buttons are on the page Calls. SIP: the owner's registered phones."


class ApplicationUserForm(forms.ModelForm):
    """A password that is set here is kept as a hash only."""

    password = forms.CharField(
        required=False,
        strip=False,
        max_length=256,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Leave it empty to keep the one that is set; it can be replaced, never shown.",
    )

    class Meta:
        model = ApplicationUser
        fields = ["name", "controls_all", "lines"]

    def save(self, commit: bool = True) -> ApplicationUser:
        """Hash a new password."""
        if self.cleaned_data.get("password"):
            self.instance.set_password(self.cleaned_data["password"])
        saved: ApplicationUser = super().save(commit)
        return saved


@admin.register(ApplicationUser)
class ApplicationUserAdmin(PolicyAdmin):
    """Programs that log in by themselves."""

    form = ApplicationUserForm
    fields = ["name", "password", "controls_all", "lines"]
    list_display = ["name", "controls_all", "controls"]
    list_filter = ["controls_all"]
    search_fields = ["name"]
    autocomplete_fields = ["lines"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApplicationUser]:
        """With the lines."""
        found: QuerySet[ApplicationUser] = super().get_queryset(request).prefetch_related("lines")
        return found

    @admin.display(description="Lines")
    def controls(self, user: ApplicationUser) -> str:
        """The first of them."""
        uris = [line.uri for line in user.lines.all()]
        return "all" if user.controls_all else ", ".join(uris[:SHOWN]) + (" ..." if len(uris) > SHOWN else "")


SHOWN = 5
"Lines shown in the list."


@admin.register(CtiSettings)
class CtiSettingsAdmin(OneRowAdmin):
    """How the gateway treats its clients and its switch."""

    fields = ["session_timer", "heartbeat", "dnd_is_presence", "gateway_uri"]


def may_look(request: HttpRequest) -> bool:
    """Whoever may view or change lines."""
    return request.user.has_perm("cti.view_line") or may_press(request)


def may_press(request: HttpRequest) -> bool:
    """Whoever may change lines."""
    return request.user.has_perm("cti.change_line")


def calls(request: HttpRequest) -> HttpResponse:
    """Telephony as it is, with the simulated phones; everything is asked for by REST (`cti.api.telephony`)."""
    context = {
        **admin.site.each_context(request),
        "title": "Calls",
        "may_press": may_press(request),
        "telephony": reverse("telephony-list"),
        "lines": reverse("line-list"),
    }
    return render(request, "admin/cti/calls.html", context)


PAGES.append(Page("cti", "calls", "Calls", may_look, calls))

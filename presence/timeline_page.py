"""The administrator's page “Time line”: what happened to a user's state, and the state at a time."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from unfold.admin import ModelAdmin

from presence import timeline
from presence.models import TimelineEntry
from provisioning.models import EngineSettings, Persona
from provisioning.policy import PersonaFacts
from provisioning.snapshot import users
from provisioning.uri import Aor, BadUri

ADDRESS = 320
"Characters of an address that are read."

AROUND = timedelta(hours=12)
"Of the time line is shown so much before and after the time that is asked for."


class TimeForm(forms.Form):
    """Whose time line, and which time."""

    persona = forms.CharField(max_length=ADDRESS, label="User")
    at = forms.DateTimeField(
        required=False,
        label="State at (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S"),
    )

    def clean_persona(self) -> PersonaFacts:
        """A user, by any of the addresses."""
        try:
            aor = Aor.parse(self.cleaned_data["persona"])
        except BadUri as error:
            raise forms.ValidationError(f"This is no SIP address: {error}.") from None
        found = users.find(aor)
        if found is None:
            raise forms.ValidationError(f"No user has the address {aor}.")
        return found

    def clean_at(self) -> datetime | None:
        """The end of the second that is named: times are shown in seconds."""
        at: datetime | None = self.cleaned_data["at"]
        return at.replace(microsecond=999_999) if at is not None else None


@admin.register(TimelineEntry)
class TimelineEntryAdmin(ModelAdmin):
    """One page instead of a table."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def get_urls(self) -> list[Any]:
        """Of our own only."""
        view = self.admin_site.admin_view(self.changelist_view)
        return [path("", view, name="presence_timelineentry_changelist")]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The form, the state at the time, and what happened around it; all of it stands in the address."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = TimeForm(request.GET if "persona" in request.GET else None)
        context = {**self.admin_site.each_context(request), "title": "Time line", "opts": self.opts, "form": form}
        if form.is_valid():
            persona, at = form.cleaned_data["persona"], form.cleaned_data["at"]
            entries, more = timeline.between(
                persona.id, at - AROUND if at is not None else None, at + AROUND if at is not None else None
            )
            context |= {
                "persona": persona,
                "moment": timeline.state_at(persona.id, at or timezone.now()),
                "asked": at is not None,
                "entries": entries,
                "more": more,
                "most": timeline.SHOWN,
                "kept": _kept(persona),
            }
        return render(request, "admin/presence/timeline.html", context)


def _kept(persona: PersonaFacts) -> bool:
    """The time line goes on."""
    wanted = EngineSettings.objects.filter(timeline=True).exists()
    return wanted or Persona.objects.filter(pk=persona.id, timeline=True).exists()

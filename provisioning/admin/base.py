"""What all pages share: they announce what they save, in bulk too."""

from typing import Any

from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from provisioning.admin.history import HistoryPages
from provisioning.announce import announce
from provisioning.history import recording


class PolicyAdmin(HistoryPages, ModelAdmin):
    """Edges take over a change within a second."""

    list_fullwidth = True
    warn_unsaved_form = True

    def save_related(self, request: HttpRequest, form: ModelForm, formsets: Any, change: bool) -> None:
        """Announce once everything of the form is saved."""
        super().save_related(request, form, formsets, change)
        announce(self.model, *(one.model for one in formsets if one.has_changed()))

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        """Announce a deletion."""
        super().delete_model(request, obj)
        announce(self.model)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Announce a bulk deletion."""
        with recording.together():
            super().delete_queryset(request, queryset)
            announce(self.model)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """What is saved with one form is one version."""
        if request.method != "POST":
            return super().changeform_view(request, *args, **kwargs)
        with recording.together():
            return super().changeform_view(request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A deletion takes along what hangs on it."""
        if request.method != "POST":
            return super().delete_view(request, *args, **kwargs)
        with recording.together():
            return super().delete_view(request, *args, **kwargs)

"""The administrator's page “Changes”: the latest changes over all tables."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from provisioning.admin.history import history_address, page_of
from provisioning.admin_pages import PAGES, Page
from provisioning.history import reading
from provisioning.history.doors import Door
from provisioning.history.reading import Changes, Wanted

LONGEST = 320
"Characters of a filter: an address has no more."


class FilterForm(forms.Form):
    """Which changes are shown."""

    who = forms.CharField(required=False, max_length=LONGEST, label="Who")
    table = forms.ChoiceField(required=False, label="Table")
    text = forms.CharField(required=False, max_length=LONGEST, label="Object")
    door = forms.ChoiceField(required=False, choices=[("", "All"), *Door.choices], label="Door")
    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, tables: list[Any], *args: Any, **kwargs: Any) -> None:
        """With those tables that the account may see."""
        super().__init__(*args, **kwargs)
        names = [(model._meta.label_lower, str(model._meta.verbose_name_plural).capitalize()) for model in tables]
        self.fields["table"].choices = [("", "All"), *sorted(names, key=lambda one: one[1])]  # type: ignore[attr-defined]


def may_look(request: HttpRequest) -> bool:
    """Whoever may see the list of changes; it has those of the tables that may be seen."""
    return bool(request.user.has_perm("provisioning.view_recordedchange"))


def page(request: HttpRequest) -> HttpResponse:
    """The form, and what it finds; everything stands in the address, so that it can be passed on."""
    tables = reading.visible(request.user)
    form = FilterForm(tables, request.GET or None)
    wanted = _wanted(form) if form.is_valid() else Wanted()
    found = page_of(request, Changes(tables if form.is_valid() or not form.is_bound else [], wanted))
    kept = request.GET.copy()
    kept.pop("page", None)
    context = {
        **admin.site.each_context(request),
        "title": "Changes",
        "form": form,
        "page": found,
        "kept": kept.urlencode(),
        "rows": [(entry, history_address(entry)) for entry in found.object_list],
    }
    return render(request, "admin/provisioning/changes.html", context)


def _wanted(form: FilterForm) -> Wanted:
    asked = form.cleaned_data
    return Wanted(
        who=asked["who"],
        table=asked["table"],
        text=asked["text"],
        door=asked["door"],
        since=_start(asked["since"]) if asked["since"] else None,
        until=_start(asked["until"] + timedelta(days=1)) if asked["until"] and asked["until"].year < 9999 else None,
    )


def _start(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


PAGES.append(Page("provisioning", "changes", "Changes", may_look, page))

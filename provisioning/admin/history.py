"""The pages of an object's history, on every table that has one: versions, back to one of them, what was deleted."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from unfold.decorators import action

from provisioning.history import reading, reverting
from provisioning.history.reading import Entry

SHOWN = 25
"Versions of a page: as many as can be read without losing the thread."


def page_of(request: HttpRequest, found: Any) -> Page:
    """The page that the address asks for; the last one where there are fewer."""
    return Paginator(found, SHOWN).get_page(request.GET.get("page"))


class HistoryPages:
    """Mixed into the pages of a table."""

    model: Any
    opts: Any
    admin_site: Any
    actions_list = ("recently_deleted",)

    def get_urls(self) -> list[Any]:
        """Before those of the table, which would take anything for an id."""
        view, name = self.admin_site.admin_view, f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path("deleted/", view(self.deleted_view), name=f"{name}_deleted"),
            path("<int:object_id>/history/<int:version>/", view(self.revert_view), name=f"{name}_revert"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    @action(description="Recently deleted", permissions=["view"], icon="restore_from_trash")
    def recently_deleted(self, request: HttpRequest) -> HttpResponse:
        """To the page of that name."""
        return HttpResponseRedirect(self._address("deleted"))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """All versions of one object, also of one that is gone, newest first."""
        self._check(request)
        versions = reading.of_object(self.model, _number(object_id))
        page = page_of(request, versions)
        if not page.object_list:
            raise Http404("It has no history.")
        entries = reading.entries(self.model, page.object_list)
        newest = entries[0] if page.number == 1 else None
        there = versions[0].history_type != "-"
        return self._render(
            request,
            "history",
            title=f"History of {entries[0].version.history_label}",
            page=page,
            rows=[(one, self._revert(one) if one is not newest or not there else "") for one in entries],
            change=self._address("change", object_id) if there else "",
            may_revert=self._may_revert(request, there),
        )

    def deleted_view(self, request: HttpRequest) -> HttpResponse:
        """What is gone, the last deleted first."""
        self._check(request)
        page = page_of(request, reading.gone(self.model))
        rows = [Entry(self.model, version, None) for version in page.object_list]
        return self._render(
            request,
            "deleted",
            title=f"Recently deleted {self.opts.verbose_name_plural}",
            page=page,
            rows=[(one, self._address("history", one.key), self._revert(one)) for one in rows],
            may_revert=self._may_revert(request, False),
        )

    def revert_view(self, request: HttpRequest, object_id: int, version: int) -> HttpResponse:
        """What going back to this version would change; then, by POST, the change."""
        self._check(request)
        found = reading.of_object(self.model, object_id).filter(history_id=version).first()
        if found is None:
            raise Http404("There is no such version.")
        plan = reverting.plan(self.model, found)
        if not self._may_revert(request, plan.there):
            raise PermissionDenied
        problems = plan.problems
        if request.method == "POST":
            try:
                row = reverting.revert(self.model, found)
            except reverting.Refused as refused:
                problems = refused.why
            else:
                said = "as it was in that version" if plan.there else "back"
                messages.success(request, f"{row} is {said}.")
                return HttpResponseRedirect(self._address("history", object_id))
        return self._render(
            request,
            "revert",
            title=f"{'Revert' if plan.there else 'Bring back'} {found.history_label}",
            plan=plan,
            problems=problems,
            entry=Entry(self.model, found, None),
            history=self._address("history", object_id),
        )

    def _check(self, request: HttpRequest) -> None:
        if not self.has_view_or_change_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied

    def _may_revert(self, request: HttpRequest, there: bool) -> bool:
        """To change it; to bring it back, also to add."""
        return reading.may(request.user, self.model, "change") and (
            there or reading.may(request.user, self.model, "add")
        )

    def _revert(self, entry: Entry) -> str:
        return self._address("revert", entry.key, entry.version.pk)

    def _address(self, page: str, *arguments: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=arguments)

    def _render(self, request: HttpRequest, template: str, **more: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, **more}
        return render(request, f"admin/provisioning/{template}.html", context)


def history_address(entry: Entry) -> str:
    """The page of the history of an entry's object; empty for a table without pages."""
    meta = entry.model._meta
    if not admin.site.is_registered(entry.model):
        return ""
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_history", args=[entry.key])


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise Http404("It has no history.")
    return int(text)

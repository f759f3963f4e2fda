"""The admin's site: that of unfold, with pages that belong to no table (`provisioning.admin_pages`)."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.admin import sites
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from unfold.apps import BasicAppConfig
from unfold.sites import UnfoldAdminSite

from cups_site import navigation
from provisioning.admin_pages import PAGES, Page


class Site(UnfoldAdminSite):
    """All tables and pages; the first one says whether all is well (`cups_site.dashboard`)."""

    index_template = "admin/presence/index.html"

    def get_urls(self) -> list[Any]:
        """With those of the pages, which a table's would hide."""
        from cups_site import dashboard  # models are there by now

        own = [path("dashboard/", self.admin_view(dashboard.fragment), name="dashboard")]
        own += [
            path(f"{page.app}/{page.name}/", self.admin_view(partial(_show, page)), name=f"{page.app}_{page.name}")
            for page in PAGES
        ]
        return own + super().get_urls()

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """What this account may see, by task (`navigation`); for the page of one application its tables alone."""
        groups: list[Any] = super().get_app_list(request, app_label)
        if app_label is not None:
            return groups
        entries = {f"{one['model']._meta.label_lower}": one for group in groups for one in group["models"]}
        entries |= {f"{page.app}/{page.name}": _entry(page) for page in PAGES if page.may(request)}
        return navigation.grouped(entries)

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Tables and pages by title, then what `finding` finds; unfold would look through whole tables, and keep it."""
        from cups_site import finding  # models are there by now

        text = request.GET.get("s", "")
        pages = [finding.Found(*one) for one in navigation.search(text, self.get_app_list(request))]
        kinds = [finding.Kind("pages", _("Pages"), pages), *finding.find(text, request.user)]
        rows = [(kind.title if at == 0 else "", row) for kind in kinds for at, row in enumerate(kind.rows)]
        context = {"rows": rows, "short": len(text.strip()) < finding.SHORTEST}
        return render(request, "unfold/helpers/command_results.html", context)


def _show(page: Page, request: HttpRequest) -> HttpResponse:
    if not page.may(request):
        raise PermissionDenied
    return page.view(request)


def _entry(page: Page) -> dict[str, Any]:
    return {
        "name": page.title,
        "object_name": page.name,
        "admin_url": reverse(f"admin:{page.app}_{page.name}"),
        "add_url": None,
        "view_only": True,
        "group": page.group,
    }


class Unfold(BasicAppConfig):
    """unfold as an application, with this site for the admin."""

    def ready(self) -> None:
        admin.site = sites.site = Site()

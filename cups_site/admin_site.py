"""The admin's site: that of unfold, with pages that belong to no table (`provisioning.admin_pages`)."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.admin import sites
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from unfold.apps import BasicAppConfig
from unfold.sites import UnfoldAdminSite

from provisioning.admin_pages import PAGES, Page

OWN_GROUPS = {"presence", "cti", "provisioning", "sipedge"}
"What an administrator comes for; accounts and tokens stand behind."


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
        """The navigation: the server's own groups first; pages stand among the tables of their group, by name."""
        groups: list[Any] = super().get_app_list(request, app_label)
        for group in groups:
            pages = [page for page in PAGES if page.app == group["app_label"] and page.may(request)]
            group["models"] += map(_entry, pages)
            group["models"].sort(key=lambda one: str(one["name"]).lower())
        groups.sort(key=lambda group: group["app_label"] not in OWN_GROUPS)  # else as they were: by name
        return groups


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
    }


class Unfold(BasicAppConfig):
    """unfold as an application, with this site for the admin."""

    def ready(self) -> None:
        admin.site = sites.site = Site()

"""Pages for directories: their settings, and one on which they are tried, synchronised and looked after."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminPasswordWidget

from provisioning.admin.base import PolicyAdmin, Record
from provisioning.choices import RunState
from provisioning.directories import runs
from provisioning.models import Directory, DirectoryRun, DirectoryUser
from provisioning.models.directories import UNDER_WAY

SHOWN = 20
"Runs on the page of a directory."

PAGE_REFRESH = 2
"Seconds between two looks while a run is under way."


class DirectoryForm(forms.ModelForm):
    """A password that is set here is kept encrypted, and never shown."""

    password = forms.CharField(
        required=False,
        strip=False,
        max_length=256,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Of the bind name. Leave it empty to keep the one that is set; it can be replaced, never shown.",
    )

    class Meta:
        model = Directory
        exclude = ["sealed_password"]

    def clean(self) -> dict[str, Any]:
        """A new password before the model's checks, which look whether there is one."""
        values = super().clean() or {}
        if values.get("password"):
            self.instance.set_password(values["password"])
        elif not values.get("bind_name"):
            self.instance.set_password("")  # who logs in as nobody has none
        return values


@admin.register(Directory)
class DirectoryAdmin(PolicyAdmin):
    """Directories."""

    form = DirectoryForm
    list_display = ["name", "server", "domain", "enabled", "interval", "user_count", "last_run"]
    list_filter = ["enabled"]
    list_select_related = ["domain"]
    search_fields = ["name", "server", "base"]
    autocomplete_fields = ["domain"]
    actions_detail = ["synchronise"]
    fieldsets = [
        (None, {"fields": ["name", "enabled", "interval"]}),
        ("Server", {"fields": ["server", "start_tls", "verify", "ca_file", "bind_name", "password"]}),
        ("Which entries", {"fields": ["base", "scope", "filter", "page_size", "entries_limit"]}),
        (
            "What they say",
            {
                "fields": [
                    "id_attribute", "user_attribute", "domain", "domain_attribute", "name_attribute", "mail_attributes",
                    "number_attributes", "enabled_by", "enabled_attribute",
                ]
            },
        ),
        ("Whose users", {"fields": ["adopt", "vanished", "delete_after", "most_vanish"]}),
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Directory]:
        """With the number of users."""
        return super().get_queryset(request).annotate(users_here=Count("users"))

    @admin.display(description="Users", ordering="users_here")
    def user_count(self, directory: Directory) -> int:
        """How many it looks after."""
        return directory.users_here  # type: ignore[attr-defined]

    @admin.display(description="Last run")
    def last_run(self, directory: Directory) -> str:
        """When, and what became of it."""
        run = directory.runs.filter(dry=False).first()
        return f"{run.started_at:%Y-%m-%d %H:%M}, {run.get_state_display()}" if run is not None else "never"

    def get_urls(self) -> list[Any]:
        """With the page on which it is synchronised."""
        view = self.admin_site.admin_view
        own = [path("<int:pk>/sync/", view(self.sync_view), name="provisioning_directory_sync")]
        return own + super().get_urls()

    @action(description="Test and synchronise", permissions=["view"])
    def synchronise(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """To the page with the buttons."""
        return HttpResponseRedirect(reverse("admin:provisioning_directory_sync", args=[object_id]))

    def sync_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Buttons for whoever may change the directory, and its last runs for whoever may see it."""
        directory = get_object_or_404(Directory, pk=pk)
        may_change = self.has_change_permission(request, directory)
        if not (may_change or self.has_view_permission(request, directory)):
            raise PermissionDenied
        context: dict[str, Any] = {**self.admin_site.each_context(request), "title": f"Directory {directory}"}
        if request.method == "POST":
            if not may_change:
                raise PermissionDenied
            tested = self._press(request, directory)
            if tested is None:
                return HttpResponseRedirect(request.path)
            context |= tested
        rows = list(directory.runs.all()[:SHOWN])
        context |= {
            "directory": directory, "opts": self.opts, "may_change": may_change, "runs": rows,
            "under_way": any(run.state in UNDER_WAY for run in rows), "refresh": PAGE_REFRESH,
            "held": next((run for run in rows if not run.dry), None),
            "users": directory.users.count(), "missing": directory.users.exclude(missing_since=None).count(),
        }  # fmt: skip
        context["held"] = context["held"] if context["held"] and context["held"].state == RunState.HELD else None
        part = request.headers.get("HX-Request") == "true"
        name = "runs" if part else "sync"
        return render(request, f"admin/provisioning/directory_{name}.html", context)

    def _press(self, request: HttpRequest, directory: Directory) -> dict[str, Any] | None:
        """Do what the button says; what a test has found, or None."""
        from provisioning.directories.ldap import DirectoryError

        if "test" in request.POST:
            try:
                return {"tested": runs.test(directory)}
            except DirectoryError as error:
                return {"problem": str(error)}
        try:
            runs.start(
                directory, started_by=request.user.get_username(), dry="dry" in request.POST,
                confirmed="confirm" in request.POST,
            )  # fmt: skip
        except runs.Busy as error:
            self.message_user(request, str(error), messages.WARNING)
        return None


@admin.register(DirectoryUser)
class DirectoryUserAdmin(Record):
    """Whose user is whose; a row that is deleted leaves the user to be looked after by hand."""

    list_display = ["persona", "directory", "entry", "missing_since", "disabled"]
    list_select_related = ["persona", "directory"]
    list_filter = ["directory", "disabled", ("missing_since", admin.EmptyFieldListFilter)]
    search_fields = ["persona__aor", "persona__name", "entry", "identifier"]


@admin.register(DirectoryRun)
class DirectoryRunAdmin(Record):
    """What synchronisations have done."""

    list_display = ["started_at", "directory", "dry", "state", "summary", "started_by"]
    list_select_related = ["directory"]
    list_filter = ["directory", "state", "dry"]
    search_fields = ["directory__name", "error"]

    @admin.display(description="Counts")
    def summary(self, run: DirectoryRun) -> str:
        """In one line."""
        return run.error or ", ".join(f"{name} {count}" for name, count in run.counts.items())

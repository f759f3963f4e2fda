"""The pages of imports: bring a file, see what it would do, apply it, watch it, read the report, undo it."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminFileFieldWidget

from provisioning import tasks
from provisioning.bulk import files, imports
from provisioning.bulk.documents import FORMATS, MAX_FILE, BadDocument
from provisioning.bulk.kinds import KINDS
from provisioning.models import Import, ImportRow

SHOWN = 50
"Rows of a page of the report."


class UploadForm(forms.Form):
    """A file, and what happens when some of its rows are wrong."""

    file = forms.FileField(
        help_text="CSV, XLSX or JSON. Nothing is changed before you have seen what it would do.",
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.xlsx,.json", "aria-describedby": "about-file"}),
    )
    mode = forms.ChoiceField(
        label="When rows are wrong",
        choices=[(Import.Mode.ALL, "change nothing"), (Import.Mode.PARTIAL, "take the good rows")],
        widget=forms.RadioSelect,
        initial=Import.Mode.ALL,
    )

    def clean_file(self) -> Any:
        """Not larger than is read."""
        file = self.cleaned_data["file"]
        if file.size > MAX_FILE:
            raise forms.ValidationError(f"The file is larger than {MAX_FILE >> 20} MiB.")
        return file


@admin.register(Import)
class ImportAdmin(ModelAdmin):
    """Imports, newest first; they stay."""

    list_display = [
        "file_name",
        "who",
        "created_at",
        "mode",
        "state",
        "created",
        "changed",
        "unchanged",
        "bad",
        "undone",
    ]
    list_filter = ["state", "mode"]
    search_fields = ["file_name", "who"]
    list_fullwidth = True

    def get_urls(self) -> list[Any]:
        """With what is done on the page of one import."""
        view, name = self.admin_site.admin_view, "provisioning_import"
        own = [
            path("template/<str:form>/", view(self.template_view), name=f"{name}_template"),
            path("<int:pk>/progress/", view(self.progress_view), name=f"{name}_progress"),
            path("<int:pk>/errors/", view(self.errors_view), name=f"{name}_errors"),
        ]
        for what in ("confirm", "cancel", "undo"):
            own.append(path(f"<int:pk>/{what}/", view(getattr(self, f"{what}_view")), name=f"{name}_{what}"))
        return own + super().get_urls()

    def has_delete_permission(self, request: HttpRequest, obj: Import | None = None) -> bool:
        """Each import stays."""
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """As for adding and changing users."""
        return imports.may(request.user)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Bring a file; the dry run begins at once."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            file, who = form.cleaned_data["file"], request.user.get_username()
            try:
                of = imports.bring(
                    file.read(), file.name, mode=form.cleaned_data["mode"], dry_run=True, user=request.user, who=who
                )
            except BadDocument as error:
                form.add_error("file", str(error))
            except imports.NotNow as error:
                form.add_error(None, str(error))
            else:
                tasks.start_import(of.pk)
                return _to(of)
        return self._page(request, "import_upload.html", "Import a file", form=form, formats=FORMATS, kinds=_tables())

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """How far it is, what it would do or has done, row by row, and what can be done now."""
        of = self._import(request, object_id)
        asked = request.GET.get("show", "")
        show = asked if asked in (*ImportRow.Outcome.values, ImportRow.Undo.KEPT) else ""
        rows = of.rows.filter(outcome=show) if show in ImportRow.Outcome.values else of.rows.all()
        if show == ImportRow.Undo.KEPT:
            rows = of.rows.filter(undo=show)
        return self._page(
            request,
            "import.html",
            of.file_name,
            of=of,
            page=Paginator(rows, SHOWN).get_page(request.GET.get("page")),
            show=show,
            counts=_counts(of),
            may_apply=imports.may(request.user),
            may_undo=imports.may(request.user, imports.UNDO_RIGHTS),
            modes=Import.Mode.choices,
        )

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The bar alone, for a page that looks again and again; one that has ended asks the page to load anew."""
        of = self._import(request, pk)
        response = render(request, "admin/provisioning/import_progress.html", {"of": of})
        if not of.under_way:
            response["HX-Refresh"] = "true"
        return response

    def errors_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The bad rows as a file."""
        try:
            return files.bad_rows(self._import(request, pk))
        except BadDocument as error:
            raise Http404(str(error)) from None

    def template_view(self, request: HttpRequest, form: str) -> HttpResponse:
        """Tables to fill in."""
        table = request.GET.get("table", "")
        if not self.has_view_permission(request):
            raise PermissionDenied
        if form not in FORMATS or (table and table not in KINDS):
            raise Http404
        return files.template(form, table, request.user)

    def confirm_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Apply what was checked."""
        mode = request.POST.get("mode", "")
        return self._do(request, pk, lambda of: imports.confirm(of, mode if mode in Import.Mode.values else None))

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Stop it."""
        return self._do(request, pk, imports.cancel, start=False)

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Put everything back."""
        force = "force" in request.POST
        return self._do(request, pk, lambda of: imports.undo(of, force=force), imports.UNDO_RIGHTS)

    def _do(
        self,
        request: HttpRequest,
        pk: int,
        what: Callable[[Import], None],
        rights: tuple[str, ...] = imports.RIGHTS,
        start: bool = True,
    ) -> HttpResponse:
        if not imports.may(request.user, rights):
            raise PermissionDenied
        return require_POST(lambda _: self._done(request, pk, what, start))(request)

    def _done(self, request: HttpRequest, pk: int, what: Callable[[Import], None], start: bool) -> HttpResponse:
        of = self._import(request, pk)
        try:
            what(of)
        except imports.NotNow as error:
            messages.error(request, str(error))
        else:
            if start:
                tasks.start_import(of.pk)
        return _to(of)

    def _import(self, request: HttpRequest, pk: int | str) -> Import:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not str(pk).isdecimal():
            raise Http404
        return get_object_or_404(Import, pk=pk)

    def _page(self, request: HttpRequest, template: str, title: str, **more: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": title, "opts": self.opts, **more}
        return render(request, f"admin/provisioning/{template}", context)


def _to(of: Import) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:provisioning_import_change", args=[of.pk]))


def _tables() -> list[tuple[str, list[str]]]:
    return [(kind.name, [column.name for column in kind.columns]) for kind in KINDS.values()]


def _counts(of: Import) -> list[tuple[str, str, int]]:
    """What the page tells, each with what is shown by a click on it."""
    found = [("created", "New", of.created), ("changed", "Changed", of.changed), ("", "As they were", of.unchanged)]
    found.append(("bad", "Wrong", of.bad))
    if of.state in (Import.State.UNDONE, Import.State.UNDOING) or of.undone:
        found += [("", "Put back", of.undone), ("kept", "Left", of.kept)]
    return found

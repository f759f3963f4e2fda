"""Previews in the admin: a button beside Save, and “Who is affected” where something is deleted."""

import copy
from typing import Any

from django.contrib import admin
from django.contrib.messages.storage.base import BaseStorage
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

import provisioning.admin  # noqa: F401  (its pages are there before they are extended)
from presence.concern import MODELS
from presence.impact import OUTCOMES, Impact
from presence.previewing import SUBSCRIPTIONS, preview, who_is_affected
from presence.references import explain_url
from provisioning.admin.base import LISTED

SHOWN = 200
"Lines of a preview: more than anybody reads; the numbers above them are of all."

OTHER_BUTTONS = ("_save", "_continue", "_addanother", "_saveasnew", "_popup")
"Of the form: what they ask for is no matter of a preview."


def may_preview(request: HttpRequest) -> bool:
    """Whoever may see who is subscribed."""
    return any(request.user.has_perm(f"presence.{right}_subscription") for right in ("view", "change"))


def shown(found: Impact) -> dict[str, Any]:
    """What the templates show of a preview."""
    counts = found.counts()
    return {
        "impact": found,
        "counts": [(name, counts[name], does) for name, does in OUTCOMES.items() if counts[name]],
        "lines": [(one, explain_url(one.watcher, one.presentity, one.user_agent)) for one in found.affected[:SHOWN]],
        "left_off": max(0, len(found.affected) - SHOWN),
        "most": SUBSCRIPTIONS,
    }


class _Nowhere(BaseStorage):
    """For what a page would tell at its next showing: a preview has nothing to tell there."""

    def _get(self, *args: Any, **kwargs: Any) -> tuple[list[Any], bool]:
        return [], True

    def _store(self, messages: Any, response: HttpResponse, *args: Any, **kwargs: Any) -> list[Any]:
        return []


class Previewed(ModelAdmin):
    """Pages whose changes can be previewed by who may make them and may see subscriptions."""

    change_form_outer_after_template = "admin/presence/preview_place.html"
    delete_confirmation_template = "admin/presence/delete_confirmation.html"
    delete_selected_confirmation_template = "admin/presence/delete_selected_confirmation.html"

    def get_urls(self) -> list[Any]:
        """With the preview of a new row, and of a change."""
        view = self.admin_site.admin_view(self.preview_view)
        own = [
            path("preview/", view, name=self._preview_name("add")),
            path("<path:object_id>/preview/", view, name=self._preview_name("change")),
        ]
        return own + super().get_urls()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With a button for who may press it."""
        if may_preview(request):
            name, args = ("change", [object_id]) if object_id is not None else ("add", [])
            address = reverse(f"admin:{self._preview_name(name)}", args=args)
            extra_context = {**(extra_context or {}), "preview_url": address}
        return super().changeform_view(request, object_id, form_url, extra_context)

    def preview_view(self, request: HttpRequest, object_id: str | None = None) -> HttpResponse:
        """What would change for whom if the form were saved as it is; or what is wrong with it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not may_preview(request):
            raise PermissionDenied
        row = self.get_object(request, object_id) if object_id is not None else None
        if object_id is not None and row is None:
            raise Http404
        if not (self.has_add_permission(request) if row is None else self.has_change_permission(request, row)):
            raise PermissionDenied
        post = request.POST.copy()
        for name in OTHER_BUTTONS:
            post.pop(name, None)
        request.POST = post  # type: ignore[assignment]
        request._messages = _Nowhere(request)  # type: ignore[attr-defined]
        pages: list[HttpResponse] = []

        def change() -> list[Any] | None:
            pages.append(self.changeform_view(request, object_id))
            saved = getattr(request, "saved_row", None)
            return [saved.pk] if saved is not None else None

        found = preview(self.model, [row.pk] if row is not None else [], change, timezone.now())
        context = shown(found) if found is not None else {"errors": _errors(pages[0])}
        return render(request, "admin/presence/preview.html", context)

    def save_related(self, request: HttpRequest, form: ModelForm, formsets: Any, change: bool) -> None:
        """Remember what was saved, for a preview."""
        super().save_related(request, form, formsets, change)
        request.saved_row = form.instance  # type: ignore[attr-defined]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with a row needs the right to its table only.

        That nobody deletes an address of record or soft state by itself is no reason to keep the user.
        """
        found, counts, missing, protected = super().get_deleted_objects(objs, request)
        tables = [table._meta for table in self.admin_site._registry]
        may = {one.verbose_name for one in tables if request.user.has_perm(f"{one.app_label}.delete_{one.model_name}")}
        return found, counts, missing - may, protected

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Who is affected, before it is confirmed."""
        response = super().delete_view(request, object_id, extra_context)
        if request.method == "GET" and _asks(response):
            row = copy.copy(response.context_data["object"])  # type: ignore[attr-defined]
            self._add(request, response, [row.pk], lambda: self.delete_model(request, row))
        return response

    def response_action(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """The same before a deletion in bulk."""
        response = super().response_action(request, queryset)
        if isinstance(response, TemplateResponse) and _asks(response) and "queryset" in response.context_data:
            chosen: QuerySet = response.context_data["queryset"]
            ids = list(chosen.order_by().values_list("pk", flat=True)[: LISTED + 1])
            if len(ids) <= LISTED:  # of more rows the page tells the number only
                self._add(request, response, ids, lambda: self.delete_queryset(request, chosen.all()))
        return response

    def _add(self, request: HttpRequest, response: Any, ids: list[Any], delete: Any) -> None:
        if may_preview(request):
            response.context_data |= shown(who_is_affected(self.model, ids, delete, timezone.now()))

    def _preview_name(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_preview_{name}"


def _asks(response: Any) -> bool:
    """A page that asks for a confirmation, and would get what it asks for."""
    context = getattr(response, "context_data", None) or {}
    return "protected" in context and not (context["protected"] or context["perms_lacking"])


def _errors(page: HttpResponse) -> list[tuple[str, str, str]]:
    """(field, what is wrong with it, id of its input) of a form that was not saved, as the form itself says it."""
    context = page.context_data  # type: ignore[attr-defined]
    found = list(_of_form(context["adminform"].form, ""))
    for inline in context["inline_admin_formsets"]:
        formset = inline.formset
        found += [("", str(error), "") for error in formset.non_form_errors()]
        for number, form in enumerate(formset.forms, 1):
            found += _of_form(form, f"{formset.model._meta.verbose_name} {number}")
    return found


def _of_form(form: Any, where: str) -> list[tuple[str, str, str]]:
    found = []
    for name, errors in form.errors.items():
        field = form[name] if name in form.fields else None
        label = ", ".join(filter(None, (where, str(field.label) if field is not None else "")))
        found += [(label, str(error), field.id_for_label if field is not None else "") for error in errors]
    return found


for _model in MODELS:  # their pages as they are, with previews
    _pages = type(admin.site._registry[_model])
    admin.site.unregister(_model)
    admin.site.register(_model, type(_pages.__name__, (Previewed, _pages), {"__doc__": _pages.__doc__}))

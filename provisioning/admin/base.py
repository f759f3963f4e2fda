"""What all pages share: they announce what they save, in bulk too."""

from typing import Any, Final

from django.contrib import messages
from django.db.models import F, Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from provisioning import beginnings
from provisioning.admin.history import HistoryPages
from provisioning.announce import announce
from provisioning.history import recording

LISTED: Final = 100
"Rows whose deletion is spelled out, with all that hangs on them; of more than that only the number is told."

AT_ONCE: Final = 500
"Rows that are deleted together: a form that names more of them is refused by Django, at 1,000 fields."


class UsersSearch:
    """Users are searched by the beginning of an address or name: by index, where `contains` reads all of them."""

    search_help_text = _("The beginning of an address, of an alias, of a number, or of a display name.")

    user_field = "pk"
    "Column with the user's key."
    own_address = ""
    "A column of the table's own with an address, if there is one."

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """No row twice."""
        if not search_term.strip():
            return queryset, False
        keys = self.model.objects.filter(**{f"{self.user_field}__in": beginnings.users(search_term)})  # type: ignore[attr-defined]
        if self.own_address:
            texts = beginnings.addresses(search_term)
            own = self.model.objects.filter(beginnings.begins(F(self.own_address), texts))  # type: ignore[attr-defined]
            keys = keys.order_by().values("pk").union(own.order_by().values("pk"))
            return queryset.filter(pk__in=keys), False
        return queryset.filter(pk__in=keys.order_by().values("pk")), False


class Record(ModelAdmin):
    """Rows that say what was, or what clients and servers do: people look at them, and may throw them away."""

    list_fullwidth = True
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class PolicyAdmin(HistoryPages, ModelAdmin):
    """Edges take over a change within a second."""

    list_fullwidth = True
    warn_unsaved_form = True
    show_full_result_count = False
    list_per_page = 50

    def response_action(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """Refuse to delete more rows than the form can name."""
        if request.POST.get("action") == "delete_selected" and "select_across" in request.POST:
            if request.POST["select_across"] == "1" and queryset.count() > AT_ONCE:
                said = _("At most %(most)d rows are deleted at once. Narrow the list by search or filters.")
                self.message_user(request, said % {"most": AT_ONCE}, messages.ERROR)
                return HttpResponseRedirect(request.get_full_path())
        answer: HttpResponse | None = super().response_action(request, queryset)
        return answer

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """All that goes with a few rows; of many only their number."""
        number = len(objs)
        if number <= LISTED:
            return super().get_deleted_objects(objs, request)
        names = str(self.opts.verbose_name_plural)
        missing = set() if self.has_delete_permission(request) else {names}
        return [f"{number} {names}"], {names: number}, missing, []

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

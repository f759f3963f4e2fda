"""The page of API tokens: a new one is shown once."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from provisioning import tokens
from provisioning.models.tokens import PREFIX, ApiToken


class ApiTokenForm(forms.ModelForm):
    """Asks only for what the one who asks may give."""

    maker: Any = None

    class Meta:
        model = ApiToken
        fields = ["name", "user", "scopes", "networks", "expires_at"]
        widgets = {"networks": UnfoldAdminTextInputWidget()}

    def clean(self) -> dict[str, Any]:
        """An account of superusers is theirs."""
        values = super().clean() or {}
        user = values.get("user")
        if user is not None and not tokens.may_make_for(self.maker, user):
            self.add_error("user", "You may not make tokens for this account.")
        return values


@admin.register(ApiToken)
class ApiTokenAdmin(ModelAdmin):
    """Who may come in by REST and WebSocket, for what, and until when; a token is revoked by deleting it."""

    form = ApiTokenForm
    list_fullwidth = True
    list_display = ["name", "user", "begins", "opens", "networks", "expires_at", "valid", "last_used_at"]
    list_select_related = ["user"]
    list_filter = ["expires_at", "last_used_at"]
    search_fields = ["name", "user__username", "key"]
    autocomplete_fields = ["user"]

    @admin.display(description="Begins")
    def begins(self, token: ApiToken) -> str:
        """What may be seen of it."""
        return f"{PREFIX}{token.key}"

    @admin.display(description="Opens")
    def opens(self, token: ApiToken) -> str:
        """Its scopes."""
        return ", ".join(token.scopes)

    @admin.display(description="Valid", boolean=True)
    def valid(self, token: ApiToken) -> bool:
        """It has not run out."""
        return token.is_valid(timezone.now())

    def get_form(self, request: HttpRequest, obj: ApiToken | None = None, change: bool = False, **kwargs: Any) -> Any:
        """The form knows who asks."""
        form = super().get_form(request, obj, change, **kwargs)
        form.maker = request.user
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        """A token stays with its account."""
        return ("user",) if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        """A new one is generated."""
        if not change:
            request.new_token = obj.generate()  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        """The one page that shows it."""
        return _shown(self, request, obj)

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """As the account itself may be changed."""
        return bool(super().has_change_permission(request, obj)) and _may(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """The same."""
        return bool(super().has_delete_permission(request, obj)) and _may(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """In bulk as well."""
        found, counts, missing, protected = super().get_deleted_objects(objs, request)
        return found, counts, missing, [*protected, *(str(one) for one in objs if not _may(request, one))]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        """With their accounts."""
        found: QuerySet[ApiToken] = super().get_queryset(request).select_related("user")
        return found


def _may(request: HttpRequest, token: ApiToken | None) -> bool:
    return token is None or tokens.may_make_for(request.user, token.user)


@never_cache
def _page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    return render(request, "admin/provisioning/token.html", context)


def _shown(page: ModelAdmin, request: HttpRequest, token: ApiToken) -> HttpResponse:
    context = {
        **page.admin_site.each_context(request),
        "title": f"Token “{token.name}”",
        "opts": ApiToken._meta,
        "whole": request.new_token,  # type: ignore[attr-defined]
        "token": token,
    }
    return _page(request, context)

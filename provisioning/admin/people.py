"""Pages for domains, users and aliases."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from provisioning.admin.base import LISTED, PolicyAdmin, UsersSearch
from provisioning.announce import announce
from provisioning.bulk import files, imports
from provisioning.bulk.documents import CSV, JSON, XLSX, BadDocument
from provisioning.fields import domain_name
from provisioning.history import recording
from provisioning.models import Alias, Domain, ForeignMapping, Persona


class DomainForm(forms.ModelForm):
    """Says what a new name costs before it is saved (D-50)."""

    confirm_rename = forms.BooleanField(
        required=False,
        label="Rename, and void all passwords of this domain",
        help_text="Digest secrets hold for one domain name only: after a rename every user needs a new password.",
    )

    class Meta:
        model = Domain
        fields = ["name", "description"]

    def clean(self) -> dict[str, Any]:
        """A rename has to be confirmed."""
        values = super().clean() or {}
        name = values.get("name")
        before = Domain.objects.filter(pk=self.instance.pk).values_list("name", flat=True).first()
        if before is not None and name and domain_name(name) != before and not values.get("confirm_rename"):
            users = Persona.objects.filter(domain_id=self.instance.pk).exclude(md5="").count()
            self.add_error("confirm_rename", f"{users} users lose their password by this. Tick the box to go on.")
        return values


class TakesAddressesAlong(PolicyAdmin):
    """An address of record cannot be removed by itself, and goes with its user."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Whoever may delete aliases may delete these with what they belong to."""
        found, counts, missing, protected = super().get_deleted_objects(objs, request)
        if request.user.has_perm("provisioning.delete_alias"):
            missing = set(missing) - {Alias._meta.verbose_name}
        return found, counts, missing, protected


@admin.register(Domain)
class DomainAdmin(TakesAddressesAlong):
    """Domains that are served."""

    form = DomainForm
    list_display = ["name", "description", "users"]
    search_fields = ["name", "description"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Domain]:
        """With the number of users."""
        return super().get_queryset(request).annotate(user_count=Count("personas"))

    @admin.display(description="Users", ordering="user_count")
    def users(self, domain: Domain) -> int:
        """How many users there are in the domain."""
        return domain.user_count  # type: ignore[attr-defined]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """A domain with many users goes only after them: one request could not take them all away."""
        users = Persona.objects.filter(domain__in=[one.pk for one in objs]).order_by()
        if users[: LISTED + 1].count() <= LISTED:
            return super().get_deleted_objects(objs, request)
        number = users.count()
        return [str(one) for one in objs], {"users": number}, set(), [f"{number} users: delete them first"]

    def get_fields(self, request: HttpRequest, obj: Domain | None = None) -> list[str]:
        """Nothing to confirm for a new domain."""
        return ["name", "description", "confirm_rename"] if obj is not None else ["name", "description"]


class PersonaForm(forms.ModelForm):
    """A password that is set here is kept as digest secrets only, a PIN as a hash."""

    password = forms.CharField(
        required=False,
        strip=False,
        max_length=256,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="For SIP clients. Leave it empty to keep the one that is set; it can be replaced, never shown.",
    )
    new_pin = forms.CharField(
        label="PIN",
        required=False,
        max_length=12,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off", "inputmode": "numeric"}),
        help_text="For the phone pages, 4 to 12 digits. Leave it empty to keep the one that is set.",
    )

    class Meta:
        model = Persona
        fields = [
            "domain",
            "user",
            "name",
            "enabled",
            "confirm_watchers",
            "offline_messages",
            "timeline",
            "publish_policy",
            "delegates",
        ]
        widgets = {"user": UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})}

    def clean_new_pin(self) -> str:
        """Digits, as the model says."""
        pin: str = self.cleaned_data["new_pin"]
        if pin:
            Persona.validate_pin(pin)
        return pin

    def save(self, commit: bool = True) -> Persona:
        """Set or void the secrets, which belong to this user part in this domain."""
        persona: Persona = self.instance
        password = self.cleaned_data.get("password")
        if password:
            persona.user = persona.computed_aor().user
            persona.set_password(password)
        elif {"user", "domain"} & set(self.changed_data):
            persona.clear_password()
        if self.cleaned_data.get("new_pin"):
            persona.set_pin(self.cleaned_data["new_pin"])
        return super().save(commit)


class AliasInline(TabularInline):
    """The addresses that lead to the user, beside the address of record."""

    model = Alias
    extra = 1
    tab = False
    verbose_name_plural = "other addresses of this user"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alias]:
        """Without the address of record, which follows from domain and user part."""
        return super().get_queryset(request).exclude(uri=F("persona__aor"))


class MappingInline(TabularInline):
    """Where components of the user's state are that are not published here."""

    model = ForeignMapping
    extra = 0
    tab = False
    autocomplete_fields = ["server"]
    verbose_name_plural = "state at foreign servers"


class HasPassword(admin.SimpleListFilter):
    """Users who cannot log in yet."""

    title = "password"
    parameter_name = "password"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Set or not."""
        return [("set", "Set"), ("none", "Not set")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Persona]) -> QuerySet[Persona]:
        """By the digest secrets."""
        if self.value() == "set":
            return queryset.exclude(md5="")
        return queryset.filter(md5="") if self.value() == "none" else queryset


@admin.register(Persona)
class PersonaAdmin(UsersSearch, TakesAddressesAlong):
    """Users."""

    form = PersonaForm
    inlines = [AliasInline, MappingInline]
    list_display = ["aor", "name", "domain", "enabled", "addresses", "password_set"]
    list_filter = ["enabled", "domain", HasPassword, "publish_policy"]
    list_select_related = ["domain"]
    search_fields = ["aor", "name", "aliases__uri"]
    autocomplete_fields = ["domain", "delegates"]
    ordering = ["aor"]
    actions = ["enable", "disable"]
    actions_list = [{"title": "Export", "items": ["export_csv", "export_xlsx", "export_json"]}, "import_file"]
    fieldsets = [
        (None, {"fields": ["domain", "user", "name", "password", "new_pin", "enabled"]}),
        ("Watchers and messages", {"fields": ["confirm_watchers", "offline_messages", "timeline"]}),
        ("Publishing", {"fields": ["publish_policy", "delegates"], "classes": ["collapse"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Persona]:
        """With the addresses: those of one page, where counting them by SQL would count all."""
        found: QuerySet[Persona] = super().get_queryset(request).prefetch_related("aliases")
        return found

    @admin.display(description="Addresses")
    def addresses(self, persona: Persona) -> int:
        """Address of record and aliases."""
        return len(persona.aliases.all())

    @admin.display(description="Password", boolean=True)
    def password_set(self, persona: Persona) -> bool:
        """A password was set."""
        return persona.has_password

    @admin.action(description="Enable the selected users")
    def enable(self, request: HttpRequest, queryset: QuerySet[Persona]) -> None:
        """In bulk, announced once."""
        self._switch(request, queryset, True)

    @admin.action(description="Disable the selected users")
    def disable(self, request: HttpRequest, queryset: QuerySet[Persona]) -> None:
        """In bulk, announced once."""
        self._switch(request, queryset, False)

    @action(description="Users (CSV)", url_path="export-csv")
    def export_csv(self, request: HttpRequest) -> HttpResponse:
        """All users as one table."""
        return self._export(request, CSV)

    @action(description="All tables (XLSX)", url_path="export-xlsx")
    def export_xlsx(self, request: HttpRequest) -> HttpResponse:
        """Users, lists, access lists, mappings and lines, as far as the account sees them."""
        return self._export(request, XLSX)

    @action(description="All tables (JSON)", url_path="export-json")
    def export_json(self, request: HttpRequest) -> HttpResponse:
        """The same for programs."""
        return self._export(request, JSON)

    @action(description="Import a file", url_path="import-file", permissions=["import_file"])
    def import_file(self, request: HttpRequest) -> HttpResponse:
        """To the page that takes it."""
        return HttpResponseRedirect(reverse("admin:provisioning_import_add"))

    def has_import_file_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whether the button is there."""
        return imports.may(request.user)

    def _export(self, request: HttpRequest, form: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return files.export(form, "", request.user)
        except BadDocument as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:provisioning_persona_changelist"))

    def _switch(self, request: HttpRequest, queryset: QuerySet[Persona], on: bool) -> None:
        with recording.together():
            keys = list(queryset.exclude(enabled=on).values_list("pk", flat=True))
            count = Persona.objects.filter(pk__in=queryset.values("pk")).update(enabled=on)
            recording.changed(Persona, keys)
            announce(Persona)
        self.message_user(request, f"{count} users {'enabled' if on else 'disabled'}.", messages.SUCCESS)


@admin.register(Alias)
class AliasAdmin(UsersSearch, PolicyAdmin):
    """All addresses, for searching."""

    list_display = ["uri", "persona"]
    list_select_related = ["persona"]
    search_fields = ["uri", "persona__aor", "persona__name"]
    autocomplete_fields = ["persona"]
    user_field = "persona_id"
    own_address = "uri"

    def has_change_permission(self, request: HttpRequest, obj: Alias | None = None) -> bool:
        """An address of record follows from the user's page."""
        return (obj is None or not obj.is_aor) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Alias | None = None) -> bool:
        """An address of record cannot be removed."""
        return (obj is None or not obj.is_aor) and super().has_delete_permission(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Alias]) -> None:
        """In bulk the addresses of record stay."""
        super().delete_queryset(request, queryset.exclude(uri=F("persona__aor")))

"""Pages for domains, users and aliases."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, F, QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from provisioning.admin.base import PolicyAdmin
from provisioning.announce import announce
from provisioning.fields import domain_name
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


@admin.register(Domain)
class DomainAdmin(PolicyAdmin):
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
class PersonaAdmin(PolicyAdmin):
    """Users."""

    form = PersonaForm
    inlines = [AliasInline, MappingInline]
    list_display = ["aor", "name", "domain", "enabled", "addresses", "password_set"]
    list_filter = ["enabled", "domain", HasPassword, "publish_policy"]
    list_select_related = ["domain"]
    search_fields = ["aor", "name", "aliases__uri"]
    autocomplete_fields = ["domain", "delegates"]
    ordering = ["aor"]
    list_per_page = 50
    show_full_result_count = False
    actions = ["enable", "disable"]
    fieldsets = [
        (None, {"fields": ["domain", "user", "name", "password", "new_pin", "enabled"]}),
        ("Watchers and messages", {"fields": ["confirm_watchers", "offline_messages", "timeline"]}),
        ("Publishing", {"fields": ["publish_policy", "delegates"], "classes": ["collapse"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Persona]:
        """With the number of addresses."""
        return super().get_queryset(request).annotate(address_count=Count("aliases", distinct=True))

    @admin.display(description="Addresses", ordering="address_count")
    def addresses(self, persona: Persona) -> int:
        """Address of record and aliases."""
        return persona.address_count  # type: ignore[attr-defined]

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

    def _switch(self, request: HttpRequest, queryset: QuerySet[Persona], on: bool) -> None:
        count = Persona.objects.filter(pk__in=queryset.values("pk")).update(enabled=on)
        announce(Persona)
        self.message_user(request, f"{count} users {'enabled' if on else 'disabled'}.", messages.SUCCESS)


@admin.register(Alias)
class AliasAdmin(PolicyAdmin):
    """All addresses, for searching."""

    list_display = ["uri", "persona"]
    list_select_related = ["persona"]
    search_fields = ["uri", "persona__aor", "persona__name"]
    autocomplete_fields = ["persona"]
    show_full_result_count = False

    def has_change_permission(self, request: HttpRequest, obj: Alias | None = None) -> bool:
        """An address of record follows from the user's page."""
        return (obj is None or not obj.is_aor) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Alias | None = None) -> bool:
        """An address of record cannot be removed."""
        return (obj is None or not obj.is_aor) and super().has_delete_permission(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Alias]) -> None:
        """In bulk the addresses of record stay."""
        super().delete_queryset(request, queryset.exclude(uri=F("persona__aor")))

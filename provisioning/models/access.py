"""Who may see whom, and how much of it: access lists, privacy lists, watcher filters (D-15, D-16, D-18)."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from provisioning.choices import DeviceKind, Effect, FilterKind, PrivacyKind, SubjectKind
from provisioning.fields import ChoiceListField, DomainNameField, domain_name
from provisioning.history import recording
from provisioning.history.records import Part, Records
from provisioning.models.people import Persona
from provisioning.uri import Aor, BadUri


class Subject(models.Model):
    """Whom a row of a list means: one address, or everybody in a domain."""

    kind = models.CharField(max_length=8, choices=SubjectKind.choices, default=SubjectKind.URI)
    value = models.CharField("address or domain", max_length=320)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.value)

    def clean(self) -> None:
        """One spelling only, as the kind has it."""
        try:
            self.value = canonical_subject(self.kind, self.value)
        except ValidationError as error:
            raise ValidationError({"value": error}) from None

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save in canonical form."""
        self.clean()
        super().save(*args, **kwargs)


def canonical_subject(kind: str, value: str) -> str:
    """The one spelling of an address or domain; raises ValidationError."""
    if kind == SubjectKind.DOMAIN:
        return domain_name(value)
    try:
        return str(Aor.parse(value))
    except BadUri as error:
        raise ValidationError(f"“{value}” is not a SIP URI: {error}", code="invalid") from None


class UriAcl(models.Model):
    """The administrator's list of who may watch one user (R-SUB-09); without it the engine's setting decides."""

    presentity = models.OneToOneField(Persona, on_delete=models.CASCADE, related_name="uri_acl", verbose_name="user")
    default = models.CharField(
        max_length=16,
        choices=Effect.choices,
        default=Effect.BLOCK,
        help_text="For watchers whom no entry names. An entry by address goes before one by domain.",
    )
    history = Records(parts=(Part("entries", ("kind", "value", "effect"), key=("kind", "value")),))

    class Meta:
        ordering = ["presentity__aor"]
        verbose_name = "URI access list"

    def __str__(self) -> str:
        return f"who may watch {self.presentity}"


class UriAclEntry(Subject):
    """A watcher or a domain of watchers, and what becomes of them."""

    acl = models.ForeignKey(UriAcl, on_delete=models.CASCADE, related_name="entries", verbose_name="access list")
    effect = models.CharField(max_length=16, choices=Effect.choices, default=Effect.ALLOW)

    class Meta:
        ordering = ["kind", "value"]
        verbose_name = "access list entry"
        verbose_name_plural = "access list entries"
        constraints = [models.UniqueConstraint(fields=["acl", "kind", "value"], name="one_acl_entry_a_subject")]


class PrivacyList(models.Model):
    """What a user lets some watchers see (R-CMP-04); the administrator's list is asked first."""

    owner = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="privacy_lists", verbose_name="user")
    kind = models.CharField(max_length=8, choices=PrivacyKind.choices, default=PrivacyKind.CUSTOM)
    name = models.CharField(max_length=100, blank=True, help_text="Custom lists have a name.")
    filter = models.CharField(max_length=16, choices=FilterKind.choices, default=FilterKind.NONE)
    hidden_devices = ChoiceListField(
        choices=DeviceKind.choices, help_text="Devices of these types are not shown; the person always is."
    )
    history = Records(parts=(Part("members", ("kind", "value"), key=("kind", "value")),))

    class Meta:
        ordering = ["owner__aor", "kind", "name"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "kind", "name"], name="one_privacy_list_of_a_name"),
            models.CheckConstraint(
                condition=Q(kind=PrivacyKind.CUSTOM) | Q(name=""),
                name="only_custom_privacy_lists_have_names",
                violation_error_message="Only a custom list has a name.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner}: {self.name or self.get_kind_display()}"

    def clean(self) -> None:
        """A custom list is told from others by its name; what Blocked shows is not up to it."""
        if self.kind == PrivacyKind.CUSTOM and not self.name:
            raise ValidationError({"name": "A custom list needs a name."})
        if self.kind != PrivacyKind.CUSTOM and self.name:
            raise ValidationError({"name": "Only a custom list has a name."})
        if self.kind == PrivacyKind.BLOCKED and (self.filter != FilterKind.NONE or self.hidden_devices):
            raise ValidationError("Who is blocked only ever sees Unavailable; a filter has no meaning.")


class PrivacyListMember(Subject):
    """A watcher or a domain of watchers in a privacy list."""

    list = models.ForeignKey(PrivacyList, on_delete=models.CASCADE, related_name="members")

    class Meta:
        ordering = ["kind", "value"]
        constraints = [models.UniqueConstraint(fields=["list", "kind", "value"], name="one_member_a_privacy_list")]

    def clean(self) -> None:
        """Default is for those who are in no list."""
        super().clean()
        if self.list_id is not None and self.list.kind == PrivacyKind.DEFAULT:
            raise ValidationError("The default list has no members: it is for everyone who is in no other list.")


class WatcherFilter(models.Model):
    """What watchers of a domain, or those with a kind of client, are sent (R-SUB-10, R-SUB-17, R-SUB-18, D-18)."""

    kind = models.CharField(max_length=16, choices=FilterKind.choices)
    domain = DomainNameField(blank=True, help_text="Of the watcher's address.")
    client_type = models.CharField(
        max_length=100, blank=True, help_text="As in User-Agent before / or white space; any case."
    )
    client_version = models.CharField(
        max_length=50, blank=True, help_text="Exact or the beginning of it; empty for all versions."
    )
    history = Records()

    class Meta:
        ordering = ["domain", "client_type", "client_version"]
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "client_type", "client_version"], name="one_watcher_filter_a_subject"
            ),
            models.CheckConstraint(
                condition=(Q(domain="") & ~Q(client_type="")) | (~Q(domain="") & Q(client_type="", client_version="")),
                name="a_watcher_filter_has_one_subject",
                violation_error_message="Either a domain, or a client type.",
            ),
        ]

    def __str__(self) -> str:
        subject = self.domain or f"{self.client_type} {self.client_version}".rstrip()
        return f"{subject}: {self.get_kind_display()}"

    def clean(self) -> None:
        """One subject only: two rows that both match apply both."""
        if bool(self.domain) == bool(self.client_type) or (self.domain and self.client_version):
            raise ValidationError("Either a domain, or a client type.")


ALLOWED = "Allowed"
"Name of the custom list for watchers whom a user has allowed when asked."


def decide(owner_id: int, watcher: Aor, allow: bool) -> None:
    """A user has decided about a watcher (D-15): it stands in Allowed or in Blocked, and not in the other."""
    kind, name = (PrivacyKind.CUSTOM, ALLOWED) if allow else (PrivacyKind.BLOCKED, "")
    if allow:
        other = PrivacyList.objects.filter(owner_id=owner_id, kind=PrivacyKind.BLOCKED)
    else:
        other = PrivacyList.objects.filter(owner_id=owner_id, kind=PrivacyKind.CUSTOM, name=ALLOWED)
    with recording.together():
        PrivacyListMember.objects.filter(list__in=other, kind=SubjectKind.URI, value=watcher).delete()
        found, _ = PrivacyList.objects.get_or_create(owner_id=owner_id, kind=kind, name=name)
        PrivacyListMember.objects.get_or_create(list=found, kind=SubjectKind.URI, value=str(watcher))
